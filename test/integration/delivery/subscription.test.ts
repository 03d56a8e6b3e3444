import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterEach, beforeEach, expect, it } from "vitest";
import { DeliveryNotes } from "../../../src/dispatcher/delivery-notes.ts";
import { DeliveryStats } from "../../../src/dispatcher/delivery-stats.ts";
import { HttpSender, type SendResult } from "../../../src/dispatcher/http-sender.ts";
import { MemoryBudget } from "../../../src/dispatcher/memory-budget.ts";
import { Subscription } from "../../../src/dispatcher/subscription.ts";
import type { ConsumerState } from "../../../src/dispatcher/subscription-settings.ts";
import { Acks } from "../../../src/nats/acks.ts";
import { Connection } from "../../../src/nats/connection.ts";
import { createLogger } from "../../../src/runtime/logger.ts";
import { createMetrics } from "../../../src/runtime/metrics.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";

const log = createLogger({ name: "test", level: "silent" });
const within = 10_000;
const ACK_WAIT_MS = 60_000;

let server: NatsServer;
let nc: NatsConnection;
let jsm: JetStreamManager;
let connection: Connection;
let acks: Acks;
let subscription: Subscription;
/** Answers the request that is under way, with a status; undefined while there is none. */
let answer: ((status: number) => void) | undefined;

beforeEach(async () => {
  server = await startNatsServer();
  nc = await connect({ servers: server.url });
  jsm = await jetstreamManager(nc);
  await jsm.streams.add({ name: "S", subjects: ["s"] });
  connection = new Connection({ servers: [server.url], name: "test", log });
  connection.start();
  acks = new Acks(connection);
  await eventually(() => connection.current !== undefined, { within, what: "a connection" });
  answer = undefined;
  subscription = subscribe();
});

afterEach(async () => {
  await subscription.stop();
  acks.close();
  await connection.close();
  await nc.close();
  await server.stop();
});

function subscribe(): Subscription {
  const uri = "http://subscriber.example";
  const delivery = {
    deadLetter: undefined,
    retry: undefined,
    timeoutMs: undefined,
    backoffPolicy: "linear",
    backoffDelayMs: 300_000,
    backoffMaxMs: undefined,
    retryAfterMaxMs: undefined,
    format: undefined,
  } as const;
  const settings = {
    stream: "S",
    consumer: "C",
    recipient: {
      namespace: "ns",
      subscriber: new HttpSender().destinationFor({
        ...{ uri, caCerts: undefined, audience: undefined },
      }),
      reply: undefined,
      deadLetter: undefined,
      delivery,
      timeoutMs: 1_000,
      maxAttempts: Infinity,
    },
    concurrency: 10,
    ackWaitMs: ACK_WAIT_MS,
    maxReplyBytes: 1_000,
    maxBatch: Infinity,
    pullTimes: { expiresMs: 30_000, heartbeatMs: 5_000 },
    rateLimitBps: undefined,
  };
  const labels = { channel: "ns/name", subscriber: "one" };
  return new Subscription(settings, {
    connection,
    acks,
    budget: new MemoryBudget({ totalBytes: 10_000_000, messageBytes: () => 1_000_000 }),
    ticker: { add: () => undefined },
    send: () =>
      new Promise<SendResult>((resolve) => {
        answer = (status) =>
          resolve({ status, headers: {}, body: Buffer.alloc(0), truncated: false });
      }),
    stats: new DeliveryStats(createMetrics(), labels),
    notes: new DeliveryNotes({ subscriber: "one", stream: "S", note: () => undefined }),
    tracing: { current: undefined },
    log,
    channel: labels.channel,
    apiPrefix: "$JS.API",
    onConsumerGone: () => undefined,
    onPermission: () => undefined,
    onEnd: () => undefined,
    consumerState: async () => undefined,
  });
}

async function makeConsumer(): Promise<ConsumerState> {
  const consumer = await jsm.consumers.add("S", {
    durable_name: "C",
    ack_policy: "explicit",
    ack_wait: ACK_WAIT_MS * 1_000_000,
  });
  const { created } = await jsm.streams.info("S");
  return {
    streamCreated: created,
    consumerCreated: consumer.created,
    ackPending: 0,
    maxAckPending: 1_000,
    pending: consumer.num_pending,
  };
}

async function deliverOne(): Promise<void> {
  await nc.request("s", "x");
  await eventually(() => answer !== undefined, { within, what: "the request" });
}

it("does not settle an event of a consumer's next life by what was left unconfirmed of the one before", async () => {
  subscription.attach(await makeConsumer());
  await deliverOne();
  await jsm.consumers.delete("S", "C");
  await eventually(() => !subscription.attached, { within, what: "it to learn of that" });
  // The acknowledgement meets nobody, and is sent again from time to time.
  answer?.(200);
  await eventually(() => acks.unconfirmed === 1, { within, what: "the acknowledgement" });
  await subscription.finished();
  subscription.attach(await makeConsumer());
  expect(acks.unconfirmed).toBe(0);
});

it("has nothing left to watch over when it was stopped while its subscriber fails", async () => {
  subscription.attach(await makeConsumer());
  await deliverOne();
  answer?.(503);
  await subscription.finished();
  expect(subscription.tick(performance.now())).toBe(true);
  await subscription.stop();
  expect(subscription.tick(performance.now())).toBe(false);
});
