import { describe, expect, it } from "vitest";
import { pruneSteps, suspectUids } from "../../../src/controller/prune-subscribers.ts";

describe("an entry of spec.subscribers", () => {
  const uuid = "11111111-2222-3333-4444-555555555555";
  const known = { alive: new Set(["alive"]), gone: new Set(["gone"]) };

  it.each([
    ["whose Subscription is there", { uid: "alive", name: "a", generation: 1 }, false],
    ["whose Subscription was seen and is gone", { uid: "gone" }, true],
    [
      "that Knative made, of a Subscription that nobody saw",
      { uid: uuid, name: "a", generation: 1 },
      true,
    ],
    ["without a generation", { uid: uuid, name: "a" }, false],
    ["without a name", { uid: uuid, generation: 1 }, false],
    ["with a uid that no object has", { uid: "by-hand", name: "a", generation: 1 }, false],
    ["that is no object", "nothing", false],
  ])("%s is suspect: %#", (_, entry, expected) => {
    const uids = suspectUids({ spec: { subscribers: [entry] } }, known);
    expect(uids.length === 1).toBe(expected);
  });

  it("is removed from exactly the object that was looked at, the last one first", () => {
    const metadata = { uid: "u", resourceVersion: "7" };
    const subscribers = [{ uid: "a" }, { uid: "b" }, { uid: "c" }, { uid: "a" }];
    expect(pruneSteps({ metadata, spec: { subscribers } }, ["a"])).toEqual([
      { op: "test", path: "/metadata/uid", value: "u" },
      { op: "test", path: "/metadata/resourceVersion", value: "7" },
      { op: "remove", path: "/spec/subscribers/3" },
      { op: "remove", path: "/spec/subscribers/0" },
    ]);
    expect(pruneSteps({ metadata, spec: { subscribers } }, ["d"])).toEqual([]);
  });
});
