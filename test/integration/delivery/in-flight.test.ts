import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { type Lanes, metric, startLanes } from "./lanes.ts";

let world: Lanes<"slow" | "slow-reply" | "frozen" | "shared">;

beforeAll(async () => {
  const ackWait = { consumer: { ackWait: "1s" } };
  const slowly = () => ({ status: 200, afterMs: 2_500 });
  world = await startLanes({
    slow: { ...ackWait, subscriber: slowly },
    "slow-reply": {
      ...ackWait,
      subscriber: () => ({
        status: 200,
        headers: { "ce-specversion": "1.0", "ce-id": "r", "ce-source": "/s", "ce-type": "t" },
      }),
      reply: (_, attempt) => ({ status: attempt > 1 ? 200 : 503 }),
      delivery: { retry: 1, backoffDelay: "PT2.5S" },
    },
    frozen: { ...ackWait, subscriber: slowly },
    shared: { subscriber: () => ({ status: 200, afterMs: 5 }) },
  });
});

afterAll(() => world.stop());

describe("an event that takes longer than the ack wait", () => {
  it.concurrent("comes once: the server is told that it is worked on", async () => {
    const { slow } = world.lanes;
    await slow.send();
    await slow.settled();
    expect(slow.subscriber.requests).toHaveLength(1);
    expect((await slow.consumer()).delivered.consumer_seq).toBe(1);
  });

  it.concurrent("because its reply waits for a retry comes once too", async () => {
    const lane = world.lanes["slow-reply"];
    await lane.send();
    await lane.settled();
    expect(lane.subscriber.requests).toHaveLength(1);
    expect(lane.reply.requests).toHaveLength(2);
    expect((await lane.consumer()).delivered.consumer_seq).toBe(1);
  });
});

describe("two replicas on one consumer", () => {
  it("share the events, and each event comes once", async () => {
    const { shared } = world.lanes;
    const replica = await world.dataPlane.startReplica();
    try {
      const ids = await Promise.all(Array.from({ length: 600 }, () => shared.send()));
      await shared.settled();
      expect(shared.subscriber.ids.toSorted()).toEqual(ids.toSorted());
      const labels = { channel: "default/shared", outcome: "acked" };
      const name = "jetstream_channel_deliveries_total";
      const counts = [
        await metric(world.dataPlane, name, labels),
        await metric({ dispatcher: replica }, name, labels),
      ];
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(600);
      expect(Math.min(...counts)).toBeGreaterThan(0);
    } finally {
      await replica.kill();
    }
  });
});

describe("a redelivery of an event that is worked on", () => {
  it("starts no second attempt, and the one under way settles it", async () => {
    const { frozen } = world.lanes;
    const { dispatcher } = world.dataPlane;
    await frozen.send();
    await frozen.subscriber.waitFor(1);
    // A frozen dispatcher does not say that it works; the server delivers again to its open pull.
    dispatcher.signal("SIGSTOP");
    try {
      await eventually(async () => (await frozen.consumer()).delivered.consumer_seq > 1, {
        within: 20_000,
        what: "the server to deliver again",
      });
    } finally {
      dispatcher.signal("SIGCONT");
    }
    await frozen.settled();
    expect(frozen.subscriber.requests).toHaveLength(1);
    expect(await frozen.deliveries("acked")).toBe(1);
  });
});
