import { expect, it } from "vitest";
import { SUMMED_CONDITIONS, setCondition, summarize } from "../../../src/api/conditions.ts";
import type { Condition } from "../../../src/api/duck.ts";

const EARLIER = "2026-01-01T00:00:00Z";
const NOW = new Date("2026-01-02T03:04:05.678Z");

const ready: Condition = { type: "StreamReady", status: "True", lastTransitionTime: EARLIER };
const other: Condition = { type: "Addressable", status: "True", lastTransitionTime: EARLIER };

it("adds a condition that was not there, with the time in whole seconds", () => {
  const update = { type: "StreamReady", status: "False", reason: "NoServer" } as const;
  expect(setCondition([other], update, NOW)).toEqual([
    other,
    { ...update, lastTransitionTime: "2026-01-02T03:04:05Z" },
  ]);
});

it("moves the time when the status moves, and keeps the place", () => {
  const update = { type: "StreamReady", status: "False", reason: "StreamFull" } as const;
  expect(setCondition([ready, other], update, NOW)).toEqual([
    { ...update, lastTransitionTime: "2026-01-02T03:04:05Z" },
    other,
  ]);
});

it("keeps the time when only the words or the generation move", () => {
  const update = {
    type: "StreamReady",
    status: "True",
    message: "x",
    observedGeneration: 2,
  } as const;
  expect(setCondition([ready], update, NOW)).toEqual([{ ...update, lastTransitionTime: EARLIER }]);
});

it("drops the reason of a trouble that is over", () => {
  const trouble: Condition = { ...ready, status: "False", reason: "StreamFull", message: "full" };
  expect(setCondition([trouble], { type: "StreamReady", status: "True" }, NOW)).toEqual([
    { type: "StreamReady", status: "True", lastTransitionTime: "2026-01-02T03:04:05Z" },
  ]);
});

it("gives the same list back when nothing changes, and never changes the one it got", () => {
  const conditions = Object.freeze([Object.freeze(ready)]);
  expect(setCondition(conditions, { type: "StreamReady", status: "True" }, NOW)).toBe(conditions);
  expect(setCondition(conditions, { type: "StreamReady", status: "False" }, NOW)).not.toBe(
    conditions,
  );
});

function all(status: Condition["status"]): Condition[] {
  return SUMMED_CONDITIONS.map((type) => ({ type, status }));
}

function allBut(...exceptions: Condition[]): Condition[] {
  return all("True").map((found) => exceptions.find(({ type }) => type === found.type) ?? found);
}

it.each<[string, Condition[], object]>([
  ["True when all are", all("True"), { status: "True" }],
  [
    "True in spite of a warning",
    [...all("True"), { type: "SpecApplied", status: "False", severity: "Warning" }],
    { status: "True" },
  ],
  [
    "False with the first False, before any Unknown",
    allBut(
      { type: "DispatcherReady", status: "Unknown" },
      { type: "StreamReady", status: "False", reason: "ForeignStream", message: "stream X is y's" },
    ),
    { status: "False", reason: "ForeignStream", message: "stream X is y's" },
  ],
  [
    "False with the condition's own name where it gives no reason",
    allBut({ type: "ServiceReady", status: "False" }),
    { status: "False", reason: "ServiceReady", message: "ServiceReady is False" },
  ],
  [
    "Unknown with what is missing",
    all("True").slice(1),
    { status: "Unknown", reason: "NotYetKnown", message: "DispatcherReady is not known yet" },
  ],
  [
    "Unknown at the very begin",
    [],
    { status: "Unknown", reason: "NotYetKnown", message: "DispatcherReady is not known yet" },
  ],
])("sums up to %s", (_, conditions, wanted) => {
  expect(summarize(conditions)).toEqual({ type: "Ready", ...wanted });
});
