import { expect, it } from "vitest";
import { Slots } from "../../../src/dispatcher/slots.ts";

/** Lets what is ready to go on go on. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function slotsOf(limit: number): { slots: Slots; freed: () => number } {
  let freed = 0;
  const slots = new Slots(limit, () => {
    freed += 1;
  });
  return { slots, freed: () => freed };
}

/** Waits for a slot under a name, and puts the name down when it has it. */
function waitAs(name: string, slots: Slots, got: string[], signal?: AbortSignal): void {
  void slots.wait(signal).then(() => got.push(name));
}

it("has as many free as the limit says, less those that are taken", () => {
  const { slots } = slotsOf(3);
  slots.take();
  expect([slots.taken, slots.free]).toEqual([1, 2]);
});

it("never has less than none free, though a lowered limit leaves more taken", () => {
  const { slots } = slotsOf(3);
  slots.take();
  slots.take();
  slots.limit = 1;
  expect([slots.taken, slots.free]).toEqual([2, 0]);
});

it("says so when a slot becomes free that nobody waited for", () => {
  const { slots, freed } = slotsOf(1);
  slots.take();
  slots.release();
  expect([slots.taken, freed()]).toEqual([0, 1]);
});

it("gives a slot at once while there is one", async () => {
  const { slots } = slotsOf(1);
  await slots.wait();
  expect(slots.taken).toBe(1);
});

it("hands freed slots to those that wait, in the order of asking, before anything new may come", async () => {
  const { slots, freed } = slotsOf(1);
  const got: string[] = [];
  slots.take();
  waitAs("first", slots, got);
  waitAs("second", slots, got);
  slots.release();
  await turn();
  expect(got).toEqual(["first"]);
  expect([slots.taken, slots.free, freed()]).toEqual([1, 0, 0]);
  slots.release();
  await turn();
  expect(got).toEqual(["first", "second"]);
});

it("hands nothing over while more are taken than a lowered limit allows", async () => {
  const { slots } = slotsOf(2);
  const got: string[] = [];
  slots.take();
  slots.take();
  waitAs("waiting", slots, got);
  slots.limit = 1;
  slots.release();
  await turn();
  expect([got, slots.taken]).toEqual([[], 1]);
  slots.release();
  await turn();
  expect([got, slots.taken]).toEqual([["waiting"], 1]);
});

it("gives everybody a slot beyond the limit when waiting is called off", async () => {
  const { slots } = slotsOf(1);
  const stopping = new AbortController();
  const got: string[] = [];
  slots.take();
  waitAs("first", slots, got, stopping.signal);
  waitAs("second", slots, got, stopping.signal);
  stopping.abort();
  await turn();
  expect(got.toSorted()).toEqual(["first", "second"]);
  waitAs("late", slots, got, stopping.signal);
  await turn();
  expect(got).toContain("late");
  expect(slots.taken).toBe(4);
});

it("counts a slot once that was handed over before waiting was called off", async () => {
  const { slots, freed } = slotsOf(1);
  const stopping = new AbortController();
  const got: string[] = [];
  slots.take();
  waitAs("only", slots, got, stopping.signal);
  slots.release();
  stopping.abort();
  await turn();
  expect(slots.taken).toBe(1);
  slots.release();
  expect([slots.taken, freed()]).toEqual([0, 1]);
});

it("gives the slots of a raised limit to those who wait, in the order of asking", async () => {
  const { slots, freed } = slotsOf(1);
  const got: string[] = [];
  slots.take();
  for (const name of ["a", "b", "c"]) waitAs(name, slots, got);
  slots.limit = 3;
  await turn();
  expect(got).toEqual(["a", "b"]);
  expect([slots.taken, slots.free, freed()]).toEqual([3, 0, 0]);
});
