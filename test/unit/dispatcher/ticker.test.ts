import { afterEach, beforeEach, expect, it } from "vitest";
import { Ticker } from "../../../src/dispatcher/ticker.ts";

let ticker: Ticker;

beforeEach(() => {
  ticker = new Ticker();
});

afterEach(() => ticker.stop());

/** Is ticked and has something to do so often. */
const busyFor = (times: number) => {
  const one = {
    ticks: 0,
    tick() {
      one.ticks += 1;
      return one.ticks < times;
    },
  };
  return one;
};

it("ticks for as long as there is something to do, and again when there is something new", async () => {
  const short = busyFor(1);
  const long = busyFor(5);
  for (const one of [short, long]) ticker.add(one);
  await expect.poll(() => long.ticks, { timeout: 10_000 }).toBe(5);
  expect(short.ticks).toBe(1);
  ticker.add(short);
  await expect.poll(() => short.ticks, { timeout: 10_000 }).toBe(2);
  expect(long.ticks).toBe(5);
});
