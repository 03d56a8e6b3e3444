import { setTimeout as delay } from "node:timers/promises";

const firstPauseMs = 5;
const longestPauseMs = 100;

/** Says how long to wait (in ms) and for what, in words that complete "waited for …". */
export interface EventuallyOptions {
  within: number;
  what: string;
}

type Outcome<T> = { holds: true; value: Exclude<T, false> } | { holds: false; failure: unknown };

/**
 * Calls a check again and again until it holds, and gives its value. It holds when it neither throws, nor rejects, nor
 * gives `false`; so it may be a predicate, a group of assertions or a look-up. When time is up, also in the middle of a
 * call that does not answer, rejects with what was awaited and the last failure, which is the cause too.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { within, what }: EventuallyOptions,
): Promise<Exclude<T, false>> {
  const timeIsUp = new AbortController();
  const timer = setTimeout(() => timeIsUp.abort(), within);
  const deadline = new Promise<"time is up">((resolve) => {
    timeIsUp.signal.addEventListener("abort", () => resolve("time is up"));
  });
  let failure: unknown = new Error("the check did not come to an end once");
  let pauseMs = firstPauseMs;
  try {
    for (;;) {
      const outcome = await Promise.race([attempt(check), deadline]);
      if (outcome !== "time is up") {
        if (outcome.holds) {
          return outcome.value;
        }
        failure = outcome.failure;
      }
      if (timeIsUp.signal.aborted) {
        const reason = failure instanceof Error ? failure.message : String(failure);
        throw new Error(`waited ${within} ms for ${what}: ${reason}`, { cause: failure });
      }
      await Promise.race([delay(pauseMs), deadline]);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  } finally {
    clearTimeout(timer);
  }
}

async function attempt<T>(check: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    const value = await check();
    return value === false
      ? { holds: false, failure: new Error("it was false to the end") }
      : { holds: true, value: value as Exclude<T, false> };
  } catch (failure) {
    return { holds: false, failure };
  }
}
