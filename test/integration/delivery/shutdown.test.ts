import { afterEach, describe, expect, it } from "vitest";
import { eventAnswer, type Lanes, startLanes } from "./lanes.ts";

let world: Lanes<"lane"> | undefined;

afterEach(() => world?.stop());

const ok = () => ({ status: 200 });

describe("a dispatcher that ends", () => {
  it("breaks off an attempt that does not end in time, which is not counted as a failure", async () => {
    world = await startLanes(
      { lane: { subscriber: () => "hang", deadLetter: ok, delivery: { retry: 0 } } },
      { dispatch: { gracePeriod: "PT4S" } },
    );
    const { lane } = world.lanes;
    const id = await lane.send();
    await lane.subscriber.waitFor(1);
    lane.subscriber.respond = ok;
    await world.dataPlane.restartDispatcher("SIGTERM");
    await lane.settled();
    expect(lane.subscriber.ids).toEqual([id, id]);
    expect(lane.deadLetter.requests).toHaveLength(0);
    expect(await lane.deliveries("acked")).toBe(1);
  });

  it("waits for the answer of an attempt that does end in time", async () => {
    world = await startLanes({ lane: { subscriber: () => ({ status: 200, afterMs: 1_500 }) } });
    const { lane } = world.lanes;
    await lane.send();
    await lane.subscriber.waitFor(1);
    expect(await world.dataPlane.dispatcher.kill("SIGTERM")).toBe(0);
    expect(await lane.consumer()).toMatchObject({
      num_ack_pending: 0,
      ack_floor: { stream_seq: 1 },
    });
  });

  it("gives back at once what waits between two attempts at a reply destination", async () => {
    world = await startLanes({
      lane: {
        subscriber: () => eventAnswer("reply"),
        reply: (_, attempt) => ({ status: attempt === 1 ? 503 : 200 }),
        delivery: { retry: 5, backoffDelay: "PT1H" },
      },
    });
    const { lane } = world.lanes;
    const id = await lane.send();
    await lane.reply.waitFor(1);
    const startedAt = performance.now();
    await world.dataPlane.restartDispatcher("SIGTERM");
    await lane.settled();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(lane.subscriber.ids).toEqual([id, id]);
    expect(lane.reply.requests).toHaveLength(2);
  });

  it("gives back at once what waits for a slot, while the slot's own attempt goes on", async () => {
    world = await startLanes(
      {
        lane: {
          subscriber: ({ headers }) =>
            headers["ce-subject"] === "hang" ? "hang" : eventAnswer("reply"),
          reply: () => ({ status: 503 }),
          delivery: { retry: 5, backoffDelay: "PT0.2S" },
        },
      },
      { dispatch: { concurrency: 1, gracePeriod: "PT15S" } },
    );
    const { lane } = world.lanes;
    const id = await lane.send();
    await lane.reply.waitFor(1);
    // Takes the slot that the first event lends while it waits for the next attempt at its reply.
    await lane.send({ subject: "hang" });
    await lane.subscriber.waitFor(2);
    const replica = await world.dataPlane.startReplica();
    try {
      lane.reply.respond = ok;
      world.dataPlane.dispatcher.signal("SIGTERM");
      // The hanging attempt has 12 s of grace; what only waits for it must not wait that long.
      await lane.subscriber.waitFor(3, 8_000);
      expect(lane.subscriber.ids.filter((each) => each === id)).toHaveLength(2);
    } finally {
      await replica.kill("SIGKILL");
    }
  });
});
