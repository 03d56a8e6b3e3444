/*
 * Changes of an object's metadata that others change too: finalizers and annotations.
 *
 * They are merge patches with the uid and the resourceVersion that were seen, so that they never
 * hit another object of that name, bring a deleted one back, or undo what somebody else just wrote
 * (a conflict, which a control loop tries again).
 */
import type { KubeClient } from "./client.ts";
import { isNotFound } from "./kube-error.ts";
import {
  apiVersionOf,
  type KubeObject,
  nameOf,
  type ObjectMeta,
  type Resource,
} from "./resource.ts";

/** Says whose an object is. */
export type OwnerReference = NonNullable<ObjectMeta["ownerReferences"]>[number];

/** What a change of metadata needs. */
export interface MetadataDeps<T extends KubeObject> {
  client: Pick<KubeClient, "mergePatch">;
  resource: Resource<T>;
  signal?: AbortSignal;
}

/** Makes the reference that has an object deleted with its owner, which must live in the same namespace or in none. */
export function ownerReferenceTo(resource: Resource, owner: KubeObject): OwnerReference {
  const { name = "", uid = "" } = owner.metadata ?? {};
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Gives the reference to the one who controls an object, if anybody does. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata?.ownerReferences?.find(({ controller }) => controller === true);
}

/** Tells whether an object is being deleted and only its finalizers keep it. */
export function isBeingDeleted(object: KubeObject): boolean {
  return object.metadata?.deletionTimestamp !== undefined;
}

/**
 * Has an object stay until the finalizer is removed, and gives it annotations with the same request; gives
 * the object as it is then.
 */
export async function addFinalizer<T extends KubeObject>(
  object: T,
  finalizer: string,
  { annotations, ...deps }: MetadataDeps<T> & { annotations?: Record<string, string> },
): Promise<T> {
  const finalizers = object.metadata?.finalizers ?? [];
  if (finalizers.includes(finalizer)) return object;
  const change = { finalizers: [...finalizers, finalizer] };
  return await patchMetadata(object, annotations ? { ...change, annotations } : change, deps);
}

/** Lets an object go; that it is gone already is fine. */
export async function removeFinalizer<T extends KubeObject>(
  object: T,
  finalizer: string,
  deps: MetadataDeps<T>,
): Promise<void> {
  const finalizers = object.metadata?.finalizers ?? [];
  if (!finalizers.includes(finalizer)) return;
  const others = finalizers.filter((name) => name !== finalizer);
  try {
    await patchMetadata(object, { finalizers: others }, deps);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Sets annotations, and removes those that are null; gives the object as it is then. */
export async function annotate<T extends KubeObject>(
  object: T,
  annotations: Record<string, string | null>,
  deps: MetadataDeps<T>,
): Promise<T> {
  const present = object.metadata?.annotations ?? {};
  const isSame = Object.entries(annotations).every(
    ([name, value]) => (present[name] ?? null) === value,
  );
  return isSame ? object : await patchMetadata(object, { annotations }, deps);
}

async function patchMetadata<T extends KubeObject>(
  object: T,
  change: object,
  { client, resource, signal }: MetadataDeps<T>,
): Promise<T> {
  const { uid, resourceVersion } = object.metadata ?? {};
  const patch = { metadata: { uid, resourceVersion, ...change } };
  return await client.mergePatch(resource, nameOf(object), { patch, signal });
}
