import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { Connection } from "../../../src/nats/connection.ts";
import { type PullEnd, PullLoop, type PullSize } from "../../../src/nats/pull-loop.ts";
import { createLogger } from "../../../src/runtime/logger.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";

const log = createLogger({ name: "test", level: "silent" });
const MINUTE: PullSize = {
  batch: 10,
  maxBytes: 1_000_000,
  expiresMs: 60_000,
  heartbeatMs: 1_000,
};

let server: NatsServer;
let connection: Connection;
let nc: NatsConnection;
let jsm: JetStreamManager;
let streams = 0;
let stream: string;
let loop: PullLoop | undefined;

beforeAll(async () => {
  server = await startNatsServer();
  nc = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  jsm = await jetstreamManager(nc);
  connection = new Connection({ servers: [server.url], name: "test", log });
  connection.start();
});

beforeEach(async () => {
  stream = `S${++streams}`;
  await jsm.streams.add({ name: stream, subjects: [`s.${streams}`] });
  await addConsumer();
});

afterEach(async () => {
  await loop?.stop();
  loop = undefined;
});

afterAll(async () => {
  await connection.close();
  await nc.close();
  await server.stop();
});

async function addConsumer(): Promise<void> {
  const ack_wait = 60_000_000_000;
  await jsm.consumers.add(stream, { durable_name: "C", ack_policy: "explicit", ack_wait });
}

async function publish(count: number, data = "x"): Promise<void> {
  for (let i = 0; i < count; i++) await nc.request(`s.${streams}`, data);
}

function startLoop(room: () => PullSize | undefined, onMessage?: (message: Msg) => void) {
  const seen = {
    messages: [] as string[],
    ends: [] as PullEnd[],
    gone: [] as string[],
    unanswered: [] as string[],
    denied: [] as (string | undefined)[],
  };
  loop = new PullLoop({
    connection,
    log,
    stream,
    consumer: "C",
    apiPrefix: "$JS.API",
    room,
    onMessage: (message) => {
      seen.messages.push(message.string());
      onMessage?.(message);
    },
    onEnd: (end) => seen.ends.push(end),
    onGone: (reason) => seen.gone.push(reason),
    onPermission: () => seen.denied.push(loop?.denied),
    onUnanswered: (reason) => seen.unanswered.push(reason),
  });
  loop.start();
  return seen;
}

const seconds = (within: number, what: string) => ({ within: within * 1_000, what });

it("pulls no more than there is room for, and goes on when there is room again", async () => {
  await publish(10);
  let free = 3;
  const take = () => {
    const batch = free;
    free = 0;
    return batch === 0 ? undefined : { ...MINUTE, batch };
  };
  const seen = startLoop(take);
  await eventually(() => seen.ends.length === 1, seconds(10, "the first pull is filled"));
  expect(seen.messages).toHaveLength(3);
  const { num_ack_pending: pending } = await jsm.consumers.info(stream, "C");
  expect(pending).toBe(3);
  free = 7;
  loop?.wake();
  await eventually(() => seen.messages.length === 10, seconds(10, "the rest comes"));
});

it("pulls again when a pull has expired", async () => {
  const seen = startLoop(() => ({ ...MINUTE, expiresMs: 300, heartbeatMs: 150 }));
  await eventually(() => seen.ends.length >= 2, seconds(10, "two pulls expire"));
  expect(seen.ends.slice(0, 2)).toEqual(["expired", "expired"]);
  await publish(1);
  await eventually(() => seen.messages.length === 1, seconds(10, "the message comes"));
});

it("ends a pull whose bytes are used up, and says how", async () => {
  await publish(5, "y".repeat(600));
  const seen = startLoop(() => ({ ...MINUTE, maxBytes: 1_600 }));
  await eventually(() => seen.messages.length === 5, seconds(10, "all messages come"));
  expect(seen.ends[0]).toBe("max-bytes");
});

