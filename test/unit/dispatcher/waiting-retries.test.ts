import { expect, it } from "vitest";
import { type Fullness, WaitingRetries } from "../../../src/dispatcher/waiting-retries.ts";
import { createLogger } from "../../../src/runtime/logger.ts";

const STORED_AT_MS = 1_700_000_000_000;
const LATER_MS = 60_000;

function retriesWith(fullness: () => Promise<Fullness | undefined>): WaitingRetries {
  const log = createLogger({ name: "test", level: "silent" });
  return new WaitingRetries({
    log,
    fullness,
    lastFailure: () => undefined,
    onHeld: () => undefined,
  });
}

async function heldAfter(retries: WaitingRetries, now: number, isQuiet = true): Promise<boolean> {
  retries.tick(now, isQuiet);
  // The answer of a fullness that is there already needs no more than a turn.
  await new Promise((resolve) => setImmediate(resolve));
  return retries.held;
}

it.each([
  ["all that may be pending waits", 1_000, 1_000, true],
  ["there is room for more", 999, 1_000, false],
  ["there is no limit", 5_000, -1, false],
])("holds or not: %s", async (_what, ackPending, maxAckPending, held) => {
  const retries = retriesWith(async () => ({ ackPending, maxAckPending, pending: 0 }));
  retries.add(1, LATER_MS, STORED_AT_MS);
  expect(await heldAfter(retries, 10_000)).toBe(held);
});

it("does not ask the server while attempts run, or while nothing waits, and then not often", async () => {
  let asked = 0;
  const retries = retriesWith(async () => {
    asked += 1;
    return { ackPending: 1, maxAckPending: 1, pending: 0 };
  });
  await heldAfter(retries, 10_000);
  retries.add(1, LATER_MS, STORED_AT_MS);
  await heldAfter(retries, 20_000, false);
  expect(asked).toBe(0);
  await heldAfter(retries, 30_000);
  await heldAfter(retries, 30_100);
  expect(asked).toBe(1);
});

it("is held until the server says that there is room again, and an outage changes nothing", async () => {
  const answers = [
    async () => ({ ackPending: 5, maxAckPending: 5, pending: 0 }),
    async () => Promise.reject(new Error("no connection")),
    async () => ({ ackPending: 4, maxAckPending: 5, pending: 0 }),
  ];
  const retries = retriesWith(() => (answers.shift() as () => Promise<Fullness>)());
  retries.add(1, LATER_MS, STORED_AT_MS);
  const held: boolean[] = [];
  for (const now of [10_000, 20_000, 30_000]) held.push(await heldAfter(retries, now));
  expect(held).toEqual([true, true, false]);
});

it("counts what waits, and neither what came again nor what is given back at once", () => {
  const retries = retriesWith(async () => undefined);
  retries.add(1, LATER_MS, STORED_AT_MS);
  retries.add(2, LATER_MS, STORED_AT_MS);
  retries.add(3, 0, STORED_AT_MS);
  retries.delete(2);
  expect(retries.count()).toBe(1);
});

it("knows since when the oldest is stored, until it comes again", () => {
  const retries = retriesWith(async () => undefined);
  expect(retries.oldestStoredAtMs()).toBe(Infinity);
  retries.add(7, LATER_MS, STORED_AT_MS + 1);
  retries.add(8, LATER_MS, STORED_AT_MS);
  expect(retries.oldestStoredAtMs()).toBe(STORED_AT_MS);
  retries.delete(8);
  expect(retries.oldestStoredAtMs()).toBe(STORED_AT_MS + 1);
});
