import { expect, it } from "vitest";
import { parseNatsConfig } from "../../../src/api/nats-config.ts";

const DEFAULTS = {
  servers: undefined,
  auth: undefined,
  tls: undefined,
  warnings: [],
  jetstream: { domain: "", subjectPrefix: "", streamPrefix: "" },
  dispatch: {
    timeoutMs: 300_000,
    concurrency: 100,
    memoryBytes: 128 * 2 ** 20,
    publishTimeoutMs: 10_000,
    maxPublishes: 4096,
    publishBytes: 64 * 2 ** 20,
    maxEventBytes: undefined,
    requestTimeoutMs: 30_000,
    headersTimeoutMs: 10_000,
    keepAliveTimeoutMs: 75_000,
    quietPeriodMs: 5000,
    gracePeriodMs: 60_000,
  },
};

it.each([
  [undefined],
  [null],
  [{}],
  [{ url: null, auth: null, dispatch: null, jetstream: {} }],
  [{ auth: {} }],
])("fills every default into %j", (file) => {
  expect(parseNatsConfig(file)).toEqual(DEFAULTS);
});

it("compiles everything that can be given", () => {
  const file = {
    url: "nats://a.nats:4222, tls://b.nats:4222,c.nats",
    auth: { usernamePassword: { secret: { secretName: "nats-login", passwordKey: "pass" } } },
    tls: {
      secretName: "nats-tls",
      caSecret: { secretName: "nats-ca" },
      caConfigMap: { name: "nats-ca", key: "bundle.pem" },
    },
    jetstream: { domain: "leaf", subjectPrefix: "plant.east", streamPrefix: "EAST_" },
    dispatch: {
      timeout: "PT1M",
      concurrency: 1000,
      memory: "16Mi",
      publishTimeout: "PT0.5S",
      maxPublishes: 1,
      publishMemory: 2_000_000,
      maxEventSize: "900k",
      requestTimeout: "PT20S",
      headersTimeout: "PT20S",
      keepAliveTimeout: "PT1H",
      quietPeriod: "PT0S",
      gracePeriod: "P1D",
    },
  };
  expect(parseNatsConfig(file)).toEqual({
    servers: ["nats://a.nats:4222", "tls://b.nats:4222", "c.nats"],
    auth: {
      usernamePassword: {
        secret: { secretName: "nats-login", usernameKey: "username", passwordKey: "pass" },
      },
    },
    tls: {
      secretName: "nats-tls",
      caSecret: { secretName: "nats-ca", key: "ca.crt" },
      caConfigMap: { name: "nats-ca", key: "bundle.pem" },
      caBundle: undefined,
    },
    warnings: [],
    jetstream: { domain: "leaf", subjectPrefix: "plant.east", streamPrefix: "EAST_" },
    dispatch: {
      timeoutMs: 60_000,
      concurrency: 1000,
      memoryBytes: 16 * 2 ** 20,
      publishTimeoutMs: 500,
      maxPublishes: 1,
      publishBytes: 2_000_000,
      maxEventBytes: 900_000,
      requestTimeoutMs: 20_000,
      headersTimeoutMs: 20_000,
      keepAliveTimeoutMs: 3_600_000,
      quietPeriodMs: 0,
      gracePeriodMs: 86_400_000,
    },
  });
});

it.each([
  ["credentialFile", { key: "nats.creds" }],
  ["usernamePassword", { usernameKey: "username", passwordKey: "password" }],
  ["token", { key: "token" }],
  ["nKey", { key: "nats.creds" }],
])("knows the default keys of %s", (way, keys) => {
  expect(parseNatsConfig({ auth: { [way]: { secret: { secretName: "s" } } } }).auth).toEqual({
    [way]: { secret: { secretName: "s", ...keys } },
  });
});

it("is frozen to the bottom", () => {
  const config = parseNatsConfig({ url: "a", tls: { caConfigMap: { name: "ca" } }, connOpts: {} });
  const { servers, tls, warnings, dispatch } = config;
  const parts = [config, servers, tls?.caConfigMap, warnings, dispatch];
  expect(parts.every(Object.isFrozen)).toBe(true);
});
