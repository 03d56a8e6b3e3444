import { inject, vi } from "vitest";

declare module "vitest" {
  export interface ProvidedContext {
    /** For how long a scenario may repeat its fault at the most; 0: the short forms run. */
    faultMinutes: number;
  }
}

/** How long the long form of a scenario may go on, in minutes; 0 in the short form. */
export const MINUTES = inject("faultMinutes");

// Several processes and real elections, beside other tests: ten times what it takes alone.
if (MINUTES === 0) vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

/** Takes one value in the short form of a scenario, and another one in the long form. */
export function either<T>(length: { short: T; long: T }): T {
  return MINUTES > 0 ? length.long : length.short;
}

/** Counts the rounds of a scenario from 1, as many as its form has, and no more once its minutes are over. */
export function* rounds(length: { short: number; long: number }): Generator<number> {
  const endsAt = MINUTES > 0 ? performance.now() + MINUTES * 60_000 : Infinity;
  for (let round = 1; round <= either(length) && performance.now() < endsAt; round++) yield round;
}
