/*
 * The dispatcher's part of a channel's status in Kubernetes: pure.
 *
 * It is StreamReady and SpecApplied, the stream as the server has it, and each subscriber; the rest is
 * the controller's. Nothing in it changes while nothing happens: counts are in the metrics.
 */
import { type ConditionUpdate, setCondition } from "../api/conditions.ts";
import type { Condition } from "../api/duck.ts";
import type { Refusal } from "../api/settings.ts";
import type { ChannelStatus } from "./served-channel.ts";

/** What the dispatcher writes into a channel's status. */
export interface DispatcherStatus {
  conditions: Condition[];
  stream?: Record<string, unknown>;
  subscribers: SubscriberEntry[];
}

interface SubscriberEntry {
  uid: string;
  ready: "True" | "False";
  observedGeneration: number;
  message?: string;
}

/** What is known when a status is made. */
export interface StatusFacts {
  /** What became of it; undefined where it was never good enough to be tried. */
  status: ChannelStatus | undefined;
  /** Faults of the channel's newest version; its last good one is served, if there was one. */
  refusals: readonly Refusal[];
  /** Generation of the newest version. */
  generation: number;
  /** Generations of the entries of its `spec.subscribers`, by uid. */
  subscriberGenerations: ReadonlyMap<string, number>;
  /** The conditions that are written now. */
  conditions: readonly Condition[];
  now: Date;
}

const MAX_SHOWN = 5;

/** Makes the status. Conditions keep the time of their last transition. */
export function dispatcherStatus(facts: StatusFacts): DispatcherStatus {
  const { status, generation: observedGeneration, now } = facts;
  const stream = status?.stream;
  const updates = [streamReady(facts), specApplied(facts)];
  let conditions = facts.conditions;
  for (const update of updates) {
    conditions = setCondition(conditions, { ...update, observedGeneration }, now);
  }
  const own = updates.map(({ type }) => type as string);
  return {
    conditions: conditions.filter(({ type }) => own.includes(type)),
    ...(stream === undefined ? {} : { stream: shownStream(stream) }),
    subscribers: subscribersOf(facts),
  };
}

function streamReady({ status, refusals }: StatusFacts): ConditionUpdate {
  const type = "StreamReady";
  if (status === undefined) {
    return { type, status: "False", reason: "InvalidSpec", message: sentencesOf(refusals) };
  }
  if (status.ready) return { type, status: "True" };
  const { reason = "NotReady", message = "the channel waits for its stream" } = status;
  return { type, status: reason === "NotYetReconciled" ? "Unknown" : "False", reason, message };
}

function specApplied({ status, refusals }: StatusFacts): ConditionUpdate {
  const unapplied = status?.unapplied ?? [];
  const faults = refusals.filter(({ subscriberUid }) => subscriberUid === undefined);
  const all = [...faults, ...unapplied];
  if (all.length === 0) return { type: "SpecApplied", status: "True" };
  return {
    type: "SpecApplied",
    status: "False",
    severity: "Warning",
    reason: faults.length > 0 ? "InvalidSpec" : "NotApplied",
    message: sentencesOf(all),
  };
}

function sentencesOf(all: readonly { path: string; reason: string }[]): string {
  const shown = all.slice(0, MAX_SHOWN).map(({ path, reason }) => `${path}: ${reason}`);
  const more = all.length - shown.length;
  return more > 0 ? `${shown.join("; ")}; and ${more} more` : shown.join("; ");
}

function shownStream({
  name,
  subjects,
  storage,
  replicas,
  retention,
}: NonNullable<ChannelStatus["stream"]>) {
  return { name, subjects, storage, replicas, retention };
}

function subscribersOf({
  status: channel,
  refusals,
  subscriberGenerations,
}: StatusFacts): SubscriberEntry[] {
  const entries: SubscriberEntry[] = [];
  for (const [uid, observedGeneration] of subscriberGenerations) {
    const faults = refusals.filter(({ subscriberUid }) => subscriberUid === uid);
    const status = channel?.subscribers.get(uid);
    if (faults.length > 0) {
      entries.push({ uid, ready: "False", observedGeneration, message: sentencesOf(faults) });
    } else if (status !== undefined) {
      const { ready, message } = status;
      entries.push({
        uid,
        ready: ready ? "True" : "False",
        observedGeneration: status.observedGeneration,
        ...(message === undefined ? {} : { message }),
      });
    }
  }
  return entries.sort((a, b) => (a.uid < b.uid ? -1 : 1));
}
