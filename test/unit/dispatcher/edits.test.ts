import { JetStreamApiError } from "@nats-io/jetstream";
import { describe, expect, it } from "vitest";
import { carryOut, type Edit, shownValue } from "../../../src/dispatcher/edits.ts";

type Fields = Record<string, unknown>;

const edit = (field: string, to: unknown, obstacle?: string): Edit => ({
  field,
  path: `spec.${field}`,
  from: undefined,
  to,
  obstacle,
});

const refusal = (description: string, code = 400, err_code = 10052) =>
  new JetStreamApiError({ code, err_code, description });

const target = { name: "S", fieldsOf: (info: Fields) => info };
const of = (channel: object, current: Fields = {}, isNeeded = false) => ({
  ...{ ...target, channel, current, isNeeded },
});

/** A server that keeps what it takes and refuses by a rule; it puts each request down. */
function server(refuses: (next: Fields, asked: Fields) => Error | undefined = () => undefined) {
  let current: Fields = {};
  const asked: Fields[] = [];
  return {
    asked,
    update: async (fields: Fields) => {
      asked.push(fields);
      const error = refuses({ ...current, ...fields }, fields);
      if (error !== undefined) throw error;
      current = { ...current, ...fields };
      return current;
    },
  };
}

describe("edits", () => {
  it("go together in one update", async () => {
    const { asked, update } = server();
    const result = await carryOut([edit("a", 1), edit("b", 2)], { ...of({}), update });
    expect(result).toMatchObject({ info: { a: 1, b: 2 }, unapplied: [], isRefused: false });
    expect(result.applied.map(({ field }) => field)).toEqual(["a", "b"]);
    expect(asked).toHaveLength(1);
  });

  it.each([
    ["without any nothing is asked", false, []],
    ["without any one update is made where it is needed for something else", true, [{}]],
  ])("%s", async (_what, isNeeded, requests) => {
    const { asked, update } = server();
    await carryOut([], { ...of({}, {}, isNeeded), update });
    expect(asked).toEqual(requests);
  });

  it("with an obstacle are not tried, and do not keep the others", async () => {
    const { asked, update } = server();
    const result = await carryOut([edit("a", 1, "never"), edit("b", 2)], { ...of({}), update });
    expect(asked).toEqual([{ b: 2 }]);
    expect(result).toMatchObject({
      isRefused: false,
      unapplied: [{ path: "spec.a", reason: "nothing stays, 1 is not applied: never" }],
    });
  });
});

describe("an edit that the server refuses", () => {
  it("is told with the server's words, and the others are carried out one by one", async () => {
    const { update } = server(({ b }) => (b === 2 ? refusal("no b") : undefined));
    const edits = [edit("a", 1), edit("b", 2), edit("c", 3)];
    const result = await carryOut(edits, { ...of({}), update });
    expect(result).toMatchObject({
      info: { a: 1, c: 3 },
      isRefused: true,
      unapplied: [
        {
          path: "spec.b",
          reason: "nothing stays, 2 is not applied: NATS refuses it: no b (400/10052)",
        },
      ],
    });
  });

  it("alone is asked for once, and what else the update was for still happens", async () => {
    const { asked, update } = server(({ a }) => (a === 1 ? refusal("no a") : undefined));
    const options = { ...of({}, { old: true }), update };
    const result = await carryOut([edit("a", 1)], options);
    expect(asked).toEqual([{ a: 1 }]);
    expect(result).toMatchObject({ info: { old: true }, applied: [], isRefused: true });
    await carryOut([edit("a", 1)], { ...options, isNeeded: true });
    expect(asked.slice(1)).toEqual([{ a: 1 }, {}]);
  });

  it("before another one is tried again after it", async () => {
    // An age below the window is refused, until the window is shorter too; a third edit is the trouble.
    const { update } = server(({ age = 100, window = 50, c }) =>
      Number(window) > Number(age) || c !== undefined ? refusal("no") : undefined,
    );
    const edits = [edit("age", 10), edit("window", 5), edit("c", 1)];
    const result = await carryOut(edits, { ...of({}), update });
    expect(result.info).toEqual({ age: 10, window: 5 });
    expect(result.unapplied.map(({ path }) => path)).toEqual(["spec.c"]);
  });

  it.each([
    ["a refusal of status 500", refusal("replicas > 1 not supported", 500, 10074)],
    ["one for lack of room", refusal("insufficient storage resources available", 500, 10047)],
  ])("may be %s", async (_what, error) => {
    const { update } = server(() => error);
    const result = await carryOut([edit("a", 1)], { ...of({}), update });
    expect(result.isRefused).toBe(true);
  });
});

