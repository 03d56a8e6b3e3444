import { afterEach, describe, expect, it } from "vitest";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { type Lanes, metric, startLanes } from "./lanes.ts";

const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function lanesOf<Name extends string>(
  ...parameters: Parameters<typeof startLanes<Name>>
): Promise<Lanes<Name>> {
  const world = await startLanes<Name>(...parameters);
  cleanUps.push(() => world.stop());
  return world;
}

describe("the attempts under way at one subscriber", () => {
  it.each([
    ["100 unless said otherwise", {}, 100],
    ["dispatch.concurrency", { concurrency: 7 }, 7],
  ])("are at most %s, and do not slow another subscriber", async (_, dispatch, most) => {
    const { lanes } = await lanesOf(
      { hanging: { subscriber: () => "hang" }, healthy: {} },
      { dispatch },
    );
    const { hanging, healthy } = lanes;
    await Promise.all(Array.from({ length: most + 50 }, () => hanging.send()));
    await hanging.subscriber.waitFor(most);
    // What the other subscriber gets meanwhile is the time in which one more would have come.
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 1_000 }, () => healthy.send()));
    await healthy.settled();
    expect(healthy.subscriber.requests).toHaveLength(1_000);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    expect(hanging.subscriber.requests).toHaveLength(most);
  });

  it("are as many of one channel's other subscriber as if the hanging one were not there", async () => {
    const [hanging, healthy] = await sinks(2);
    (hanging as EventSink).respond = () => "hang";
    const dataPlane = await dataPlaneFor([hanging as EventSink, healthy as EventSink]);
    const client = dataPlane.client("shared");
    for (let n = 0; n < 300; n++) expect((await client.sendBinary({})).status).toBe(202);
    await (healthy as EventSink).waitFor(300);
    expect((hanging as EventSink).requests).toHaveLength(100);
  });
});

describe("memory", () => {
  it("stays within its bound while many subscribers are slow with large events, and everybody gets on", async () => {
    const subscribers = await sinks(12);
    for (const sink of subscribers) sink.respond = () => ({ status: 200, afterMs: 100 });
    const dataPlane = await dataPlaneFor(subscribers, { dispatch: { memory: "16Mi" } });
    const watch = watchMemory(dataPlane);
    const client = dataPlane.client("shared");
    const data = Buffer.alloc(900_000, "m");
    const events = 8;
    for (let n = 0; n < events; n++) expect((await client.sendBinary({ data })).status).toBe(202);
    for (const sink of subscribers) await sink.waitFor(events, 30_000);
    const { mostUsed, bound } = await watch.end();
    expect(bound).toBe(16 * 1_048_576);
    expect(mostUsed).toBeLessThanOrEqual(bound);
    expect(mostUsed).toBeGreaterThan(4 * data.length);
    for (const sink of subscribers) {
      expect(sink.requests).toHaveLength(events);
      expect(sink.requests.every(({ body }) => body.length === data.length)).toBe(true);
    }
  });

  it("lets an event pass that is larger than a subscriber's share, among small ones", async () => {
    const nats = await startNatsServer({ config: "max_payload: 8MB" });
    cleanUps.push(() => nats.stop());
    const subscribers = await sinks(3);
    const dispatch = { memory: "16Mi", maxEventSize: "6Mi", requestTimeout: "PT30S" };
    const dataPlane = await dataPlaneFor(subscribers, { dispatch, nats });
    const watch = watchMemory(dataPlane);
    const client = dataPlane.client("shared");
    // A share is 1 MiB: an eighth of what a largest message leaves.
    const sizes = [10, 4_000_000, 10, 2_000_000, 5_000_000, 10];
    for (const [n, size] of sizes.entries()) {
      const data = Buffer.alloc(size, String(n));
      expect((await client.sendBinary({ id: String(n), data })).status).toBe(202);
    }
    for (const sink of subscribers) await sink.waitFor(sizes.length, 30_000);
    const { mostUsed, bound } = await watch.end();
    expect(mostUsed).toBeLessThanOrEqual(bound);
    for (const sink of subscribers) {
      const got = sink.requests.map(({ body, event }) => [Number(event?.id), body.length]);
      expect(got.toSorted(([a = 0], [b = 0]) => a - b)).toEqual([...sizes.entries()]);
    }
  });
});

async function sinks(count: number): Promise<EventSink[]> {
  const started = await Promise.all(Array.from({ length: count }, () => startEventSink()));
  cleanUps.push(() => Promise.all(started.map((sink) => sink.close())));
  return started;
}

/** Starts a data plane with one channel, `shared`, that all these sinks subscribe to. */
async function dataPlaneFor(
  subscribers: EventSink[],
  options: { dispatch?: Record<string, unknown>; nats?: NatsServer } = {},
): Promise<DataPlane> {
  const spec = { subscribers: subscribers.map(({ url }) => aSubscriber({ uri: url })) };
  const dataPlane = await startDataPlane({
    channels: [aChannel({ name: "shared", spec })],
    ...options,
  });
  cleanUps.push(() => dataPlane.stop());
  return dataPlane;
}

/** Reads bound and use of the memory again and again until it is ended. */
function watchMemory(dataPlane: DataPlane): {
  end(): Promise<{ mostUsed: number; bound: number; readings: number }>;
} {
  let mostUsed = 0;
  let bound = 0;
  let readings = 0;
  let ended = false;
  const watching = eventually(
    async () => {
      bound = await metric(dataPlane, "jetstream_channel_memory_bound_bytes");
      mostUsed = Math.max(mostUsed, await metric(dataPlane, "jetstream_channel_memory_used_bytes"));
      readings += 1;
      return ended;
    },
    { within: 60_000, what: "the end of the watch" },
  );
  return {
    async end() {
      ended = true;
      await watching;
      expect(readings).toBeGreaterThan(1);
      return { mostUsed, bound, readings };
    },
  };
}
