import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { perTurn } from "../../../src/nats/turn.ts";

describe("items of one turn", () => {
  it("are handed over together, in their order, and not before the turn is over", async () => {
    const flushed: number[][] = [];
    const add = perTurn<number>((items) => flushed.push([...items]));
    add(1);
    await Promise.resolve();
    add(2);
    expect(flushed).toEqual([]);
    await turn();
    expect(flushed).toEqual([[1, 2]]);
    add(3);
    await turn();
    expect(flushed).toEqual([[1, 2], [3]]);
  });

  it("that are added while others are handed over come in the next turn", async () => {
    const flushed: number[][] = [];
    const add = perTurn<number>((items) => {
      flushed.push([...items]);
      if (items[0] === 1) {
        add(2);
        add(3);
      }
    });
    add(1);
    await turn();
    await turn();
    expect(flushed).toEqual([[1], [2, 3]]);
  });

  it("of different kinds are handed over in the same turn", async () => {
    const flushed: string[][] = [];
    const first = perTurn<string>((items) => flushed.push([...items]));
    const second = perTurn<string>((items) => flushed.push([...items]));
    first("a");
    second("b");
    first("c");
    await turn();
    expect(flushed).toEqual([["a", "c"], ["b"]]);
  });

  it("do not suffer when handing over others fails, in this turn or the next", async () => {
    const failures: unknown[] = [];
    const onFailure = (error: unknown): void => void failures.push(error);
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException").on("uncaughtException", onFailure);
    try {
      const flushed: string[][] = [];
      const failing = perTurn<string>((items) => {
        if (items.includes("bad")) throw new Error("broken");
        flushed.push([...items]);
      });
      const other = perTurn<string>((items) => flushed.push([...items]));
      failing("bad");
      other("a");
      await turn();
      await turn();
      failing("b");
      other("c");
      await turn();
      expect(failures).toEqual([new Error("broken")]);
      expect(flushed).toEqual([["a"], ["b"], ["c"]]);
    } finally {
      process.removeListener("uncaughtException", onFailure);
      for (const listener of listeners) process.on("uncaughtException", listener);
    }
  });
});
