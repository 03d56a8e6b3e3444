import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createWorkQueue, type WorkResult } from "../../../src/kube/work-queue.ts";

/** A run of the work that the test ends when it likes. */
interface Run {
  key: string;
  end: (result?: WorkResult) => Promise<void>;
  fail: (error: unknown) => Promise<void>;
}

let runs: Run[];

beforeEach(() => {
  vi.useFakeTimers();
  runs = [];
});

afterEach(() => {
  vi.useRealTimers();
});

const turn = () => vi.advanceTimersByTimeAsync(0);
const keys = () => runs.map(({ key }) => key);
const newest = () => runs.at(-1) as Run;

function queueOf(concurrency: number) {
  return createWorkQueue({
    concurrency,
    work: (key) => {
      const { promise, resolve, reject } = resolvable<WorkResult>();
      runs.push({
        key,
        end: async (result = { outcome: "done" }) => {
          resolve(result);
          await turn();
        },
        fail: async (error) => {
          reject(error);
          await turn();
        },
      });
      return promise;
    },
  });
}

function resolvable<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

describe("a key", () => {
  it("that is added several times while it waits is worked on once", async () => {
    const queue = queueOf(1);
    for (const key of ["a", "b", "b", "b"]) queue.add(key);
    await newest().end();
    await newest().end();
    expect(keys()).toEqual(["a", "b"]);
  });

  it("that is added while it is worked on is worked on again, afterwards, and once", async () => {
    const queue = queueOf(5);
    queue.add("a");
    queue.add("a");
    queue.add("a");
    expect(keys()).toEqual(["a"]);
    await newest().end();
    expect(keys()).toEqual(["a", "a"]);
    await newest().end();
    expect(keys()).toEqual(["a", "a"]);
  });

  it("does not wait for another one as long as there is room", () => {
    const queue = queueOf(2);
    for (const key of ["a", "b", "c"]) queue.add(key);
    expect(keys()).toEqual(["a", "b"]);
  });

  it("takes the room that another one leaves", async () => {
    const queue = queueOf(2);
    for (const key of ["a", "b", "c"]) queue.add(key);
    await runs[0]?.end();
    expect(keys()).toEqual(["a", "b", "c"]);
  });
});

describe("a delay", () => {
  it("holds a key back until it is over", async () => {
    const queue = queueOf(1);
    queue.add("a", 1_000);
    await vi.advanceTimersByTimeAsync(999);
    expect(keys()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(keys()).toEqual(["a"]);
  });

  it.each([
    ["a shorter one", [1_000, 100], 100],
    ["a longer one", [100, 1_000], 100],
    ["none", [1_000, 0], 0],
  ])(
    "gives way to %s that is asked for too, and does not come again",
    async (_what, delays, dueMs) => {
      const queue = queueOf(1);
      for (const afterMs of delays) queue.add("a", afterMs);
      await vi.advanceTimersByTimeAsync(dueMs);
      expect(keys()).toEqual(["a"]);
      await newest().end();
      await vi.advanceTimersByTimeAsync(10_000);
      expect(keys()).toEqual(["a"]);
    },
  );

  it("that the work asks for brings the key again", async () => {
    const queue = queueOf(1);
    queue.add("a");
    await newest().end({ outcome: "done", requeueAfterMs: 15_000 });
    await vi.advanceTimersByTimeAsync(14_999);
    expect(runs).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(runs).toHaveLength(2);
  });
});

describe("a failure", () => {
  it.each([
    ["says so", (run: Run) => run.end({ outcome: "failed" })],
    ["throws", (run: Run) => run.fail(new Error("a bug"))],
  ])(
    "of work that %s waits twice as long each time, and a minute at the most",
    async (_how, fail) => {
      const queue = queueOf(1);
      queue.add("a");
      const waits: number[] = [];
      for (let attempt = 0; attempt < 11; attempt++) {
        await fail(newest());
        const before = runs.length;
        let waitedMs = 0;
        for (; runs.length === before; waitedMs += 100) await vi.advanceTimersByTimeAsync(100);
        waits.push(waitedMs);
      }
      expect(waits).toEqual([
        200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000,
      ]);
    },
  );

  it("does not hold up other keys, nor what is added meanwhile", async () => {
    const queue = queueOf(1);
    queue.add("a");
    queue.add("b");
    await newest().fail(new Error("a bug"));
    expect(keys()).toEqual(["a", "b"]);
    queue.add("a");
    await newest().end();
    expect(keys()).toEqual(["a", "b", "a"]);
  });

  it("is forgotten with the next success", async () => {
    const queue = queueOf(1);
    queue.add("a");
    await newest().end({ outcome: "failed" });
    await vi.advanceTimersByTimeAsync(200);
    await newest().end();
    queue.add("a");
    await newest().end({ outcome: "failed" });
    await vi.advanceTimersByTimeAsync(200);
    expect(runs).toHaveLength(4);
  });

  it("of a key that was added while it failed is tried again at once", async () => {
    const queue = queueOf(1);
    queue.add("a");
    queue.add("a");
    await newest().end({ outcome: "failed" });
    expect(runs).toHaveLength(2);
    await newest().end();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(runs).toHaveLength(2);
  });
});

describe("the end of a queue", () => {
  it("waits for what is running, starts nothing that waits, and leaves no timer", async () => {
    const queue = queueOf(1);
    queue.add("a");
    queue.add("b");
    queue.add("c", 1_000);
    let ended = 0;
    const ends = [queue.stop(), queue.stop()].map((end) => end.then(() => ended++));
    await turn();
    expect(ended).toBe(0);
    await newest().end({ outcome: "failed" });
    await Promise.all(ends);
    queue.add("d");
    expect(keys()).toEqual(["a"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("comes at once when nothing is running", async () => {
    const queue = queueOf(1);
    queue.add("c", 1_000);
    await queue.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("comes although the work throws", async () => {
    const queue = queueOf(1);
    queue.add("a");
    const end = queue.stop();
    await newest().fail(new Error("a bug"));
    await end;
    expect(runs).toHaveLength(1);
  });
});
