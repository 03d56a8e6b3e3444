import type { Fault } from "./faults.ts";
import type { NatsLogin } from "./login.ts";

/**
 * The compiled shape of a channel, the only one that travels inwards: durations are milliseconds, sizes bytes, words NATS' own lower-case
 * ones, every default that is ours filled in. Undefined means unset: the server's default counts.
 */

/** Says what is wrong with a channel or one of its subscribers, and where. */
export interface Refusal extends Fault {
  subscriberUid?: string;
}

/**
 * Is what became of an object: a channel without the subscribers that were refused, or nothing but the refusals.
 * `key` is "namespace/name", where it could be read.
 */
export type ParsedChannel =
  | { ok: true; channel: ChannelSettings; refusals: Refusal[] }
  | { ok: false; key: string | undefined; refusals: Refusal[] };

/** Goes before the names that are derived for JetStream, where several clusters share an account. */
export interface JetStreamNaming {
  subjectPrefix: string;
  streamPrefix: string;
}

/**
 * Is one channel. `key` is "namespace/name"; `uid` is "" and `generation` 0 where the object has none. With a `login`, whose Secrets are
 * in the channel's namespace, it has a connection of its own.
 */
export interface ChannelSettings {
  key: string;
  namespace: string;
  name: string;
  uid: string;
  generation: number;
  annotations: Readonly<Record<string, string>>;
  login: NatsLogin | undefined;
  stream: StreamSettings;
  consumer: ConsumerSettings;
  subscribers: SubscriberSettings[];
}

/**
 * Is the stream of a channel. What is undefined is not said, so that a template's value, or the server's default, counts. -1 means no
 * maximum; `overridden` that the user named the stream; a maxAgeMs of 0 that events do not age; a duplicateWindowMs of 0 the server's own.
 */
export interface StreamSettings {
  name: string;
  overridden: boolean;
  subject: string;
  deletionPolicy: "Delete" | "Retain" | undefined;
  additionalSubjects: string[];
  retention: "limits" | "interest" | "workqueue" | undefined;
  storage: "file" | "memory" | undefined;
  discard: "old" | "new" | undefined;
  replicas: number | undefined;
  maxConsumers: number | undefined;
  maxMsgs: number | undefined;
  maxBytes: number | undefined;
  maxMsgSize: number | undefined;
  maxMsgsPerSubject: number | undefined;
  maxAgeMs: number | undefined;
  duplicateWindowMs: number | undefined;
  noAck: boolean;
  placement: { cluster: string | undefined; tags: string[] } | undefined;
  mirror: StreamSourceSettings | undefined;
  sources: StreamSourceSettings[];
  compression: "none" | "s2" | undefined;
  allowDirect: boolean | undefined;
  description: string | undefined;
  metadata: Record<string, string>;
  denyDelete: boolean | undefined;
  denyPurge: boolean | undefined;
  template: string | undefined;
}

/** Is a stream that events are copied from. `optStartSeq` is a decimal number; where it is set, `optStartTime` is not. */
export interface StreamSourceSettings {
  name: string;
  optStartSeq: string | undefined;
  optStartTime: string | undefined;
  filterSubject: string | undefined;
}

/** Is what the consumers of a channel have in common. `maxDeliver` is a cap that we apply; undefined or -1: none. */
export interface ConsumerSettings {
  deliverPolicy: "all" | "last" | "new" | "by_start_sequence" | "by_start_time";
  optStartSeq: string | undefined;
  optStartTime: string | undefined;
  ackWaitMs: number | undefined;
  maxDeliver: number | undefined;
  filterSubjects: string[];
  replayPolicy: "instant" | "original";
  rateLimitBps: number | undefined;
  sampleFrequencyPercent: number | undefined;
  maxAckPending: number | undefined;
  replicas: number | undefined;
  memoryStorage: boolean;
  idleHeartbeatMs: number | undefined;
  fetchBatchSize: number | undefined;
  fetchMaxWaitMs: number | undefined;
  consumerType: "pull" | "push";
}

/** Is one subscriber, with `subscriber` or `reply` or both. `name` is "" and `generation` 0 where the object has none. */
export interface SubscriberSettings {
  uid: string;
  name: string;
  generation: number;
  subscriber: DestinationSettings | undefined;
  reply: DestinationSettings | undefined;
  delivery: DeliverySettings;
}

/** Is where events go. `uri` is verbatim as it was given, since senders compare it as text; `caCerts` is PEM. */
export interface DestinationSettings {
  uri: string;
  caCerts: string | undefined;
  audience: string | undefined;
}

/** Is how an event is delivered to one subscriber. `retry` counts attempts after the first. */
export interface DeliverySettings {
  deadLetter: DestinationSettings | undefined;
  retry: number | undefined;
  timeoutMs: number | undefined;
  backoffPolicy: "linear" | "exponential" | undefined;
  backoffDelayMs: number | undefined;
  backoffMaxMs: number | undefined;
  retryAfterMaxMs: number | undefined;
  format: "binary" | "json" | undefined;
}