it("says that the consumer is gone when it is deleted under an open pull", async () => {
  const seen = startLoop(() => MINUTE);
  await eventually(
    async () => (await jsm.consumers.info(stream, "C")).num_waiting === 1,
    seconds(10, "a pull is open"),
  );
  await jsm.consumers.delete(stream, "C");
  await eventually(() => seen.gone.length === 1, seconds(10, "it is told"));
  await addConsumer();
  await publish(1);
  loop?.start();
  await eventually(() => seen.messages.length === 1, seconds(10, "delivery goes on"));
});

it("makes a pull again within seconds that nobody serves and nobody denies, where messages flow", async () => {
  // Stands in for a leader that is about to go: it serves the first pull and forgets the second one.
  const pulledAt: number[] = [];
  await jsm.consumers.delete(stream, "C");
  const leader = nc.subscribe(`$JS.API.CONSUMER.MSG.NEXT.${stream}.C`, {
    callback: (_error, pull) => {
      pulledAt.push(performance.now());
      if (pulledAt.length === 1) nc.publish(pull.reply ?? "", "x", { reply: "settle" });
    },
  });
  await nc.flush();
  startLoop(() => ({ ...MINUTE, batch: 1, heartbeatMs: 5_000 }));
  await eventually(() => pulledAt.length === 3, seconds(20, "the third pull"));
  leader.unsubscribe();
  expect((pulledAt[2] ?? 0) - (pulledAt[1] ?? 0)).toBeLessThan(5_000);
});

it.each([1_200, 2_500])("keeps its pull when this program stands still for %i ms", async (ms) => {
  const seen = startLoop(() => ({ ...MINUTE, heartbeatMs: 300 }));
  await eventually(
    async () => (await jsm.consumers.info(stream, "C")).num_waiting === 1,
    seconds(10, "a pull is open"),
  );
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  await publish(1);
  await eventually(() => seen.messages.length === 1, seconds(10, "the message comes"));
  expect(seen.ends).toEqual([]);
});

it("says that nobody answers its pulls, and goes on by itself when somebody does again", async () => {
  await jsm.consumers.delete(stream, "C");
  const seen = startLoop(() => MINUTE);
  await eventually(() => seen.unanswered.length === 1, seconds(20, "it is told"));
  await addConsumer();
  await publish(1);
  await eventually(() => seen.messages.length === 1, seconds(20, "delivery goes on"));
  expect(seen.gone).toEqual([]);
});

it("takes back the open pull when it is paused, so that others get the messages", async () => {
  const seen = startLoop(() => MINUTE);
  await eventually(
    async () => (await jsm.consumers.info(stream, "C")).num_waiting === 1,
    seconds(10, "a pull is open"),
  );
  await loop?.pause();
  await publish(1);
  const { num_ack_pending: pending } = await jsm.consumers.info(stream, "C");
  expect(pending).toBe(0);
  expect(seen.messages).toEqual([]);
  loop?.start();
  await eventually(() => seen.messages.length === 1, seconds(10, "it comes after the pause"));
});

it("goes on after the server was killed and started again", async () => {
  const seen = startLoop(() => MINUTE);
  await publish(1);
  await eventually(() => seen.messages.length === 1, seconds(10, "the first message comes"));
  await server.kill("SIGKILL");
  await server.start();
  await eventually(() => publish(1), seconds(20, "the server stores again"));
  await eventually(() => seen.messages.length >= 2, seconds(30, "delivery goes on"));
});

it("ends its pause although the server stands still, when the connection is given up", async () => {
  startLoop(() => MINUTE);
  await eventually(
    async () => (await jsm.consumers.info(stream, "C")).num_waiting === 1,
    seconds(10, "a pull is open"),
  );
  await server.pause();
  try {
    await loop?.pause();
  } finally {
    server.resume();
  }
  await eventually(() => connection.current !== undefined, seconds(30, "a new connection"));
});

it("leaves no open pull behind when its connection is made anew", async () => {
  startLoop(() => ({ ...MINUTE, batch: 1 }));
  for (let cut = 0; cut < 3; cut++) {
    const before = connection.current;
    await before?.close();
    await eventually(
      () => connection.current !== undefined && connection.current !== before,
      seconds(30, "a new connection"),
    );
  }
  await eventually(
    async () => (await jsm.consumers.info(stream, "C")).num_waiting === 1,
    seconds(20, "one pull"),
  );
});
