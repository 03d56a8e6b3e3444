import { type ConditionUpdate, setCondition, summarize } from "../api/conditions.ts";
import type { Addressable, Condition } from "../api/duck.ts";
import { channelHostsFor } from "../api/names.ts";
import type { Channel, ChannelStatus } from "./kinds.ts";
import type { Refusal } from "./refusals.ts";
import type { ResolvedSink } from "./sink-address.ts";

/** Is what the controller has found out about a channel. */
export interface ChannelFacts {
  channel: Channel;
  /** What there is to say of its dispatcher (dispatcher-conditions.ts). */
  dispatcher: readonly ConditionUpdate[];
  /** What became of its Service. */
  service: ConditionUpdate;
  /** Undefined where it has no dead-letter sink. */
  sink: ResolvedSink | undefined;
  /** Why it must not take events, whatever else is well. */
  refusal: Refusal | undefined;
  /** Conditions that are not part of Ready. */
  warnings: readonly ConditionUpdate[];
}

const STREAM_READY = "StreamReady";

/**
 * Says what the controller's part of a channel's status has to be. Conditions carry the generation that they were found at; what only that would
 * change waits until the dispatcher has seen the generation too, and with it the object's `observedGeneration`.
 */
export function ownStatus(
  facts: ChannelFacts,
  { now, clusterDomain }: { now: Date; clusterDomain: string },
): ChannelStatus {
  const { channel, sink, refusal } = facts;
  const before = channel.status?.conditions ?? [];
  const generation = channel.metadata?.generation ?? 0;
  const streamReady = before.find(({ type }) => type === STREAM_READY);
  const hasCaughtUp = streamReady?.observedGeneration === generation;
  const address = addressOf(facts, clusterDomain);
  const found = [
    ...facts.dispatcher,
    facts.service,
    addressableCondition(facts, address),
    sinkCondition(sink),
    ...facts.warnings,
  ];
  const place = (conditions: readonly Condition[], update: ConditionUpdate) =>
    setCondition(
      conditions,
      { ...update, observedGeneration: generationOf(update, { before, generation, hasCaughtUp }) },
      now,
    );
  let conditions: readonly Condition[] = before;
  for (const update of found) conditions = place(conditions, update);
  const ready: ConditionUpdate =
    refusal?.status === "False" ? { type: "Ready", ...refusal } : summarize(conditions);
  conditions = place(conditions, ready);
  const types = new Set<string>([...found.map(({ type }) => type), "Ready"]);
  const observedGeneration = hasCaughtUp ? generation : channel.status?.observedGeneration;
  return {
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    conditions: conditions.filter(({ type }) => types.has(type)),
    ...(address === undefined ? {} : { address, addresses: [address] }),
    ...(sink?.ok === true ? sinkFields(sink) : {}),
  };
}

function generationOf(
  { type, status, reason, message }: ConditionUpdate,
  known: { before: readonly Condition[]; generation: number; hasCaughtUp: boolean },
): number {
  const { before, generation, hasCaughtUp } = known;
  const same = before.find((condition) => condition.type === type);
  const isSame = same?.status === status && same.reason === reason && same.message === message;
  return hasCaughtUp || !isSame ? generation : (same.observedGeneration ?? generation);
}

function addressOf(
  { channel, service, refusal }: ChannelFacts,
  clusterDomain: string,
): Addressable | undefined {
  if (refusal !== undefined || service.status !== "True") return undefined;
  const { namespace = "", name = "" } = channel.metadata ?? {};
  const [host] = channelHostsFor(namespace, name, clusterDomain);
  return { name: "http", url: `http://${host}` };
}

function addressableCondition(
  { refusal }: ChannelFacts,
  address: Addressable | undefined,
): ConditionUpdate {
  const type = "Addressable";
  if (refusal !== undefined) return { type, ...refusal };
  if (address !== undefined) return { type, status: "True" };
  const message = "the channel's Service is not as it should be, see ChannelServiceReady";
  return { type, status: "False", reason: "NoAddress", message };
}

function sinkCondition(sink: ResolvedSink | undefined): ConditionUpdate {
  const type = "DeadLetterSinkResolved";
  if (sink === undefined) {
    return { type, status: "True", reason: "DeadLetterSinkNotConfigured" };
  }
  if (sink.ok) return { type, status: "True" };
  return { type, status: "False", reason: sink.reason, message: sink.message };
}

function sinkFields({ uri, caCerts, audience }: ResolvedSink & { ok: true }): ChannelStatus {
  return {
    deadLetterSinkUri: uri,
    ...(caCerts === undefined ? {} : { deadLetterSinkCACerts: caCerts }),
    ...(audience === undefined ? {} : { deadLetterSinkAudience: audience }),
  };
}
