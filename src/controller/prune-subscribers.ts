/*
 * Takes away entries of spec.subscribers that Knative has left behind. Its Subscription controller writes the whole list without a
 * resourceVersion, so that an entry of a deleted Subscription can come back, and nobody but us would ever remove it.
 *
 *   1. an entry is suspect when its Subscription was seen and is gone, or when it has all that Knative writes and no Subscription of that name has its uid
 *   2. a minute later it still is, and the API server, asked once more, says the same
 *   3. then it goes, by a JSON patch that does nothing if the object has changed
 *
 * An entry that no Subscription made, as people and tests write them, is never suspect.
 */
import type { JsonPatchStep, KubeClient } from "../kube/client.ts";
import { keyOf, nameOf } from "../kube/resource.ts";
import type { Logger } from "../runtime/logger.ts";
import { CHANNELS, type Channel, SUBSCRIPTIONS, type Subscription } from "./kinds.ts";

const BETWEEN_CHECKS_MS = 60_000;
/** Of Subscriptions that are gone; most took their entry with them. */
const MAX_REMEMBERED = 10_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface SubscriberPruner {
  /** Takes a change of a Subscription, so that its entry can be told from others when it is gone. */
  take(before: Subscription | undefined, after: Subscription | undefined): void;
  /** Looks for entries that were left behind, and prunes those that were for long enough; says when to look again. */
  prune(channel: Channel, signal: AbortSignal): Promise<number | undefined>;
  forget(channelKey: string): void;
}

/** Is what is known of Subscriptions: the uids of those that are there, and of those that were. */
export interface KnownSubscriptions {
  alive: ReadonlySet<string>;
  gone: ReadonlySet<string>;
}

/** Makes the pruner; see the head of this file. It does nothing while not all Subscriptions are known. */
export function subscriberPruner(deps: {
  client: Pick<KubeClient, "list" | "jsonPatch">;
  areKnown: () => boolean;
  log: Logger;
  betweenChecksMs?: number | undefined;
}): SubscriberPruner {
  const { client, areKnown, log, betweenChecksMs = BETWEEN_CHECKS_MS } = deps;
  const alive = new Set<string>();
  const goneBefore = new Set<string>();
  const suspectedSince = new Map<string, Map<string, number>>();

  const pruneNow = async (channel: Channel, uids: readonly string[], signal: AbortSignal) => {
    // Of all namespaces, since a Subscription may be in another one than its channel.
    const { items } = await client.list(SUBSCRIPTIONS, { transform: onlyUid }, { signal });
    const listed = new Set(items.map(({ metadata }) => metadata?.uid));
    const gone = uids.filter((uid) => !listed.has(uid));
    const patch = pruneSteps(channel, gone);
    if (patch.length === 0) return;
    await client.jsonPatch(CHANNELS, nameOf(channel), { patch, signal });
    for (const uid of gone) goneBefore.delete(uid);
    const what = { channel: keyOf(channel), subscribers: gone };
    log.info(what, "subscribers pruned whose Subscriptions are gone");
  };

  return {
    take(before, after) {
      const uid = (after ?? before)?.metadata?.uid ?? "";
      if (after !== undefined) alive.add(uid);
      else if (alive.delete(uid)) remember(goneBefore, uid);
    },
    async prune(channel, signal) {
      const key = keyOf(channel);
      const suspects = areKnown() ? suspectUids(channel, { alive, gone: goneBefore }) : [];
      if (suspects.length === 0) {
        suspectedSince.delete(key);
        return undefined;
      }
      const now = performance.now();
      const before = suspectedSince.get(key);
      const since = new Map(suspects.map((uid) => [uid, before?.get(uid) ?? now]));
      suspectedSince.set(key, since);
      const isDue = (uid: string) => now - (since.get(uid) ?? now) >= betweenChecksMs;
      const due = suspects.filter(isDue);
      if (due.length > 0) await pruneNow(channel, due, signal);
      const waiting = suspects.filter((uid) => !isDue(uid)).map((uid) => since.get(uid) ?? now);
      if (waiting.length === 0) return undefined;
      return Math.max(1, Math.min(...waiting) + betweenChecksMs - now);
    },
    forget: (channelKey) => void suspectedSince.delete(channelKey),
  };
}

/** Finds the uids of entries whose Subscription is gone, as far as is known. */
export function suspectUids(
  { spec }: Pick<Channel, "spec">,
  { alive, gone }: KnownSubscriptions,
): string[] {
  return (spec?.subscribers ?? []).filter(isEntry).flatMap(({ uid, name, generation }) => {
    if (alive.has(uid)) return [];
    const isKnatives = UUID.test(uid) && Boolean(name) && Number(generation) >= 1;
    return gone.has(uid) || isKnatives ? [uid] : [];
  });
}

/** Gives the steps that remove entries from exactly the object that was looked at. */
export function pruneSteps({ metadata, spec }: Channel, uids: readonly string[]): JsonPatchStep[] {
  const gone = (spec?.subscribers ?? []).flatMap((entry, index) =>
    isEntry(entry) && uids.includes(entry.uid) ? [index] : [],
  );
  if (gone.length === 0) return [];
  const { uid, resourceVersion } = metadata ?? {};
  return [
    { op: "test", path: "/metadata/uid", value: uid },
    { op: "test", path: "/metadata/resourceVersion", value: resourceVersion },
    // From the end, so that the places of those before stay right.
    ...gone
      .reverse()
      .map((index) => ({ op: "remove" as const, path: `/spec/subscribers/${index}` })),
  ];
}

function onlyUid({ metadata }: Subscription): Subscription {
  return { metadata: { uid: metadata?.uid ?? "" } };
}

function remember(gone: Set<string>, uid: string): void {
  gone.add(uid);
  if (gone.size <= MAX_REMEMBERED) return;
  const [oldest = ""] = gone;
  gone.delete(oldest);
}

interface Entry {
  uid: string;
  name?: unknown;
  generation?: unknown;
}

function isEntry(entry: unknown): entry is Entry {
  return (
    typeof entry === "object" && entry !== null && "uid" in entry && typeof entry.uid === "string"
  );
}
