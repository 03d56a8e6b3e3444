/*
 * Brings what is into line with what should be, key by key:
 *
 *   1. whoever sees a change adds the keys that it concerns
 *   2. a work queue holds the keys: once each, never two runs of one key at a time
 *   3. `reconcile` looks at the key's objects and does what is missing
 *   4. what came of it decides when the key comes again
 *
 *   returns                   when something changes
 *   returns requeueAfterMs    then, too
 *   throws a TerminalError    when something changes: a person has to act
 *   throws a conflict         with back-off: somebody else wrote meanwhile, which is no failure
 *   throws anything else      with back-off
 *
 * Errors of reconcile are logged here, and only here.
 */
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import type { WorkQueueObserver } from "../runtime/work-queue-metrics.ts";
import { isConflict } from "./kube-error.ts";
import { createWorkQueue, type WorkResult } from "./work-queue.ts";

/** Is the failure of a reconcile that trying again cannot mend: a person has to change something. */
export class TerminalError extends Error {
  override readonly name = "TerminalError";
}

/** Does what is missing for one key, and says when to come back if nothing changes; the signal ends it when the loop stops. */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<{ requeueAfterMs?: number }>;

/** Names what came of a reconcile. */
export type Outcome = "done" | "requeued" | "conflict" | "failed" | "terminal";

export interface ControlLoop {
  /** Asks for a reconcile of a key. */
  add(key: string, afterMs?: number): void;
  /** Starts nothing more, and ends what is running. */
  stop(): Promise<void>;
}

/** Makes a control loop; see the head of this file. `name` is what its log lines call the key. */
export function controlLoop(deps: {
  name: string;
  concurrency: number;
  reconcile: Reconcile;
  log: Logger;
  /** Is told of every reconcile, for metrics. */
  onOutcome?: (outcome: Outcome, durationMs: number) => void;
  observer?: WorkQueueObserver | undefined;
}): ControlLoop {
  const { name, concurrency, reconcile, log, onOutcome, observer } = deps;
  const stopping = new AbortController();

  const work = async (key: string): Promise<WorkResult> => {
    const began = performance.now();
    const { outcome, result } = await runOnce(key);
    onOutcome?.(outcome, performance.now() - began);
    return result;
  };

  const runOnce = async (key: string): Promise<{ outcome: Outcome; result: WorkResult }> => {
    try {
      const { requeueAfterMs } = await reconcile(key, stopping.signal);
      if (requeueAfterMs === undefined) return { outcome: "done", result: { outcome: "done" } };
      return { outcome: "requeued", result: { outcome: "done", requeueAfterMs } };
    } catch (error) {
      const what = { [name]: key, error: errorMessage(error) };
      if (error instanceof TerminalError) {
        log.warn(what, "cannot be reconciled until somebody changes something");
        return { outcome: "terminal", result: { outcome: "done" } };
      }
      if (isConflict(error)) {
        log.debug(what, "somebody else wrote meanwhile, trying again");
        return { outcome: "conflict", result: { outcome: "failed" } };
      }
      if (!stopping.signal.aborted) log.error(what, "reconcile failed, trying again");
      return { outcome: "failed", result: { outcome: "failed" } };
    }
  };

  const queue = createWorkQueue({ concurrency, work, observer });

  return {
    add: (key, afterMs) => queue.add(key, afterMs),
    async stop() {
      stopping.abort();
      await queue.stop();
    },
  };
}
