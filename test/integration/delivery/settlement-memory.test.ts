import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Respond } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import { type Lane, type Lanes, startLanes } from "./lanes.ts";

const ACK_WAIT = { consumer: { ackWait: "1s" } };
const QUICK = { delivery: { backoffDelay: "PT0.01S" } };
/** The first event is accepted at once, all others at their second attempt. */
const failingOnceAfterTheFirst = (): Respond => {
  let events = 0;
  return (_, attempt) => {
    if (attempt > 1) return { status: 200 };
    events += 1;
    return { status: events === 1 ? 200 : 503 };
  };
};

let nats: NatsServer;
let proxy: TcpProxy;
let world: Lanes<"lost-ack" | "lost-term" | "cut" | "in-flight" | "re-created" | "reset">;

beforeAll(async () => {
  nats = await startNatsServer();
  proxy = await startTcpProxy(nats.port);
  world = await startLanes(
    {
      "lost-ack": ACK_WAIT,
      "lost-term": {
        ...ACK_WAIT,
        subscriber: () => ({ status: 400 }),
        deadLetter: () => ({ status: 400 }),
      },
      cut: ACK_WAIT,
      "in-flight": ACK_WAIT,
      "re-created": { ...QUICK, subscriber: failingOnceAfterTheFirst() },
      reset: { ...QUICK, subscriber: failingOnceAfterTheFirst() },
    },
    { nats, env: { NATS_URL: `nats://127.0.0.1:${proxy.port}` } },
  );
});

afterAll(async () => {
  await world.stop();
  await proxy.close();
  await nats.stop();
});

/** Waits until the dispatcher has counted a message as settled in a way, whatever the server knows. */
async function counted(lane: Lane, outcome: string, count: number): Promise<void> {
  await eventually(async () => (await lane.deliveries(outcome)) >= count, {
    within: 20_000,
    what: `${count} × ${outcome} at ${lane.name}`,
  });
}

describe("a settlement that is lost on its way", () => {
  it.each([
    ["lost-ack", "+ACK", "acked", 0],
    ["lost-term", "+TERM", "given_up", 1],
  ] as const)(
    "is made again when the message comes again; nobody is called a second time: %s",
    async (name, word, outcome, deadLetters) => {
      const lane = world.lanes[name];
      proxy.swallow("to-server", (piece) => piece.includes(word));
      await lane.send();
      await counted(lane, outcome, 1);
      // The server has heard of nothing and delivers the message again.
      await counted(lane, "settled_again", 1);
      expect((await lane.consumer()).ack_floor.stream_seq).toBe(0);
      expect((await lane.consumer()).delivered.consumer_seq).toBeGreaterThan(1);
      expect(proxy.swallowed).toBeGreaterThan(0);
      proxy.pass();
      await lane.settled();
      expect(lane.subscriber.requests).toHaveLength(1);
      expect(lane.deadLetter.requests).toHaveLength(deadLetters);
      expect(await lane.deliveries(outcome)).toBe(1);
    },
  );

  it("with its connection is made again on the next one", async () => {
    const { cut } = world.lanes;
    cut.subscriber.onRequest = () => proxy.swallow("to-server");
    await cut.send();
    await counted(cut, "acked", 1);
    proxy.cut();
    cut.subscriber.onRequest = () => undefined;
    await cut.settled();
    expect(cut.subscriber.requests).toHaveLength(1);
  });

  it("because the connection broke during the attempt is made on the next one", async () => {
    const lane = world.lanes["in-flight"];
    lane.subscriber.respond = () => ({ status: 200, afterMs: 2_500 });
    await lane.send();
    await lane.subscriber.waitFor(1);
    proxy.cut();
    await lane.settled();
    expect(lane.subscriber.requests).toHaveLength(1);
  });
});

describe("what was settled before", () => {
  /** Delivers one event, has everything begin anew, and delivers a second one that needs two attempts. */
  async function secondLife(lane: Lane, begin: () => Promise<void>): Promise<void> {
    const first = await lane.send();
    await lane.settled();
    await begin();
    const second = await eventually(() => lane.send().catch(() => false), {
      within: 20_000,
      what: "the channel to take events again",
    });
    await lane.settled();
    const attempts = lane.subscriber.ids.filter((id) => id === second);
    expect(first).not.toBe(second);
    expect(attempts).toHaveLength(2);
  }

  it("says nothing about the messages of a stream that was re-created, though they have the same numbers", async () => {
    const lane = world.lanes["re-created"];
    await secondLife(lane, async () => {
      await world.jsm.streams.delete(lane.stream);
    });
    expect((await lane.consumer()).ack_floor.stream_seq).toBe(1);
    expect(await lane.deliveries("settled_again")).toBe(0);
  });

  it("says nothing once the consumer was reset to an earlier message: it is delivered again", async () => {
    const { reset } = world.lanes;
    const first = await reset.send();
    await reset.settled();
    // Before the reset, whose delivery may come before its answer.
    reset.subscriber.respond = (_, attempt) => ({ status: attempt === 2 ? 503 : 200 });
    const { name } = await reset.consumer();
    const subject = `$JS.API.CONSUMER.RESET.${reset.stream}.${name}`;
    const answer = await world.dataPlane.nc.request(subject, JSON.stringify({ seq: 1 }));
    expect(answer.json()).not.toHaveProperty("error");
    await reset.subscriber.waitFor(3);
    await reset.settled();
    expect(reset.subscriber.ids).toEqual([first, first, first]);
    expect(await reset.deliveries("settled_again")).toBe(0);
  });
});
