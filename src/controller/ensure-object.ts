/*
 * Brings one object to what it should be, with as few requests as possible, and never takes what is not ours:
 *
 *   1. is it known to the reflector? If not, the API server is asked: a foreign object may have no mark of ours
 *   2. not there: apply
 *   3. foreign, or on its way out: leave it
 *   4. as desired: nothing
 *   5. a claimed object loses its former owner and what else is in the way, which an apply cannot do; then apply
 *
 * Called by both reconcilers. Does not report; the caller knows which condition the outcome belongs to.
 */
import { hash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { FIELD_MANAGERS } from "../api/cluster-names.ts";
import type { KubeClient } from "../kube/client.ts";
import { isNotFound } from "../kube/kube-error.ts";
import { type KubeObject, keyOf, nameOf, type Resource } from "../kube/resource.ts";
import type { Store } from "../kube/store.ts";
import { isAsDesired } from "./as-desired.ts";
import { describeForeign, isDispatchersObject } from "./whose-object.ts";

/** Tells what of an object was applied, so that what is no longer wanted is taken back. */
const APPLIED_ANNOTATION = "nats.messaging.knative.dev/applied";

/** What became of an object; a foreign one is described. */
export type Ensured<T> =
  | { outcome: "written" | "unchanged" | "leaving"; object: T }
  | { outcome: "foreign"; whose: string };

/** Is a kind of object: how to reach it and what is known of it. */
export interface Kept<T extends KubeObject> {
  client: Pick<KubeClient, "get" | "apply" | "mergePatch" | "delete">;
  resource: Resource<T>;
  store: Store<T>;
  /** Takes what an object that was never applied here must not keep of its former owner's. */
  claim?: (found: T, signal: AbortSignal) => Promise<T>;
}

/** Brings an object to what it should be; see the head of this file. */
export async function ensureObject<T extends KubeObject>(
  kept: Kept<T>,
  desired: T,
  options: { signal: AbortSignal; isOurs?: (found: T) => boolean },
): Promise<Ensured<T>> {
  const { signal, isOurs = isDispatchersObject } = options;
  const marked = withMark(desired);
  const known = await find(kept, marked, signal);
  if (known === undefined)
    return { outcome: "written", object: await apply(kept, marked, { signal, force: false }) };
  if (!isOurs(known)) {
    return { outcome: "foreign", whose: describeForeign({ kind: kept.resource.kind, ...known }) };
  }
  if (known.metadata?.deletionTimestamp !== undefined) return { outcome: "leaving", object: known };
  const isClaimed = known.metadata?.annotations?.[APPLIED_ANNOTATION] !== undefined;
  const found = isClaimed ? known : ((await kept.claim?.(known, signal)) ?? known);
  const rightlyOwned = hasOwnersOf(found, marked);
  if (rightlyOwned && isAsDesired(found, marked)) return { outcome: "unchanged", object: found };
  if (!rightlyOwned) await replaceOwners(kept, found, { desired: marked, signal });
  return { outcome: "written", object: await apply(kept, marked, { signal, force: true }) };
}

/** Deletes an object of ours; one that is not there, or is foreign, is none of our business. */
export async function deleteObject<T extends KubeObject>(
  kept: Kept<T>,
  key: string,
  options: { signal: AbortSignal; isOurs?: (found: T) => boolean },
): Promise<void> {
  const { signal, isOurs = isDispatchersObject } = options;
  const found = kept.store.get(key);
  if (found === undefined || !isOurs(found)) return;
  if (found.metadata?.deletionTimestamp !== undefined) return;
  try {
    await kept.client.delete(kept.resource, nameOf(found), { uid: found.metadata?.uid, signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function find<T extends KubeObject>(
  { client, resource, store }: Kept<T>,
  desired: T,
  signal: AbortSignal,
): Promise<T | undefined> {
  const known = store.get(keyOf(desired));
  if (known !== undefined) return known;
  try {
    return await client.get(resource, nameOf(desired), { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function apply<T extends KubeObject>(
  { client, resource }: Kept<T>,
  object: T,
  options: { signal: AbortSignal; force: boolean },
): Promise<T> {
  return client.apply(resource, object, { ...options, fieldManager: FIELD_MANAGERS.controller });
}

function withMark<T extends KubeObject>(desired: T): T {
  const mark = hash("sha256", JSON.stringify(desired)).slice(0, 16);
  const annotations = { ...desired.metadata?.annotations, [APPLIED_ANNOTATION]: mark };
  return { ...desired, metadata: { ...desired.metadata, annotations } };
}

function ownersOf({ metadata }: KubeObject): string[] {
  return (metadata?.ownerReferences ?? []).map(({ uid }) => uid).sort();
}

function hasOwnersOf(found: KubeObject, desired: KubeObject): boolean {
  return isDeepStrictEqual(ownersOf(found), ownersOf(desired));
}

async function replaceOwners<T extends KubeObject>(
  { client, resource }: Kept<T>,
  found: T,
  { desired, signal }: { desired: T; signal: AbortSignal },
): Promise<void> {
  const { uid, resourceVersion } = found.metadata ?? {};
  const ownerReferences = desired.metadata?.ownerReferences ?? null;
  await client.mergePatch(resource, nameOf(found), {
    patch: { metadata: { uid, resourceVersion, ownerReferences } },
    signal,
  });
}
