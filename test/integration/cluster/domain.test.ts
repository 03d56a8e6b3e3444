import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { type StandaloneWorld, startStandalone, streamOf } from "../standalone/standalone-world.ts";

const WITHIN = 20_000;
let hub: NatsServer;
let leaf: NatsServer;
let sink: EventSink;
let world: StandaloneWorld;
let hubConnection: NatsConnection;

/** The dispatcher is on a leaf node that has a JetStream of its own, and is told to use the hub's. */
beforeAll(async () => {
  const port = await freePort();
  hub = await startNatsServer({
    jetstream: "domain: hub",
    config: `leafnodes { listen: "127.0.0.1:${port}" }`,
  });
  leaf = await startNatsServer({
    jetstream: "domain: leaf",
    config: `leafnodes { remotes: [{ url: "nats-leaf://127.0.0.1:${port}" }] }`,
  });
  hubConnection = await connect({ servers: hub.url });
  sink = await startEventSink({ respond: (_, attempt) => ({ status: attempt > 1 ? 200 : 503 }) });
  const subscribers = [{ uid: "far", uri: sink.url, delivery: { backoffDelay: "PT0.1S" } }];
  const options = { nats: leaf, jetstream: { domain: "hub" } };
  world = await startStandalone({ far: { subscribers } }, options);
});

afterAll(async () => {
  await world?.stop();
  await sink?.close();
  await hubConnection?.close();
  await leaf?.stop();
  await hub?.stop();
});

async function streamsOf(connection: NatsConnection, domain: string): Promise<string[]> {
  const jsm = await jetstreamManager(connection, { domain });
  const names: string[] = [];
  for await (const name of jsm.streams.names()) names.push(name);
  return names;
}

async function passes(): Promise<void> {
  const id = crypto.randomUUID();
  const client = world.dataPlane.client("far");
  const send = async () => (await client.sendBinary({ id })).status === 202;
  await eventually(send, { within: WITHIN, what: "202" });
  const twice = () => sink.ids.filter((one) => one === id).length === 2;
  await eventually(twice, { within: WITHIN, what: "its delivery, after one that failed" });
}

/** Waits until all that was stored on the hub is acknowledged there. */
async function settled(stored: number): Promise<void> {
  const jsm = await jetstreamManager(hubConnection, { domain: "hub" });
  await eventually(
    async () => {
      const info = await jsm.consumers.info(streamOf("far"), "KN_SUB_FAR");
      expect(info.ack_floor.stream_seq).toBe(stored);
      expect(info).toMatchObject({ num_ack_pending: 0, num_pending: 0 });
    },
    { within: WITHIN, what: "everything to be acknowledged in the domain" },
  );
}

it("streams are made, events stored, delivered, given back and acknowledged in the domain that is configured", async () => {
  expect(await streamsOf(hubConnection, "hub")).toEqual([streamOf("far")]);
  expect(await streamsOf(world.dataPlane.nc, "leaf")).toEqual([]);
  await passes();
  await passes();
  await settled(2);
});

it("an edit and the end of a channel are carried out there too", async () => {
  const subscribers = [{ uid: "far", uri: sink.url }];
  const config = { maxMsgs: 1_000 };
  await world.edit({ far: { subscribers, spec: { stream: { config } } } });
  const jsm = await jetstreamManager(hubConnection, { domain: "hub" });
  const maximum = async () => (await jsm.streams.info(streamOf("far"))).config.max_msgs;
  await eventually(async () => (await maximum()) === 1_000, { within: WITHIN, what: "the edit" });
  await world.edit({ far: { spec: { stream: { config, deletionPolicy: "Delete" } } } });
  await eventually(async () => (await jsm.consumers.list(streamOf("far")).next()).length === 0, {
    within: WITHIN,
    what: "the consumer to go with its subscriber",
  });
  await world.edit({ far: undefined, near: {} });
  await eventually(
    async () => expect(await streamsOf(hubConnection, "hub")).toEqual([streamOf("near")]),
    { within: WITHIN, what: "the stream to go with its channel" },
  );
  expect(await streamsOf(world.dataPlane.nc, "leaf")).toEqual([]);
});
