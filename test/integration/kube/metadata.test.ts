import { describe, expect, it } from "vitest";
import { isConflict } from "../../../src/kube/kube-error.ts";
import {
  addFinalizer,
  annotate,
  controllerOf,
  isBeingDeleted,
  ownerReferenceTo,
  removeFinalizer,
} from "../../../src/kube/metadata.ts";
import { failureOf, IN_NS, kubeWorld, THINGS, type Thing, thing } from "./kube-world.ts";

const world = kubeWorld();
const deps = () => ({ client: world.client, resource: THINGS });
const put = (metadata: object = {}): Thing =>
  world.server.put(IN_NS, { metadata: { ...thing("a1").metadata, ...metadata } });
const bodies = () => world.server.requests.map(({ body }) => JSON.parse(body) as unknown);

describe("a finalizer", () => {
  it("is added behind the others, for the object that was seen alone", async () => {
    const before = put({ finalizers: ["other"] });
    const after = await addFinalizer(before, "ours", deps());
    const { uid, resourceVersion } = before.metadata ?? {};
    expect(bodies()).toEqual([
      { metadata: { uid, resourceVersion, finalizers: ["other", "ours"] } },
    ]);
    expect(after.metadata?.finalizers).toEqual(["other", "ours"]);
  });

  it("that is there already takes no request, and neither does one that is not there to go", async () => {
    const object = put({ finalizers: ["ours"] });
    expect(await addFinalizer(object, "ours", deps())).toBe(object);
    await removeFinalizer(object, "another", deps());
    expect(world.server.requests).toEqual([]);
  });

  it("is removed alone", async () => {
    await removeFinalizer(put({ finalizers: ["a", "ours", "b"] }), "ours", deps());
    expect(bodies()).toMatchObject([{ metadata: { finalizers: ["a", "b"] } }]);
  });

  it("of an object that is gone is no matter", async () => {
    const object = put({ finalizers: ["ours"] });
    world.server.remove(IN_NS, "a1");
    await removeFinalizer(object, "ours", deps());
  });

  it("is not written over what somebody else just wrote", async () => {
    const old = put();
    put({ labels: { new: "yes" } });
    expect(isConflict(await failureOf(addFinalizer(old, "ours", deps())))).toBe(true);
  });
});

describe("annotations", () => {
  it("are set and removed, and take no request when they are as they should be", async () => {
    const before = put({ annotations: { keep: "1", drop: "2" } });
    await annotate(before, { keep: "1", drop: null, add: "3" }, deps());
    await annotate(before, { keep: "1", gone: null }, deps());
    expect(bodies()).toMatchObject([
      { metadata: { annotations: { keep: "1", drop: null, add: "3" } } },
    ]);
  });
});

it("an owner is referred to as the controller, and found again", () => {
  const owner = put();
  const reference = ownerReferenceTo(THINGS, owner);
  expect(reference).toEqual({
    apiVersion: "example.dev/v1",
    kind: "Thing",
    name: "a1",
    uid: owner.metadata?.uid,
    controller: true,
    blockOwnerDeletion: true,
  });
  const another = { ...reference, controller: false };
  expect(controllerOf({ metadata: { ownerReferences: [another, reference] } })).toBe(reference);
  expect(controllerOf({ metadata: { ownerReferences: [another] } })).toBeUndefined();
  expect(controllerOf({})).toBeUndefined();
});

it("an object with a deletionTimestamp is being deleted", () => {
  expect(isBeingDeleted({ metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } })).toBe(true);
  expect(isBeingDeleted({ metadata: {} })).toBe(false);
});
