import { describe, expect, it } from "vitest";
import { type SettledAs, Settlements } from "../../../src/dispatcher/settlements.ts";

const FOR_MS = 60_000;

/** Has one message delivered and settled; the next deliveries have consumer sequences above 10. */
function settledOnce(as: SettledAs = "ack"): Settlements {
  const settlements = new Settlements(FOR_MS);
  settlements.delivered(10);
  settlements.remember({ streamSequence: 5, consumerSequence: 10, as, now: 1_000 });
  return settlements;
}

describe("what was settled", () => {
  it.each(["ack", "term"] as const)("is remembered as %s", (as) => {
    const settlements = settledOnce(as);
    settlements.delivered(11);
    expect(settlements.recall({ streamSequence: 5, consumerSequence: 11, now: 1_500 })).toBe(as);
  });

  it.each([
    ["another message", { streamSequence: 6, consumerSequence: 11, now: 1_500 }],
    ["the very delivery that was settled", { streamSequence: 5, consumerSequence: 10, now: 1_500 }],
    ["an earlier delivery of it", { streamSequence: 5, consumerSequence: 9, now: 1_500 }],
    [
      "a delivery after twice the ack wait",
      { streamSequence: 5, consumerSequence: 11, now: 1_001 + FOR_MS },
    ],
  ])("says nothing about %s", (_, delivery) => {
    expect(settledOnce().recall(delivery)).toBeUndefined();
  });

  it("counts to the last millisecond of its time", () => {
    const delivery = { streamSequence: 5, consumerSequence: 11, now: 1_000 + FOR_MS };
    expect(settledOnce().recall(delivery)).toBe("ack");
  });

  it("is what it was settled as last", () => {
    const settlements = settledOnce("term");
    settlements.delivered(11);
    settlements.remember({ streamSequence: 5, consumerSequence: 11, as: "ack", now: 2_000 });
    settlements.delivered(12);
    const delivery = { streamSequence: 5, consumerSequence: 12, now: 2_001 };
    expect(settlements.recall(delivery)).toBe("ack");
  });
});

describe("a consumer sequence that does not rise", () => {
  it.each([
    ["goes back", 3],
    ["comes again", 10],
  ])("shows another consumer when it %s: everything is forgotten", (_, consumerSequence) => {
    const settlements = settledOnce();
    settlements.delivered(consumerSequence);
    expect(settlements.size).toBe(0);
    const delivery = { streamSequence: 5, consumerSequence: 11, now: 1_500 };
    expect(settlements.recall(delivery)).toBeUndefined();
  });

  it("is measured against the new consumer from then on", () => {
    const settlements = settledOnce();
    settlements.delivered(1);
    settlements.remember({ streamSequence: 5, consumerSequence: 1, as: "ack", now: 2_000 });
    settlements.delivered(2);
    const delivery = { streamSequence: 5, consumerSequence: 2, now: 2_001 };
    expect(settlements.recall(delivery)).toBe("ack");
  });
});

describe("the bound", () => {
  const BOUND = 16_384;

  /** Settles messages 1 to `count`, the n-th at the n-th time. */
  function settledMany(count: number, atMs: (sequence: number) => number): Settlements {
    const settlements = new Settlements(FOR_MS);
    for (let sequence = 1; sequence <= count; sequence++) {
      settlements.delivered(sequence);
      const now = atMs(sequence);
      settlements.remember({
        streamSequence: sequence,
        consumerSequence: sequence,
        as: sequence % 2 === 0 ? "term" : "ack",
        now,
      });
    }
    return settlements;
  }

  it.each([1, 63, 64, 65, 129, 1_000, BOUND])(
    "keeps every one of %d settlements that came at once",
    (count) => {
      const settlements = settledMany(count, () => 0);
      expect(settlements.size).toBe(count);
      const consumerSequence = count + 1;
      const recalled = [1, Math.ceil(count / 2), count].map((streamSequence) =>
        settlements.recall({ streamSequence, consumerSequence, now: 1 }),
      );
      const expected = [1, Math.ceil(count / 2), count].map((sequence) =>
        sequence % 2 === 0 ? "term" : "ack",
      );
      expect(recalled).toEqual(expected);
    },
  );

  it("forgets the oldest first when there are more", () => {
    const settlements = settledMany(BOUND + 10, () => 0);
    expect(settlements.size).toBe(BOUND);
    const consumerSequence = BOUND + 11;
    const recall = (streamSequence: number) =>
      settlements.recall({ streamSequence, consumerSequence, now: 1 });
    expect([recall(10), recall(11), recall(BOUND + 10)]).toEqual([undefined, "ack", "term"]);
  });

  it("does not grow for settlements whose time is over", () => {
    const settlements = settledMany(10_000, (sequence) => sequence * FOR_MS);
    expect(settlements.size).toBe(64);
  });

  it("keeps its order when it grows after it went round", () => {
    // 100 settle so slowly that their places are used again, then many at once.
    const slow = (sequence: number) => sequence * FOR_MS;
    const settlements = settledMany(400, (sequence) => slow(Math.min(sequence, 100)));
    const recalled = [101, 250, 400].map((streamSequence) =>
      settlements.recall({ streamSequence, consumerSequence: 401, now: slow(100) + 1 }),
    );
    expect(recalled).toEqual(["ack", "term", "term"]);
  });
});
