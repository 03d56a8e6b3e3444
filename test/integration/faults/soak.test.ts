/** Random faults of everything around one dispatcher, for as long as is said, and what it holds at the end. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { either, MINUTES } from "./length.ts";
import { CONCURRENCY, type FaultWorld, withFaultWorld } from "./world.ts";

const FAULTS: Record<string, (world: FaultWorld) => Promise<unknown>> = {
  "a cut": async ({ lines }) => lines.nats.cut(),
  "a half-closed line": async ({ lines }) => lines.nats.halfClose("to-client"),
  "a slow line": async ({ lines }) => {
    lines.nats.delay(100);
    await pause(500);
    lines.nats.pass();
  },
  "a deaf server": async ({ lines }) => {
    lines.nats.swallow("to-server");
    await pause(500);
    lines.nats.cut();
  },
  "a deaf client": async ({ lines }) => {
    lines.nats.swallow("to-client");
    await pause(500);
    lines.nats.cut();
  },
  "a dead-letter sink that is away": async ({ lines }) => {
    lines.letters.refuse();
    await pause(500);
    lines.letters.pass();
  },
  "a reply target that is away": async ({ lines }) => {
    lines.replies.refuse();
    await pause(500);
    lines.replies.pass();
  },
  "a frozen server": async ({ plane }) => {
    await plane.nats.pause();
    await pause(1_500);
    plane.nats.resume();
  },
  "a killed server": async ({ plane }) => {
    await plane.nats.kill("SIGKILL");
    await plane.nats.start();
  },
};

it("random faults leave nothing behind: no event is lost, and memory, files, timers and listeners stay flat", async () => {
  const env = { NODE_OPTIONS: `--import=${join(import.meta.dirname, "shown-resources.ts")}` };
  const options = { env, load: { betweenMs: 40 }, dispatch: { publishTimeout: "PT30S" } };
  await withFaultWorld(options, async (world) => {
    const { plane, load, goesOn, judged } = world;
    const endsAt = performance.now() + either({ short: 8_000, long: MINUTES * 60_000 });
    const names = Object.keys(FAULTS);
    const shown: Shown[] = [];
    let faults = 0;
    const showEvery = either({ short: 10, long: 100 });
    while (performance.now() < endsAt) {
      await load.acknowledges(20);
      const name = names[Math.floor(Math.random() * names.length)] as string;
      await FAULTS[name]?.(world);
      await goesOn(name);
      faults += 1;
      if (faults % showEvery === 0) shown.push(await shownOf(plane.dispatcher));
    }
    await judged(`soak with ${faults} faults`, { duplicates: faults * 5 * CONCURRENCY });
    const end = await shownOf(plane.dispatcher);
    console.info(`soak: ${[...shown, end].map((one) => JSON.stringify(one)).join("\n")}`);
    const { logs } = plane.dispatcher;
    expect(logs.filter(({ msg }) => msg === "warning of node")).toEqual([]);
    expect(logs.filter(({ level }) => level === "error" || level === "fatal")).toEqual([]);
    const [first = end] = shown;
    // It keeps as many connections to each of six destinations as it had attempts under way.
    expect(end.files).toBeLessThan(first.files + 6 * CONCURRENCY);
    expect(end.timers).toBeLessThanOrEqual(first.timers + 10);
    expect(end.listeners).toBe(first.listeners);
    expect(end.rssMiB).toBeLessThan(1.5 * first.rssMiB + 30);
  });
});

interface Shown {
  rssMiB: number;
  files: number;
  timers: number;
  listeners: number;
}

async function shownOf(dispatcher: DispatcherProcess): Promise<Shown> {
  const { pid, logs } = dispatcher;
  const before = logs.length;
  dispatcher.signal("SIGUSR2");
  const line = await dispatcher.waitForLog(
    (one) => one.msg === "resources" && logs.indexOf(one) >= before,
    { within: 10_000, what: "the resources" },
  );
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return {
    rssMiB: Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024),
    files: (await readdir(`/proc/${pid}/fd`)).length,
    timers: (line.resources as Record<string, number>).Timeout ?? 0,
    listeners: Number(line.listeners),
  };
}