describe("an edit that the server takes and does not carry out", () => {
  /** A server that takes all and never keeps more than 5 of anything. */
  const stubborn = () => {
    const asked: Fields[] = [];
    return {
      asked,
      update: async (fields: Fields) => {
        asked.push(fields);
        const kept = Object.entries(fields).map(([field, value]) => [
          field,
          Math.min(5, Number(value ?? 5)),
        ]);
        return Object.fromEntries(kept) as Fields;
      },
    };
  };
  const sentence = "5 stays, 9 is not applied: NATS keeps it as it is";

  it("is not applied, and is not asked for again until the channel or the value is another", async () => {
    const { asked, update } = stubborn();
    const channel = {};
    const first = await carryOut([edit("a", 9)], { ...of(channel), update });
    expect(first).toMatchObject({ info: { a: 5 }, applied: [], isRefused: false });
    expect(first.unapplied).toEqual([{ path: "spec.a", reason: sentence }]);
    const found = { ...edit("a", 9), from: 5 };
    const again = await carryOut([found], { ...of(channel, { a: 5 }), update });
    expect(again).toMatchObject({ info: { a: 5 }, unapplied: first.unapplied });
    expect(asked).toHaveLength(1);
    await carryOut([{ ...found, from: 4 }], { ...of(channel, { a: 4 }), update });
    await carryOut([found], { ...of({}, { a: 5 }), update });
    expect(asked).toHaveLength(3);
  });

  it("is no fault where the server's own default was asked for, and is not asked for again either", async () => {
    const { asked, update } = stubborn();
    const channel = {};
    const reset: Edit = { ...edit("a", undefined), from: 5, isReset: true };
    for (const _look of [1, 2]) {
      const result = await carryOut([reset], { ...of(channel, { a: 5 }), update });
      expect(result).toMatchObject({ applied: [], unapplied: [] });
    }
    expect(asked).toEqual([{ a: undefined }]);
  });

  it("is applied where the server's own default is another value, which is told", async () => {
    const { update } = stubborn();
    const reset: Edit = { ...edit("a", undefined), from: 3, isReset: true };
    const result = await carryOut([reset], { ...of({}, { a: 3 }), update });
    expect(result.applied).toMatchObject([{ from: 3, to: 5 }]);
  });
});

describe("what is no refusal of an edit is thrown", () => {
  it.each([
    ["an outage", new Error("timeout")],
    ["JetStream being away", refusal("JetStream system temporarily unavailable", 503, 10008)],
    ["a consumer that is gone", refusal("consumer not found", 404, 10014)],
    ["a stream that is gone", refusal("stream not found", 404, 10059)],
  ])("%s", async (_what, error) => {
    const { update } = server(() => error);
    const options = { ...of({}), update };
    await expect(carryOut([edit("a", 1)], options)).rejects.toBe(error);
  });
});

describe("a value", () => {
  it.each([
    ["max_age", 90_000_000_000, "90s"],
    ["max_age", 1_500_000_000, "1500ms"],
    ["max_age", 0, "no maximum"],
    ["ack_wait", 30_000_000_000, "30s"],
    ["duplicate_window", 100_000_000, "100ms"],
    ["max_msgs", -1, "no maximum"],
    ["max_bytes", 70_000, "70000"],
    ["storage", "file", '"file"'],
    ["num_replicas", 0, "0"],
    ["filter_subject", undefined, "nothing"],
    ["subjects", ["a", "b"], '["a","b"]'],
  ])("of %s, %j, is shown as %s", (field, value, text) => {
    expect(shownValue(field, value)).toBe(text);
  });
});
