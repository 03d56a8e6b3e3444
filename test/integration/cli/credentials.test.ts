import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, credsAuthenticator } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runCli } from "../../support/cli.ts";
import { makeOperator } from "../../support/nats-jwt.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";

const operator = makeOperator();
let nats: NatsServer;
let folder: string;
let creds: string;
let config: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "jetstream-channel-creds-"));
  creds = join(folder, "me.creds");
  config = join(folder, "eventing-jetstream");
  nats = await startNatsServer({ config: operator.config });
  await writeFile(creds, operator.credentials());
  const auth = "{ credentialFile: { secret: { secretName: theirs, key: nats.creds } } }";
  await writeFile(config, `url: ${nats.url}\nauth: ${auth}\n`);
  const authenticator = credsAuthenticator(new TextEncoder().encode(operator.credentials()));
  const nc = await connect({ servers: nats.url, authenticator });
  await (await jetstreamManager(nc)).streams.add({ name: "S", subjects: ["s"] });
  await jetstream(nc).publish("s", "one");
  await nc.close();
});

afterAll(async () => {
  await nats.stop();
  await rm(folder, { recursive: true, force: true });
});

it("logs in with a credentials file, in place of the login that a configuration names", async () => {
  const ways = [
    ["--nats-url", nats.url],
    ["--nats-config", config],
  ];
  for (const way of ways) {
    const { out, err } = await runCli(["peek", "--stream=S", "--creds", creds, ...way]);
    expect([out.split("\n").length, err]).toEqual([2, ""]);
  }
});

it("says what is wrong with the file, without what is in it", async () => {
  const given = ["peek", "--stream=S", "--nats-url", nats.url, "--creds"];
  const missing = await runCli([...given, join(folder, "none.creds")]);
  expect(missing.err).toMatch(/^jetstream-channel: cannot connect to NATS: .*none\.creds/);
  const wrong = await runCli([...given, config]);
  expect(wrong.err).toContain("holds no user JWT");
  expect(wrong.err).not.toContain("theirs");
  expect([missing.exitCode, wrong.exitCode]).toEqual([1, 1]);
});
