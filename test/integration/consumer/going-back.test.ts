/** The way back to the Go implementation, as docs/migration.md has it, with the requests that its `nats` commands make. */
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, it } from "vitest";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import {
  addPushConsumer,
  CONSUMER,
  deliverSubject,
  type GoStream,
  leaveAsGo,
  storeEvent,
  UID,
} from "./go-leftovers.ts";

const retentions = ["limits", "interest", "workqueue"] as const;
/** Delivered by nobody yet when the Go implementation takes over again. */
const WAITING = [13, 14];

let nats: NatsServer;
let nc: NatsConnection;
let jsm: JetStreamManager;
let sink: EventSink;
let plane: DataPlane;

beforeAll(async () => {
  nats = await startNatsServer();
  nc = await connect({ servers: nats.url });
  jsm = await jetstreamManager(nc);
  sink = await startEventSink({ record: "ids" });
  for (const retention of retentions) await leaveAsGo(nc, jsm, streamOf(retention));
  plane = await startDataPlane({
    nats,
    channels: retentions.map((retention) =>
      aChannel({
        name: retention,
        spec: {
          subscribers: [aSubscriber({ uid: UID, uri: sink.url })],
          stream: { config: { retention: retention === "workqueue" ? "Work" : retention } },
        },
      }),
    ),
  });
  for (const retention of retentions) await delivered(streamOf(retention));
  await plane.dispatcher.kill("SIGTERM");
});

afterAll(async () => {
  await plane.stop();
  await sink.close();
  await nc.close();
  await nats.stop();
});

function streamOf(retention: GoStream["retention"]): GoStream {
  const stream = `KN_DEFAULT__${retention.toUpperCase()}`;
  return { channel: retention, stream, subject: `default.${retention}._knative`, retention };
}

async function delivered({ stream }: GoStream): Promise<void> {
  const isDone = async () =>
    (await jsm.consumers.info(stream, CONSUMER)).ack_floor.stream_seq === 12;
  await eventually(isDone, { within: 10_000, what: `everything of ${stream} to be delivered` });
}

it.each(retentions)("gives the Go implementation what waits on a %s stream", async (retention) => {
  const { stream, subject } = streamOf(retention);
  for (const event of WAITING) await storeEvent(nc, subject, event);
  if (retention === "interest") {
    await jsm.consumers.add(stream, { durable_name: "KEEP", ack_policy: "explicit" });
  }
  await jsm.consumers.delete(stream, CONSUMER);
  const received = new Set<number>();
  nc.subscribe(deliverSubject(subject), {
    queue: CONSUMER,
    callback: (_error, message) => {
      received.add(Number(message.json<{ id: string }>().id));
      message.respond("+ACK");
    },
  });
  await addPushConsumer(jsm, stream, subject);
  if (retention === "interest") await jsm.consumers.delete(stream, "KEEP");
  const isThere = () => WAITING.every((event) => received.has(event));
  await eventually(isThere, { within: 10_000, what: "what waited" });
});
