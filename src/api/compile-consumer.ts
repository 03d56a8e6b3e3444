import { maximum, startSequence } from "./compile-stream.ts";
import type { ConsumerConfigTemplate } from "./consumer-spec.ts";
import { parseGoDuration } from "./duration.ts";
import type { ConsumerSettings } from "./settings.ts";
import { CONSUMER_TYPE, DELIVER_POLICY, meaningOf, REPLAY_POLICY } from "./words.ts";

/** Compiles a checked `spec.consumerConfigTemplate`. Rates and durations of 0 count as unset: Go's types write them where nothing is set. */
export function compileConsumer(template: ConsumerConfigTemplate): ConsumerSettings {
  const deliverPolicy = meaningOf(DELIVER_POLICY, template.deliverPolicy) ?? "all";
  return {
    deliverPolicy,
    optStartSeq: startSequence(template.optStartSeq),
    // A start sequence wins over a start time.
    optStartTime: deliverPolicy === "by_start_time" ? template.optStartTime : undefined,
    ackWaitMs: goMs(template.ackWait),
    maxDeliver: maximum(template.maxDeliver),
    filterSubjects:
      template.filterSubject === undefined
        ? (template.filterSubjects ?? [])
        : [template.filterSubject],
    replayPolicy: meaningOf(REPLAY_POLICY, template.replayPolicy) ?? "instant",
    rateLimitBps: (template.rateLimitBPS ?? template.rateLimitBps) || undefined,
    sampleFrequencyPercent: percentOf(template.sampleFrequency),
    maxAckPending: maximum(template.maxAckPending),
    replicas: template.replicas || undefined,
    memoryStorage: template.memoryStorage ?? false,
    idleHeartbeatMs: goMs(template.idleHeartbeat),
    fetchBatchSize: template.fetchBatchSize,
    fetchMaxWaitMs: goMs(template.fetchMaxWait),
    consumerType: meaningOf(CONSUMER_TYPE, template.consumerType) ?? "pull",
  };
}

function percentOf(value: string | number | undefined): number | undefined {
  return value === undefined ? undefined : Number(String(value).replace("%", ""));
}

function goMs(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseGoDuration(text) || undefined;
}
