import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseEnvironment, readConfiguration } from "../../../src/dispatcher/configuration.ts";
import { errorMessage } from "../../../src/runtime/errors.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "jetstream-channel-configuration-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(text: string | undefined, env: Record<string, string> = {}) {
  const path = join(folder, "eventing-jetstream");
  if (text !== undefined) await writeFile(path, text);
  const named = text === undefined ? {} : { NATS_CONFIG_PATH: path };
  return await readConfiguration(parseEnvironment({ ...named, ...env }));
}

async function faultOf(text: string | undefined, env: Record<string, string> = {}) {
  const error = await read(text, env).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error === undefined) throw new Error("it was taken");
  return errorMessage(error);
}

describe("the environment", () => {
  it("has defaults for everything", () => {
    expect(parseEnvironment({})).toEqual({
      HTTP_PORT: 8080,
      ADMIN_PORT: 9090,
      CLUSTER_ID: "standalone",
      CLUSTER_DOMAIN: "cluster.local",
      POD_NAMESPACE: "default",
      KNATIVE_CONFIG_PATH: "/etc/jetstream-channel/knative",
      OTEL_TRACES_SAMPLER_ARG: 1,
      SERVICE_ACCOUNT_PATH: "/var/run/secrets/kubernetes.io/serviceaccount",
      SECRETS_PATH: "/etc/jetstream-channel/secrets",
    });
  });

  it("is read, and an empty variable is unset", () => {
    const env = { CHANNELS_PATH: "/c.yaml", HTTP_PORT: "0", CLUSTER_ID: "", LOG_LEVEL: "debug" };
    expect(parseEnvironment(env)).toMatchObject({
      CHANNELS_PATH: "/c.yaml",
      HTTP_PORT: 0,
      CLUSTER_ID: "standalone",
      LOG_LEVEL: "debug",
    });
  });

  it.each([
    [{ HTTP_PORT: "http" }, /a port number from 0 to 65535 expected\s+→ at HTTP_PORT/],
    [{ ADMIN_PORT: "65536" }, /→ at ADMIN_PORT/],
    [{ LOG_LEVEL: "loud" }, /one of trace, debug, .* expected\s+→ at LOG_LEVEL/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" }, /an http or https url .*→ at OTEL_EXP/s],
    [{ OTEL_TRACES_SAMPLER_ARG: "2" }, /a number from 0 to 1 expected\s+→ at OTEL_TRACES_SAMPLER/],
    [{ OTEL_TRACES_SAMPLER_ARG: "all" }, /a number from 0 to 1 expected/],
  ])("%j is refused with the variable and what is allowed", (env, fault) => {
    expect(() => parseEnvironment(env)).toThrow(fault);
  });
});

describe("where the servers are", () => {
  it.each([
    ["the file says", "url: nats://a:1,nats://b:2", {}, ["nats://a:1", "nats://b:2"]],
    ["NATS_URL says against the file", "url: nats://a:1", { NATS_URL: "c:3" }, ["c:3"]],
    [
      "NATS_URL says with spaces",
      "",
      { NATS_URL: "nats://c:3 , tls://d" },
      ["nats://c:3", "tls://d"],
    ],
    ["nobody says", "", {}, ["nats://nats.nats.svc.cluster.local:4222"]],
  ])("%s", async (_what, text, env, servers) => {
    expect((await read(text, env)).servers).toEqual(servers);
  });

  it.each(["nats://a,", "http://a", "nats://", "nats://me:secret@"])(
    "%s in NATS_URL is refused, without its password",
    async (NATS_URL) => {
      const fault = await faultOf("", { NATS_URL });
      expect(fault).toMatch(/^NATS_URL is not right: nats url/);
      expect(fault).not.toContain("secret");
    },
  );
});

describe("the configuration file", () => {
  it("that is not there counts as empty, unless the environment names it", async () => {
    expect((await read(undefined)).dispatch.concurrency).toBe(100);
    expect(await faultOf(undefined, { NATS_CONFIG_PATH: join(folder, "none") })).toMatch(
      /^cannot read the configuration file .*none \(NATS_CONFIG_PATH\): ENOENT/,
    );
  });

  it("that cannot be read is a fault that names it", async () => {
    expect(await faultOf(undefined, { NATS_CONFIG_PATH: folder })).toMatch(/EISDIR/);
  });

  it.each(["", "   \n", "# nothing\n", "{}\n", "dispatch: {}\njetstream: {}\n"])(
    "%j is all defaults",
    async (text) => {
      expect((await read(text)).jetstream).toEqual({
        domain: "",
        subjectPrefix: "",
        streamPrefix: "",
      });
    },
  );

  it("is read", async () => {
    const text = "dispatch: { timeout: PT9S, memory: 32Mi }\njetstream: { domain: hub }\n";
    expect(await read(text)).toMatchObject({
      dispatch: { timeoutMs: 9_000, memoryBytes: 33_554_432 },
      jetstream: { domain: "hub" },
    });
  });

  it.each([
    ["that does not parse", "url: [", /eventing-jetstream is not right: /],
    ["that is a list", "- url", /eventing-jetstream is not right: /],
    ["of two documents", "url: a\n---\nurl: b", /not right: one YAML document expected/],
    ["with a typo", "jetstream: { domian: hub }", /jetstream: .*domian.*domain, subjectPrefix/s],
    ["with a bad value", "dispatch: { timeout: 5m }", /dispatch\.timeout: .*"5m"/s],
  ])("%s is a fault that names the file", async (_what, text, fault) => {
    expect(await faultOf(text)).toMatch(fault);
  });
});
