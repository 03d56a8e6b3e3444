import type { WorkQueueObserver } from "../runtime/work-queue-metrics.ts";

/**
 * A queue of keys with the promises of Kubernetes' client-go work queue: a key that is added while
 * it waits is worked on once, a key that is added while it is being worked on is worked on again
 * afterwards, and never twice at the same time. Failures wait exponentially longer, per key.
 */
export interface WorkQueue {
  /** Queues a key, at once or after a delay; the earliest time asked for counts. */
  add(key: string, afterMs?: number): void;
  /** Stops starting work and resolves when what is running has ended. */
  stop(): Promise<void>;
}

/** What one run of the work came to. */
export type WorkResult =
  | { outcome: "done"; requeueAfterMs?: number }
  /** Try again with back-off. */
  | { outcome: "failed" };

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 60_000;

/**
 * Starts a work queue that runs `work` for its keys, `concurrency` keys at a time. `work` handles and
 * logs its own errors and says what came of it; should it throw all the same, that is a failure.
 */
export function createWorkQueue(options: {
  concurrency: number;
  work: (key: string) => Promise<WorkResult>;
  observer?: WorkQueueObserver | undefined;
}): WorkQueue {
  const { observer } = options;
  /** Key → since when it waits. */
  const ready = new Map<string, number>();
  const running = new Set<string>();
  const again = new Set<string>();
  const failures = new Map<string, number>();
  const timers = new Map<string, { dueAt: number; timer: NodeJS.Timeout }>();
  let stopped = false;
  const whenIdle: (() => void)[] = [];

  const add = (key: string, afterMs = 0): void => {
    if (stopped) return;
    const waiting = timers.get(key);
    if (afterMs > 0) {
      const dueAt = performance.now() + afterMs;
      if (waiting !== undefined && waiting.dueAt <= dueAt) return;
      clearTimeout(waiting?.timer);
      timers.set(key, { dueAt, timer: setTimeout(() => add(key), afterMs) });
      return;
    }
    clearTimeout(waiting?.timer);
    timers.delete(key);
    if (running.has(key)) again.add(key);
    else if (!ready.has(key)) {
      ready.set(key, performance.now());
      observer?.added();
    }
    pump();
  };

  const pump = (): void => {
    for (const [key, since] of ready) {
      if (stopped || running.size >= options.concurrency) return;
      ready.delete(key);
      running.add(key);
      void run(key, since);
    }
  };

  const run = async (key: string, since: number): Promise<void> => {
    const ended = observer?.started(performance.now() - since);
    let result: WorkResult = { outcome: "failed" };
    try {
      result = await options.work(key);
    } catch {
      // Whoever does the work knows what to log; here one key must not stop the others.
    }
    running.delete(key);
    ended?.();
    if (result.outcome === "failed") {
      const failed = failures.get(key) ?? 0;
      failures.set(key, failed + 1);
      observer?.retried();
      add(key, Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(failed, 20)));
    } else {
      failures.delete(key);
      if (result.requeueAfterMs !== undefined) add(key, result.requeueAfterMs);
    }
    if (again.delete(key)) add(key);
    pump();
    if (stopped && running.size === 0) for (const resolve of whenIdle) resolve();
  };

  return {
    add,
    async stop() {
      stopped = true;
      for (const { timer } of timers.values()) clearTimeout(timer);
      timers.clear();
      ready.clear();
      if (running.size > 0) await new Promise<void>((resolve) => whenIdle.push(resolve));
    },
  };
}
