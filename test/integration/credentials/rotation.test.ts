import { afterAll, beforeAll, expect, it } from "vitest";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";
import type { CloudEventClient } from "../../support/cloud-event-client.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { createLedger } from "../../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { makeSecretFiles, type SecretFiles } from "../../support/secret-files.ts";
import { startSenders } from "./senders.ts";

const USERS = `authorization { users: [
  { user: old, password: old-secret }, { user: new, password: new-secret }, { user: test, password: test }
] }`;

let files: SecretFiles;
let nats: NatsServer;
let sink: EventSink;
let plane: DataPlane;
let client: CloudEventClient;

beforeAll(async () => {
  files = await makeSecretFiles();
  await files.mount("nats", { username: "old", password: "old-secret" });
  nats = await startNatsServer({ config: USERS });
  sink = await startEventSink({ record: "ids" });
  plane = await startDataPlane({
    nats,
    user: { user: "test", pass: "test" },
    login: { auth: { usernamePassword: { secret: { secretName: "nats" } } } },
    env: { SECRETS_PATH: files.root },
    channels: [
      aChannel({
        name: "rotated",
        spec: { subscribers: [aSubscriber({ uid: "one", uri: sink.url })] },
      }),
    ],
  });
  client = plane.client("rotated");
});

afterAll(async () => {
  await plane.stop();
  await sink.close();
  await nats.stop();
  await files.remove();
});

/** Names the users that are connected, as the server knows them. */
async function connectedUsers(): Promise<string[]> {
  const response = await fetch(`${nats.monitorUrl}/connz?auth=true`);
  const { connections } = (await response.json()) as {
    connections: { authorized_user?: string }[];
  };
  return connections.map((one) => one.authorized_user ?? "");
}

it("goes over to changed credentials under load, without refusing or losing an event", async () => {
  const ledger = createLedger("one");
  sink.onRequest = ({ event }) => ledger.received("one", event?.id ?? "");
  const senders = startSenders(client, ledger, 8);
  await eventually(() => sink.ids.length > 200, { within: 20_000, what: "events under way" });
  await files.mount("nats", { username: "new", password: "new-secret" });
  await eventually(
    async () => {
      const users = await connectedUsers();
      return users.includes("new") && !users.includes("old");
    },
    { within: 20_000, what: "the new user and not the old one" },
  );
  const before = sink.ids.length;
  await eventually(() => sink.ids.length > before + 200, { within: 20_000, what: "more events" });
  await senders.stop();
  await eventually(() => ledger.missing("one").length === 0, {
    within: 40_000,
    what: "every acknowledged event at the subscriber",
  });
  expect([...senders.statuses]).toEqual([202]);
  expect(await plane.dispatcher.metrics()).toContain(
    'nats_disconnects_total{login="dispatcher"} 0',
  );
});

it("keeps its connection when the changed credentials do not work, and says so without them", async () => {
  await files.mount("nats", { username: "new", password: "mistyped-secret" });
  const line = await plane.dispatcher.waitForLog(
    ({ msg }) => msg === "changed login to nats does not work, keeping the connection",
    { within: 20_000, what: "the log line" },
  );
  expect(line.error).toMatch(/authorization violation/i);
  expect(await client.sendBinary({ id: "after" })).toMatchObject({ status: 202 });
  expect(JSON.stringify(plane.dispatcher.logs)).not.toContain('secret"');
  expect(JSON.stringify(plane.dispatcher.logs)).not.toMatch(/(old|new|mistyped)-secret/);
});
