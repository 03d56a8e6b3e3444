/** One nats-server with file storage that is killed, stands still, goes in peace, or forgets. */
import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { startNatsServer } from "../../support/nats-server.ts";
import { either, rounds } from "./length.ts";
import { CONCURRENCY, withFaultWorld } from "./world.ts";

/** A short outage costs latency, and neither errors nor connections. */
const PATIENT = { publishTimeout: "PT30S" };
/**
 * What this load has acknowledged, at the most, in the moment (about 150 ms) before a single server is killed that it
 * has not written down yet, and what was in flight.
 */
const LAST_MOMENT = 150;

it("kill -9 and restart of nats-server, again and again, loses no acknowledged event", async () => {
  await withFaultWorld({ dispatch: PATIENT }, async ({ plane, load, goesOn, judged }) => {
    let kills = 0;
    for (const round of rounds({ short: 3, long: 100 })) {
      await load.acknowledges(100);
      const restart = async () => {
        await plane.nats.kill("SIGKILL");
        await eventually(async () => (await plane.dispatcher.readiness()) === 503, {
          within: 10_000,
          what: "the dispatcher not to be ready",
        });
        await plane.nats.start();
      };
      await Promise.all([goesOn("kill -9 of nats-server"), restart()]);
      kills = round;
    }
    await judged(`kill -9 of nats-server, ${kills} times`, { duplicates: kills * LAST_MOMENT });
    expect(Object.fromEntries(load.refused)).toEqual({});
  });
});

it("a nats-server that stands still for longer than the ack wait costs no event", async () => {
  const seconds = either({ short: 3, long: 20 });
  await withFaultWorld({}, async ({ plane, load, goesOn, judged }) => {
    let stops = 0;
    for (const round of rounds({ short: 1, long: 10 })) {
      await load.acknowledges(100);
      await plane.nats.pause();
      await pause(seconds * 1_000);
      plane.nats.resume();
      await goesOn(`${seconds} s of SIGSTOP of nats-server`);
      stops = round;
    }
    const what = `SIGSTOP of nats-server for ${seconds} s, ${stops} times`;
    await judged(what, { duplicates: stops * CONCURRENCY });
  });
});

it("a nats-server that is told to go in peace and is started again costs no event", async () => {
  const config = 'lame_duck_grace_period: "1s"\nlame_duck_duration: "30s"';
  const nats = await startNatsServer({ config });
  try {
    await withFaultWorld({ nats, dispatch: PATIENT }, async ({ load, goesOn, judged }) => {
      let turns = 0;
      for (const round of rounds({ short: 1, long: 10 })) {
        await load.acknowledges(100);
        const restart = async () => {
          await nats.kill("SIGUSR2");
          await nats.start();
        };
        await Promise.all([goesOn("lame duck and restart"), restart()]);
        turns = round;
      }
      await judged(`lame duck, ${turns} times`, { duplicates: turns * CONCURRENCY });
      expect(Object.fromEntries(load.refused)).toEqual({});
    });
  } finally {
    await nats.stop();
  }
});

it("memory storage loses with its server what was not delivered yet, which is said, and nothing after that", async () => {
  const stream = { config: { storage: "Memory" } };
  await withFaultWorld({ stream }, async ({ plane, load, lines, losesOnlyWhatWasThere }) => {
    for (const _ of rounds({ short: 1, long: 10 })) {
      await load.acknowledges(100);
      lines.letters.swallow("to-server");
      await load.acknowledges(100);
      const lost = await losesOnlyWhatWasThere("a restart with memory storage", async () => {
        await plane.nats.kill("SIGKILL");
        await plane.nats.start();
        lines.letters.cut();
      });
      expect(lost.letters).toBeGreaterThan(0);
    }
    const said = plane.dispatcher.logs.filter(({ msg }) => msg?.includes("memory, or somebody"));
    expect(said.length).toBeGreaterThan(0);
  });
});
