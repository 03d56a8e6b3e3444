import { describe, expect, it } from "vitest";
import { MemoryBudget, type Share } from "../../../src/dispatcher/memory-budget.ts";

const MIB = 1_048_576;
const KIB = 1_024;

function budgetOf(totalBytes: number, messageBytes = MIB): MemoryBudget {
  return new MemoryBudget({ totalBytes, messageBytes: () => messageBytes });
}

/** Makes a share that puts its name down when it is told that there is room. */
function shareNamed(name: string, told: string[] = []): Share {
  return { reserved: 0, held: 0, onRoom: () => void told.push(name) };
}

describe("the bound", () => {
  it.each([
    ["what is configured", 16 * MIB, MIB, 16 * MIB],
    ["a single message when that is more", 16 * MIB, 64 * MIB, 64 * MIB],
  ])("is %s", (_, totalBytes, messageBytes, expected) => {
    expect(budgetOf(totalBytes, messageBytes).boundBytes).toBe(expected);
  });

  it.each([
    ["an eighth of what an eighth for the reserve leaves", 64 * MIB, MIB, 7 * MIB],
    ["an eighth of what a message for the reserve leaves", 16 * MIB, 8 * MIB, MIB],
    ["nothing when a single message needs everything", 16 * MIB, 64 * MIB, 0],
  ])("leaves a subscriber %s", (_, totalBytes, messageBytes, expected) => {
    expect(budgetOf(totalBytes, messageBytes).shareBytes).toBe(expected);
  });
});

describe("the pool", () => {
  it("gives what is wanted, up to the share", () => {
    const budget = budgetOf(64 * MIB);
    const share = shareNamed("a");
    expect(budget.reserve(share, 32 * KIB, 32 * KIB)).toBe(32 * KIB);
    expect(budget.reserve(share, 99 * MIB, 32 * KIB)).toBe(7 * MIB - 32 * KIB);
    expect(budget.reserve(share, 32 * KIB, 32 * KIB)).toBe(0);
    expect(budget.usedBytes).toBe(7 * MIB);
  });

  it("gives nothing when less than the least is left", () => {
    const budget = budgetOf(64 * MIB);
    const share = shareNamed("a");
    budget.reserve(share, 7 * MIB - 1, 1);
    expect(budget.reserve(share, KIB, 2)).toBe(0);
    expect(budget.reserve(share, KIB, 1)).toBe(1);
  });

  it("is spent by eight subscribers, and leaves the reserve untouched", () => {
    const budget = budgetOf(64 * MIB);
    for (let n = 0; n < 8; n++) {
      expect(budget.reserve(shareNamed(`${n}`), 99 * MIB, KIB)).toBe(7 * MIB);
    }
    expect(budget.reserve(shareNamed("ninth"), KIB, KIB)).toBe(0);
    expect(budget.usedBytes).toBe(56 * MIB);
  });

  it("turns reserved bytes into held ones, and counts what a message has beyond them", () => {
    const budget = budgetOf(64 * MIB);
    const share = shareNamed("a");
    budget.reserve(share, 100, 1);
    budget.hold(share, 60);
    expect([share.reserved, share.held, budget.usedBytes]).toEqual([40, 60, 100]);
    budget.hold(share, 50);
    expect([share.reserved, share.held, budget.usedBytes]).toEqual([0, 110, 110]);
  });

  it("takes back messages, and what a pull did not use", () => {
    const budget = budgetOf(64 * MIB);
    const share = shareNamed("a");
    budget.reserve(share, 100, 1);
    budget.hold(share, 60);
    budget.releaseReserved(share);
    expect([share.reserved, share.held, budget.usedBytes]).toEqual([0, 60, 60]);
    budget.release(share, 60);
    expect([share.reserved, share.held, budget.usedBytes]).toEqual([0, 0, 0]);
  });
});

