import { expect, it } from "vitest";
import { RateLimit } from "../../../src/dispatcher/rate-limit.ts";

/** Delivers messages of a size for as long as it may, and counts them. */
function delivered(limit: RateLimit, bytes: number, forMs: number): number {
  let count = 0;
  for (let now = 0; now < forMs; ) {
    const waitMs = limit.waitMs(now);
    now += waitMs;
    if (waitMs > 0) continue;
    limit.take(bytes, now);
    count += 1;
  }
  return count;
}

it.each([
  // 1 s of burst and 10 s of rate, in messages; one more may go on credit.
  { bps: 8_000, bytes: 100, count: 110 },
  { bps: 80_000, bytes: 1_000, count: 110 },
  { bps: 8_000, bytes: 5_000, count: 3 },
])("lets $bps bits a second through, in messages of $bytes bytes", ({ bps, bytes, count }) => {
  const seen = delivered(new RateLimit(bps, 0), bytes, 10_000);
  expect(seen).toBeGreaterThanOrEqual(count - 1);
  expect(seen).toBeLessThanOrEqual(count + 1);
});

it("saves up no more than a second's worth while nothing comes", () => {
  const limit = new RateLimit(8_000, 0);
  let burst = 0;
  for (; limit.waitMs(3_600_000) === 0; burst++) limit.take(100, 3_600_000);
  expect(burst).toBe(10);
});
