import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const LOOK_FOR_PARENT_EVERY_MS = 250;

/** Is the reason of an early end: a signal came. */
class Stopped extends Error {
  override name = "Stopped";
  readonly exitCode: number;

  constructor(signal: (typeof SIGNALS)[number]) {
    super(`ended by ${signal}, cleaning up`);
    // As a shell reports a program that a signal ended.
    this.exitCode = 128 + constants.signals[signal];
  }
}

/** Turns signals into an abort, so that what was started is ended in order; a second signal ends at once. */
export function stopOnSignals(): {
  stopping: AbortSignal;
  /** Gives the exit code of a run that failed with this error: 128 + the signal's number, or 1. */
  exitCodeFor: (error: unknown) => number;
} {
  const controller = new AbortController();
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      const reason = new Stopped(signal);
      if (controller.signal.aborted) process.exit(reason.exitCode);
      controller.abort(reason);
    });
  }
  const parent = process.ppid;
  // npm does not pass SIGTERM on to what it runs: a parent that is gone says the same.
  setInterval(() => {
    if (process.ppid !== parent) controller.abort(new Stopped("SIGTERM"));
  }, LOOK_FOR_PARENT_EVERY_MS).unref();
  return {
    stopping: controller.signal,
    exitCodeFor: (error) => (error instanceof Stopped ? error.exitCode : 1),
  };
}

/** Gives what a promise gives, or rejects as soon as the demonstration is stopped. */
export function unlessStopped<T>(promise: Promise<T>, stopping: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(stopping.reason);
    if (stopping.aborted) stop();
    stopping.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => stopping.removeEventListener("abort", stop));
  });
}
