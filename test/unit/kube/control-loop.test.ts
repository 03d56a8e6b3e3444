import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  controlLoop,
  type Outcome,
  type Reconcile,
  TerminalError,
} from "../../../src/kube/control-loop.ts";
import { KubeError } from "../../../src/kube/kube-error.ts";
import { createLogger } from "../../../src/runtime/logger.ts";

const log = createLogger({ name: "test", level: "silent" });
let reconciled: string[];
let outcomes: Outcome[];

beforeEach(() => {
  vi.useFakeTimers();
  reconciled = [];
  outcomes = [];
});

afterEach(() => {
  vi.useRealTimers();
});

function loopOf(reconcile: Reconcile) {
  return controlLoop({
    name: "channel",
    concurrency: 1,
    reconcile: async (key, signal) => {
      reconciled.push(key);
      return await reconcile(key, signal);
    },
    log,
    onOutcome: (outcome) => outcomes.push(outcome),
  });
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe("what came of a reconcile", () => {
  const conflict = new KubeError("changed", { code: 409, reason: "Conflict" });
  const rows: [string, () => Promise<{ requeueAfterMs?: number }>, Outcome, number | undefined][] =
    [
      ["nothing to say", async () => ({}), "done", undefined],
      ["a time to come back", async () => ({ requeueAfterMs: 5_000 }), "requeued", 5_000],
      [
        "a terminal error",
        async () => Promise.reject(new TerminalError("typo")),
        "terminal",
        undefined,
      ],
      ["a conflict", async () => Promise.reject(conflict), "conflict", 200],
      ["any other error", async () => Promise.reject(new Error("down")), "failed", 200],
    ];

  it.each(rows)("%s is counted, and decides when the key comes again", async (...row) => {
    const [, reconcile, outcome, againMs] = row;
    const loop = loopOf(reconcile);
    loop.add("a");
    await pass(0);
    expect(outcomes).toEqual([outcome]);
    await pass((againMs ?? 3_600_000) - 1);
    expect(reconciled).toEqual(["a"]);
    await pass(1);
    expect(reconciled).toEqual(againMs === undefined ? ["a"] : ["a", "a"]);
    await loop.stop();
  });
});

describe("a control loop", () => {
  it("ends what is running when it stops, and waits for that", async () => {
    let ended = false;
    const loop = loopOf(
      (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            ended = true;
            reject(new Error("given up"));
          });
        }),
    );
    loop.add("a");
    await loop.stop();
    expect(ended).toBe(true);
  });
});
