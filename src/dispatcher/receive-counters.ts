import type { Metrics } from "../runtime/metrics.ts";
import type { CounterSeries } from "../runtime/series.ts";

const OUTCOMES = [
  "accepted",
  "duplicate",
  "invalid",
  "unsupported",
  "too_large",
  "read_only",
  "forbidden",
  "unavailable",
  "failed",
  "aborted",
] as const;

/** What a request to a channel came to, as the metric counts it. */
export type ReceiveOutcome = (typeof OUTCOMES)[number];

/** Senders choose types, so this many are told apart, of all channels together. */
const TYPES_AT_MOST = 100;
const TYPE_LENGTH_AT_MOST = 128;
const OTHER_TYPES = "other";

/** Makes the counting functions of a channel's route: each series is looked up once. */
export function receiveCounters(metrics: Metrics, channel: string) {
  const outcomes = new Map<ReceiveOutcome, CounterSeries>();
  const types = new Map<string, CounterSeries>();
  return {
    count(outcome: ReceiveOutcome): void {
      let counter = outcomes.get(outcome);
      if (counter === undefined) {
        counter = metrics.received.of({ channel, outcome });
        outcomes.set(outcome, counter);
      }
      counter.inc();
    },
    countType(type: string): void {
      let counter = types.get(type);
      if (counter === undefined) {
        const label = typeLabel(metrics, type);
        counter =
          types.get(label) ?? metrics.receivedByType.of({ channel, cloudevents_type: label });
        // What is not told apart is not remembered, but for what it is counted as.
        types.set(label, counter);
      }
      counter.inc();
    },
  };
}

/** Takes a removed channel's own series out of the metrics; its subscribers' go with them. */
export function removeChannelSeries(metrics: Metrics, channel: string): void {
  for (const outcome of OUTCOMES) metrics.received.remove({ channel, outcome });
  for (const type of [...metrics.knownTypes, OTHER_TYPES]) {
    metrics.receivedByType.remove({ channel, cloudevents_type: type });
  }
}

function typeLabel({ knownTypes }: Metrics, type: string): string {
  if (knownTypes.has(type)) return type;
  if (knownTypes.size >= TYPES_AT_MOST || type.length > TYPE_LENGTH_AT_MOST) return OTHER_TYPES;
  knownTypes.add(type);
  return type;
}