describe("the reserve", () => {
  /** A budget of 16 MiB with a reserve of one message of 8 MiB, taken by `holder`. */
  function takenReserve() {
    const told: string[] = [];
    const budget = budgetOf(16 * MIB, 8 * MIB);
    for (let n = 0; n < 8; n++) budget.reserve(shareNamed("pool"), MIB, MIB);
    const holder = shareNamed("holder", told);
    expect(budget.reserveOne(holder)).toBe(true);
    return { budget, holder, told };
  }

  it("gives room for one message of any size when the pool is spent", () => {
    const { budget, holder } = takenReserve();
    expect(holder.reserved).toBe(8 * MIB);
    expect(budget.usedBytes).toBe(budget.boundBytes);
  });

  it("is granted in the order of asking, one turn at a time", () => {
    const { budget, holder, told } = takenReserve();
    const [a, b] = [shareNamed("a", told), shareNamed("b", told)];
    expect([budget.reserveOne(a), budget.reserveOne(b)]).toEqual([false, false]);
    expect(budget.waiting).toBe(2);
    budget.releaseReserved(holder);
    expect(told).toEqual(["a"]);
    expect(budget.reserveOne(a)).toBe(true);
    budget.releaseReserved(a);
    expect(told).toEqual(["a", "b"]);
    expect(budget.reserveOne(b)).toBe(true);
    expect(budget.waiting).toBe(0);
  });

  it("does not let anybody overtake the one whose turn it is", () => {
    const { budget, holder, told } = takenReserve();
    const [a, late] = [shareNamed("a", told), shareNamed("late", told)];
    budget.reserveOne(a);
    budget.releaseReserved(holder);
    expect(budget.reserveOne(late)).toBe(false);
    expect(budget.reserveOne(a)).toBe(true);
  });

  it("puts one that asks again behind those that wait", () => {
    const { budget, holder, told } = takenReserve();
    const a = shareNamed("a", told);
    budget.reserveOne(a);
    budget.releaseReserved(holder);
    expect(budget.reserveOne(holder)).toBe(false);
    budget.reserveOne(a);
    budget.releaseReserved(a);
    expect(told).toEqual(["a", "holder"]);
  });

  it.each([
    [
      "is paused",
      (budget: MemoryBudget, a: Share) => {
        budget.withdraw(a);
      },
    ],
    [
      "is served by the pool",
      (budget: MemoryBudget, a: Share) => {
        budget.reserve(a, KIB, KIB);
      },
    ],
  ])("goes to the next one when the one whose turn it is %s", (_, leave) => {
    const told: string[] = [];
    const budget = budgetOf(16 * MIB, 8 * MIB);
    const [holder, a, b] = [shareNamed("holder"), shareNamed("a", told), shareNamed("b", told)];
    budget.reserveOne(holder);
    budget.hold(holder, 8 * MIB + 1);
    budget.reserveOne(a);
    budget.reserveOne(b);
    budget.release(holder, 8 * MIB + 1);
    expect(told).toEqual(["a"]);
    leave(budget, a);
    expect(told).toEqual(["a", "b"]);
  });

  it("tells one that could not take its turn again when there is room", () => {
    const { budget, holder, told } = takenReserve();
    const a = shareNamed("a", told);
    budget.reserveOne(a);
    budget.releaseReserved(holder);
    expect(told).toEqual(["a"]);
    // A message that is larger than what was reserved for it comes in between.
    budget.hold(holder, KIB);
    expect(budget.reserveOne(a)).toBe(false);
    budget.release(holder, KIB);
    expect(told).toEqual(["a", "a"]);
    expect(budget.reserveOne(a)).toBe(true);
  });
});

describe("many subscribers with messages of all sizes", () => {
  /** A generator of numbers in [0, 1) that always gives the same series (mulberry32). */
  function randomFrom(seed: number): () => number {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  it.each([1, 2, 3, 4, 5])("all get on within the bound (series %d)", (seed) => {
    const random = randomFrom(seed);
    const budget = budgetOf(16 * MIB, MIB);
    const served = Array.from({ length: 40 }, () => 0);
    const shares = served.map((_, n) => shareNamed(`${n}`));
    const messages = shares.map((): number[] => []);
    let mostBytes = 0;
    for (let step = 0; step < 20_000; step++) {
      const n = Math.floor(random() * shares.length);
      const share = shares[n] as Share;
      const held = messages[n] as number[];
      const size = Math.floor(random() * MIB);
      const done = held.shift();
      if (done !== undefined) {
        budget.release(share, done);
      } else if (budget.reserve(share, size, size) > 0 || budget.reserveOne(share)) {
        budget.hold(share, size);
        budget.releaseReserved(share);
        held.push(size);
        served[n] = (served[n] ?? 0) + 1;
      }
      mostBytes = Math.max(mostBytes, budget.usedBytes);
    }
    const heldBytes = shares.reduce((sum, { reserved, held }) => sum + reserved + held, 0);
    expect(budget.usedBytes).toBe(heldBytes);
    expect(mostBytes).toBeLessThanOrEqual(budget.boundBytes);
    expect(mostBytes).toBeGreaterThan(budget.boundBytes / 2);
    expect(Math.min(...served)).toBeGreaterThan(50);
  });
});

describe("another bound", () => {
  it("tells who waits for the pool and for the reserve when there is more, and takes nothing away when there is less", () => {
    const told: string[] = [];
    const budget = budgetOf(16 * MIB, 8 * MIB);
    const [poor, next] = [shareNamed("poor", told), shareNamed("next", told)];
    for (let n = 0; n < 8; n++) expect(budget.reserve(shareNamed(`${n}`), MIB, 1)).toBe(MIB);
    expect(budget.reserveOne(shareNamed("first"))).toBe(true);
    expect(budget.reserveOne(next)).toBe(false);
    expect(budget.reserve(poor, KIB, KIB)).toBe(0);
    budget.totalBytes = 64 * MIB;
    expect(told).toEqual(["next", "poor"]);
    expect(budget.reserve(poor, KIB, KIB)).toBe(KIB);
    const { usedBytes } = budget;
    budget.totalBytes = 16 * MIB;
    expect([budget.usedBytes, budget.boundBytes]).toEqual([usedBytes, 16 * MIB]);
    expect(budget.reserve(shareNamed("e"), 1, 1)).toBe(0);
  });
});
