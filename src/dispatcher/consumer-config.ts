/*
 * A subscriber's consumer as the server's configuration: pure.
 *
 * How many events may be pending is limited by the server's and the stream's own configuration, so
 * that the default is theirs to choose: it is left out.
 */
import { consumerNameFor } from "../api/names.ts";
import { MIGRATED_KEY } from "../api/ownership.ts";
import type { ChannelSettings, SubscriberSettings } from "../api/settings.ts";
import { type ConsumerConfig, NANOS_PER_MS } from "../nats/jetstream.ts";
import type { Edit } from "./edits.ts";
import { isSameValue } from "./same-value.ts";

const DEFAULT_ACK_WAIT_MS = 30_000;
/** Leaves time for the heartbeats of an event under way: with less, one that comes late is a second copy. */
export const SHORTEST_ACK_WAIT_MS = 1_000;
const DEFAULT_MAX_ACK_PENDING = 1_000;

/** The fields of a consumer that a channel decides, each with the path of its spec. */
const FIELDS = {
  ack_wait: "spec.consumerConfigTemplate.ackWait",
  max_ack_pending: "spec.consumerConfigTemplate.maxAckPending",
  max_deliver: "spec.consumerConfigTemplate.maxDeliver",
  filter_subject: "spec.consumerConfigTemplate.filterSubject",
  filter_subjects: "spec.consumerConfigTemplate.filterSubjects",
  sample_freq: "spec.consumerConfigTemplate.sampleFrequency",
  num_replicas: "spec.consumerConfigTemplate.replicas",
  deliver_policy: "spec.consumerConfigTemplate.deliverPolicy",
  opt_start_seq: "spec.consumerConfigTemplate.optStartSeq",
  opt_start_time: "spec.consumerConfigTemplate.optStartTime",
  replay_policy: "spec.consumerConfigTemplate.replayPolicy",
  mem_storage: "spec.consumerConfigTemplate.memoryStorage",
  inactive_threshold: "spec.consumerConfigTemplate.inactiveThreshold",
  backoff: "spec.consumerConfigTemplate.backoff",
  // What a channel has no field for and delivery cannot work with, should somebody have set it.
  headers_only: "spec.consumerConfigTemplate",
  max_batch: "spec.consumerConfigTemplate",
  max_bytes: "spec.consumerConfigTemplate",
  max_expires: "spec.consumerConfigTemplate",
  priority_groups: "spec.consumerConfigTemplate",
} as const;

type Field = keyof typeof FIELDS;

/** Where a consumer begins is decided once; the server keeps it (CONSUMER.CREATE, action update). */
const START: readonly Field[] = ["deliver_policy", "opt_start_seq", "opt_start_time"];
/** What the server takes only without the groups, too. */
const GOES_WITH_GROUPS = { priority_policy: undefined, priority_timeout: undefined };
const IMMUTABLE: readonly Field[] = [...START, "replay_policy", "mem_storage"];

/** Gives the configuration of a subscriber's consumer; the metadata comes from ownership. */
export function consumerConfigFor(
  channel: ChannelSettings,
  subscriber: SubscriberSettings,
): Partial<ConsumerConfig> & { durable_name: string } {
  const { consumer } = channel;
  const [onlyFilter, ...moreFilters] = consumer.filterSubjects;
  const ackWaitMs = Math.max(consumer.ackWaitMs ?? DEFAULT_ACK_WAIT_MS, SHORTEST_ACK_WAIT_MS);
  return {
    durable_name: consumerNameFor(subscriber.uid),
    ack_policy: "explicit",
    // The server takes whole nanoseconds only.
    ack_wait: Math.round(ackWaitMs * NANOS_PER_MS),
    ...(consumer.maxAckPending === undefined ? {} : { max_ack_pending: consumer.maxAckPending }),
    // The server forgets a message whose deliveries are used up; the user's cap is applied by us.
    max_deliver: -1,
    deliver_policy: consumer.deliverPolicy,
    replay_policy: consumer.replayPolicy,
    num_replicas: consumer.replicas ?? 0,
    ...(consumer.optStartSeq === undefined ? {} : { opt_start_seq: Number(consumer.optStartSeq) }),
    ...(consumer.optStartTime === undefined ? {} : { opt_start_time: consumer.optStartTime }),
    ...(consumer.memoryStorage ? { mem_storage: true } : {}),
    ...(onlyFilter === undefined || moreFilters.length > 0 ? {} : { filter_subject: onlyFilter }),
    ...(moreFilters.length === 0 ? {} : { filter_subjects: consumer.filterSubjects }),
    ...(consumer.sampleFrequencyPercent === undefined
      ? {}
      : { sample_freq: `${consumer.sampleFrequencyPercent}` }),
  };
}

/** Lists what a consumer has otherwise than its channel says. */
export function consumerChanges(current: ConsumerConfig, wanted: Partial<ConsumerConfig>): Edit[] {
  // It starts where a push consumer ended, whatever the spec says of new ones.
  const isMigrated = current.metadata?.[MIGRATED_KEY] !== undefined;
  const entries = Object.entries(FIELDS) as [Field, string][];
  return entries
    .filter(([field]) => !(isMigrated && START.includes(field)))
    .filter(([field]) => !isSameValue(field, current[field], wanted[field] ?? defaultOf(field)))
    .map(([field, path]) => {
      const [from, to] = [current[field], wanted[field]];
      const isReset = to === undefined && defaultOf(field) !== undefined;
      const obstacle = IMMUTABLE.includes(field)
        ? "where and how a consumer starts only counts when it is made"
        : undefined;
      return {
        ...{ field, path, from, to, obstacle },
        ...(isReset ? { isReset } : {}),
        ...(field === "priority_groups" ? { with: GOES_WITH_GROUPS } : {}),
      };
    });
}

/** Gives what the server most likely chooses itself, where that is left to it. */
function defaultOf(field: Field): unknown {
  return field === "max_ack_pending" ? DEFAULT_MAX_ACK_PENDING : undefined;
}
