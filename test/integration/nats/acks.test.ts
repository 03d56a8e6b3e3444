import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect, createInbox, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { Acks } from "../../../src/nats/acks.ts";
import { Connection } from "../../../src/nats/connection.ts";
import { deliveryPosition } from "../../../src/nats/delivery.ts";
import { createLogger } from "../../../src/runtime/logger.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";

const log = createLogger({ name: "test", level: "silent" });
const MINUTE_NANOS = 60_000_000_000;

let server: NatsServer;
let connection: Connection;
let acks: Acks;
let nc: NatsConnection;
let jsm: JetStreamManager;
let streams = 0;
let stream: string;

beforeAll(async () => {
  server = await startNatsServer();
  nc = await connect({ servers: server.url });
  jsm = await jetstreamManager(nc);
  connection = new Connection({ servers: [server.url], name: "test", log });
  connection.start();
  acks = new Acks(connection);
  const within = 10_000;
  await eventually(() => connection.current !== undefined, { within, what: "a connection" });
});

beforeEach(async () => {
  stream = `A${++streams}`;
  await jsm.streams.add({ name: stream, subjects: [`a.${streams}`] });
  await jsm.consumers.add(stream, {
    durable_name: "C",
    ack_policy: "explicit",
    ack_wait: MINUTE_NANOS,
    max_ack_pending: -1,
  });
});

afterEach(async () => {
  await jsm.streams.delete(stream);
});

afterAll(async () => {
  acks.close();
  await connection.close();
  await nc.close();
  await server.stop();
});

/** Publishes messages and keeps one pull open for all deliveries of them. */
async function deliveries(count: number, onDelivery: (reply: string) => void) {
  for (let i = 0; i < count; i++) nc.publish(`a.${streams}`, `${i}`);
  await nc.flush();
  const reply = createInbox();
  nc.subscribe(reply, {
    callback: (_error, message) => {
      if (message.reply) onDelivery(message.reply);
    },
  });
  const request = JSON.stringify({ batch: 100_000, expires: MINUTE_NANOS });
  nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.C`, request, { reply });
}

const seconds = (within: number, what: string) => ({ within: within * 1_000, what });

it("acknowledges with the server's confirmation", async () => {
  await deliveries(50, (reply) => acks.ack(reply, 10_000));
  const acknowledged = async () => {
    const info = await jsm.consumers.info(stream, "C");
    return info.ack_floor.stream_seq === 50;
  };
  await eventually(acknowledged, seconds(10, "the server has every ack"));
  await eventually(() => acks.unconfirmed === 0, seconds(10, "every ack is confirmed"));
});

it("gives up for good with the reason in the server's advisory", async () => {
  const advisories: string[] = [];
  nc.subscribe(`$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.${stream}.C`, {
    callback: (_error, message) => {
      advisories.push(message.json<{ reason: string }>().reason);
    },
  });
  await deliveries(1, (reply) => acks.term(reply, { reason: "status 400", forMs: 10_000 }));
  await eventually(() => advisories.length === 1, seconds(10, "the advisory"));
  expect(advisories).toEqual(["status 400"]);
});

it("is sent again while nobody serves the consumer, and is confirmed by whoever does then", async () => {
  const orphaned = new Acks(connection);
  try {
    const subject = `$JS.ACK.${stream}.AWAY.1.1.1.1.0`;
    orphaned.ack(subject, 20_000);
    await new Promise((resolve) => setImmediate(resolve));
    // The server has said that nobody listens before it answers this.
    await connection.current?.flush();
    expect(orphaned.unconfirmed).toBe(1);
    const taken: string[] = [];
    nc.subscribe(subject, {
      callback: (_error, message) => {
        taken.push(message.string());
        message.respond();
      },
    });
    await eventually(() => orphaned.unconfirmed === 0, seconds(20, "the confirmation"));
    expect(taken).toEqual(["+ACK"]);
  } finally {
    orphaned.close();
  }
});

it("settles nothing more of a consumer that is forgotten, and goes on for every other one", async () => {
  const orphaned = new Acks(connection);
  const taken: string[] = [];
  try {
    const position = "1.1.1.1.0";
    const kept = `$JS.ACK.${stream}.KEPT.${position}`;
    // As if the leaders of both consumers were away: nobody listens to these.
    orphaned.ack(`$JS.ACK.${stream}.GONE.${position}`, 60_000);
    orphaned.term(`$JS.ACK.hub.HASH.${stream}.GONE.${position}`, { reason: "r", forMs: 60_000 });
    orphaned.ack(kept, 60_000);
    await new Promise((resolve) => setImmediate(resolve));
    await connection.current?.flush();
    expect(orphaned.unconfirmed).toBe(3);
    for (const subjects of [`$JS.ACK.${stream}.>`, `$JS.ACK.hub.HASH.${stream}.>`]) {
      nc.subscribe(subjects, {
        callback: (_error, message) => {
          taken.push(message.subject);
          message.respond();
        },
      });
    }
    await nc.flush();
    orphaned.ack(`$JS.ACK.${stream}.GONE.${position}`, 60_000);
    orphaned.nak(`$JS.ACK.${stream}.GONE.${position}`, 5_000);
    orphaned.nak(kept, 5_000);
    orphaned.forget(stream, "GONE");
    expect(orphaned.unconfirmed).toBe(1);
    await eventually(() => orphaned.unconfirmed === 0, seconds(20, "the other's confirmation"));
    await eventually(() => taken.length === 2, seconds(10, "the other's nak"));
    expect(taken).toEqual([kept, kept]);
  } finally {
    orphaned.close();
  }
});

it.each([
  { delayMs: 0, atLeastMs: 0 },
  { delayMs: 30, atLeastMs: 29 },
  { delayMs: 400, atLeastMs: 399 },
])("gives back for $delayMs ms", async ({ delayMs, atLeastMs }) => {
  const times: number[] = [];
  await deliveries(1, (reply) => {
    times.push(performance.now());
    if (times.length === 1) acks.nak(reply, delayMs);
    else acks.ack(reply, 10_000);
  });
  await eventually(() => times.length === 2, seconds(10, "it comes again"));
  expect((times[1] as number) - (times[0] as number)).toBeGreaterThanOrEqual(atLeastMs);
});

it("gets redeliveries while others are given back all the time", async () => {
  // A nak for each of 2,000 messages, one every 2 ms: at this pace nats-server's timer never ran out.
  const queue: string[] = [];
  let naks = 0;
  let redeliveredBeforeLastNak = 0;
  const pacer = setInterval(() => {
    const reply = queue.shift();
    if (reply === undefined) return;
    naks += 1;
    acks.nak(reply, 200);
  }, 2);
  await deliveries(2_000, (reply) => {
    if (deliveryPosition(reply).count === 1) return queue.push(reply);
    if (naks < 2_000) redeliveredBeforeLastNak += 1;
    acks.ack(reply, 10_000);
  });
  await eventually(() => naks === 2_000, seconds(60, "everything was given back"));
  clearInterval(pacer);
  // All but those of the last 0.2 s, if nothing holds them up; 0 to 1,400 were seen with single naks.
  expect(redeliveredBeforeLastNak).toBeGreaterThan(1_500);
});
