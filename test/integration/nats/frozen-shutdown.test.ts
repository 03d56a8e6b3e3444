import { afterEach, expect, it } from "vitest";
import { type Lanes, startLanes } from "../delivery/lanes.ts";

let world: Lanes<"lane"> | undefined;

afterEach(() => world?.stop());

it.each([
  { gracePeriod: "PT15S", graceMs: 15_000, how: "in an orderly way", exitCode: 0 },
  { gracePeriod: "PT4S", graceMs: 4_000, how: "with work unfinished", exitCode: 1 },
])(
  "a dispatcher whose nats-server is frozen ends $how within a grace of $gracePeriod",
  async ({ gracePeriod, graceMs, exitCode }) => {
    world = await startLanes(
      {
        lane: { consumer: { ackWait: "1s" }, subscriber: () => ({ status: 200, afterMs: 500 }) },
      },
      { dispatch: { gracePeriod } },
    );
    const { lane } = world.lanes;
    const { nats, dispatcher } = world.dataPlane;
    const id = await lane.send();
    await lane.subscriber.waitFor(1);
    await nats.pause();
    try {
      const startedAt = performance.now();
      expect(await dispatcher.kill("SIGTERM")).toBe(exitCode);
      expect(performance.now() - startedAt).toBeLessThan(graceMs + 2_000);
    } finally {
      nats.resume();
    }
    // The acknowledgement may or may not have come through; the event is settled all the same.
    await world.dataPlane.restartDispatcher("SIGKILL");
    await lane.settled();
    expect(new Set(lane.subscriber.ids)).toEqual(new Set([id]));
  },
);
