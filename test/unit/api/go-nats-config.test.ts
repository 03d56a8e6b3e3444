import { expect, it } from "vitest";
import { parseNatsConfig } from "../../../src/api/nats-config.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

it.each([
  [
    "auth.credentialFile.secret.name",
    { auth: { credentialFile: { secret: { name: "s", key: "k" } } } },
    { auth: { credentialFile: { secret: { secretName: "s", key: "k" } } } },
    "write auth.credentialFile.secret.secretName instead",
  ],
  [
    "auth.tls.secret.name",
    { auth: { tls: { secret: { name: "s" } } } },
    { tls: { secretName: "s" } },
    "write tls.secretName instead",
  ],
  [
    "tls.secret.name",
    { tls: { secret: { name: "s" } } },
    { tls: { caSecret: { secretName: "s" } } },
    "write tls.caSecret.secretName instead",
  ],
  ["connOpts", { connOpts: { retryOnFailedConnect: true } }, {}, "ignored, and nothing is lost"],
])("understands %s of the Go implementation, with a warning", (field, theirs, ours, advice) => {
  const { warnings, ...config } = parseNatsConfig(theirs);
  const { warnings: _, ...same } = parseNatsConfig(ours);
  expect(config).toEqual(same);
  expect(warnings).toEqual([expect.stringMatching(`^${field}: .*${advice}`)]);
});

it("understands tls.caBundle of the Go implementation, with a warning", () => {
  const { tls, warnings } = parseNatsConfig({ tls: { caBundle: btoa(PEM) } });
  expect(tls?.caBundle).toBe(PEM);
  expect(warnings).toEqual([expect.stringMatching(/^tls.caBundle: .*write tls.caConfigMap/)]);
});

it("understands a whole file of the Go implementation", () => {
  const shared = { name: "shared" };
  const { servers, auth, tls, warnings } = parseNatsConfig({
    url: "nats://nats.nats-io.svc.cluster.local",
    connOpts: { retryOnFailedConnect: true, maxReconnects: 5, reconnectWaitMilliseconds: 2000 },
    // One object in all three places, as a YAML alias has it.
    auth: { credentialFile: { secret: shared }, tls: { secret: shared } },
    tls: { secret: shared },
  });
  expect(servers).toEqual(["nats://nats.nats-io.svc.cluster.local"]);
  expect(auth).toEqual({ credentialFile: { secret: { secretName: "shared", key: "nats.creds" } } });
  expect(tls).toEqual({
    secretName: "shared",
    caSecret: { secretName: "shared", key: "ca.crt" },
  });
  expect(warnings).toHaveLength(4);
});

it.each([
  [
    "what is spelled both ways",
    { auth: { tls: { secret: { name: "a" } } }, tls: { secretName: "b" } },
    'auth: unknown key "tls"',
  ],
  [
    "a fault, with its path as it is in the file",
    { auth: { tls: { secret: { name: "../x" } } } },
    "\n  auth.tls.secret.name: a Secret's name",
  ],
  [
    "what it does not know beside what it knows",
    { tls: { secret: { name: "a", kye: "b" } } },
    'tls: unknown key "secret"',
  ],
  [
    "a place that is taken by a text",
    { auth: { tls: { secret: { name: "a" } } }, tls: "x" },
    "auth: ",
  ],
])("refuses in the Go implementation's shape %s", (_, file, sentence) => {
  expect(() => parseNatsConfig(file)).toThrow(sentence);
});
