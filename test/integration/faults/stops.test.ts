/** A dispatcher that stands still, and one whose clock is set. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import { stopped } from "../../support/stopped-process.ts";
import { either, rounds } from "./length.ts";
import { CONCURRENCY, withFaultWorld } from "./world.ts";

it.each([1, 2] as const)(
  "one of %i dispatchers that stands still for longer than the ack wait costs no event",
  async (replicas) => {
    const seconds = either({ short: 2.5, long: 20 });
    await withFaultWorld({ replicas }, async ({ plane: { dispatcher }, load, goesOn, judged }) => {
      let stops = 0;
      for (const round of rounds({ short: 1, long: 15 })) {
        await load.acknowledges(50);
        dispatcher.signal("SIGSTOP");
        await stopped(dispatcher.pid);
        await pause(seconds * 1_000);
        dispatcher.signal("SIGCONT");
        await goesOn(`${seconds} s of SIGSTOP`);
        stops = round;
      }
      const what = `SIGSTOP of one of ${replicas} dispatchers for ${seconds} s, ${stops} times`;
      await judged(what, { duplicates: stops * CONCURRENCY });
    });
  },
);

it("a clock that is set an hour forward, back, and right again costs nothing at all", async () => {
  const clock = join(import.meta.dirname, "shifted-clock.ts");
  const env = { NODE_OPTIONS: `--import=${clock}` };
  await withFaultWorld({ env }, async ({ plane: { dispatcher }, load, goesOn, judged }) => {
    let turns = 0;
    for (const _ of rounds({ short: 1, long: 50 })) {
      for (const hours of [1, -1, 0]) {
        await load.acknowledges(50);
        dispatcher.signal("SIGUSR2");
        turns += 1;
        const { now } = await dispatcher.waitForLog(
          ({ msg, turns: turn }) => msg === "clock" && turn === turns,
          { within: 10_000, what: "the clock to be set" },
        );
        const offMs = Date.parse(String(now)) - Date.now();
        expect(Math.abs(offMs - hours * 3_600_000)).toBeLessThan(60_000);
        await goesOn(`the clock was set to ${hours} h from what is right`);
      }
    }
    await judged(`a clock that was set ${turns} times`, { duplicates: 0 });
    expect(Object.fromEntries(load.refused)).toEqual({});
  });
});
