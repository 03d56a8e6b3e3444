import { credsAuthenticator } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { makeOperator } from "../../support/nats-jwt.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { makeSecretFiles, type SecretFiles } from "../../support/secret-files.ts";
import { shownPage } from "../standalone/standalone-world.ts";

const LIVES_MS = 4_000;
const within = 30_000;
const operator = makeOperator();

let files: SecretFiles;
let nats: NatsServer;
let sink: EventSink;
let plane: DataPlane;

beforeAll(async () => {
  files = await makeSecretFiles();
  await files.mount("nats", { "nats.creds": operator.credentials() });
  nats = await startNatsServer({ config: operator.config });
  sink = await startEventSink();
  plane = await startDataPlane({
    nats,
    user: { authenticator: credsAuthenticator(new TextEncoder().encode(operator.credentials())) },
    login: { auth: { credentialFile: { secret: { secretName: "nats" } } } },
    dispatch: { publishTimeout: "PT30S" },
    env: { SECRETS_PATH: files.root },
    channels: [
      aChannel({
        name: "orders",
        spec: { subscribers: [aSubscriber({ uid: "one", uri: sink.url })] },
      }),
    ],
  });
});

afterAll(async () => {
  await plane.stop();
  await sink.close();
  await nats.stop();
  await files.remove();
});

async function readyz(): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${plane.dispatcher.adminPort}/readyz`);
  return `${response.status} ${await response.text()}`;
}

it("says that its login has expired under way, once, and goes on where it was with the next", async () => {
  const { dispatcher } = plane;
  const client = plane.client("orders");
  const expiresAt = new Date(Math.ceil((Date.now() + LIVES_MS) / 1_000) * 1_000);
  await files.mount("nats", { "nats.creds": operator.credentials({ expiresAt }) });
  await dispatcher.waitForLog(({ msg }) => msg?.startsWith("login to nats changed") === true, {
    within,
    what: "the login that expires",
  });
  expect(await client.sendBinary({ id: "before" })).toMatchObject({ status: 202 });
  const metric = "jetstream_channel_credential_expiry_timestamp_seconds";
  expect(await dispatcher.metrics()).toContain(
    `${metric}{login="dispatcher",kind="user-jwt"} ${expiresAt.getTime() / 1_000}`,
  );

  const reason = `the user JWT in key "nats.creds" of Secret "nats" expired at ${expiresAt.toISOString()}`;
  const shown = await eventually(
    async () => {
      const text = await readyz();
      return text.includes(reason) && text;
    },
    { within, what: "the reason in /readyz" },
  );
  expect(shown).toMatch(/^503 .*not connected to NATS: .*authorization violation; /);
  expect((await shownPage(dispatcher)).nats).toMatchObject({
    state: "connecting",
    lastError: expect.stringContaining(reason),
  });

  const meanwhile = Array.from({ length: 20 }, (_, i) => client.sendBinary({ id: `during-${i}` }));
  const attempts = () => nats.log.filter((line) => /authentication error/i.test(line)).length;
  await eventually(() => attempts() >= 3, { within, what: "a few attempts to connect" });
  const linesOf = (line: string) => dispatcher.logs.filter(({ msg }) => msg === line);
  expect(linesOf("connection to nats lost")[0]).toMatchObject({
    error: expect.stringMatching(/authentication expired/i),
  });
  expect(linesOf("cannot connect to nats, trying again")).toMatchObject([
    { error: `authorization violation; ${reason}` },
  ]);

  await files.mount("nats", { "nats.creds": operator.credentials() });
  await eventually(async () => (await readyz()).startsWith("200"), { within, what: "readiness" });
  const statuses = (await Promise.all(meanwhile)).map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([202]));
  await eventually(() => new Set(sink.ids).size === 21, { within, what: "every event" });
  expect(JSON.stringify(dispatcher.logs)).not.toMatch(/eyJ|SU[A-Z0-9]{40}/);
});
