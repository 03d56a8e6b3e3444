/** What is tried of each row of docs/reference.md about `spec.consumerConfigTemplate`; values of the server are NATS' own. */

type Piece = Record<string, unknown>;

/** Holds the examples of one field. */
export interface ConsumerExample {
  /** What the server has where the channel says nothing. */
  unset: Piece;
  /** What a channel says, and what the server has then. */
  given: Piece;
  is: Piece;
  /** An edit, and what the server has then: of this consumer in place, or of new ones only. */
  to: Piece;
  becomes: Piece;
  /** What the dispatcher goes by, where it is not the server that does: unset, as given, and after the edit. */
  settings?: [unset: Piece, given: Piece, edited: Piece];
  /** What is not taken. */
  refused: Piece;
}

const SECOND_NS = 1_000_000_000;
const JANUARY = "2026-01-31T12:00:00Z";
const FEBRUARY = "2026-02-28T12:00:00Z";

/** Makes the examples of a field that the server does not know of. */
function ofDispatcher(
  field: string,
  [given, to]: [unknown, unknown],
  { settings, refused }: { settings: [Piece, Piece, Piece]; refused: unknown },
): ConsumerExample {
  const same = { unset: {}, is: {}, becomes: {} };
  return {
    ...same,
    given: { [field]: given },
    to: { [field]: to },
    settings,
    refused: { [field]: refused },
  };
}

const rate: [Piece, Piece, Piece] = [
  { rateLimitBps: undefined },
  { rateLimitBps: 8_000 },
  { rateLimitBps: 16_000 },
];

const fromSequence = (optStartSeq: unknown) => ({ deliverPolicy: "ByStartSequence", optStartSeq });
const fromTime = (optStartTime: string) => ({ deliverPolicy: "ByStartTime", optStartTime });

/** Lists the fields with their examples. */
export const CONSUMER_EXAMPLES: Readonly<Record<string, ConsumerExample>> = {
  deliverPolicy: {
    unset: { deliver_policy: "all" },
    given: { deliverPolicy: "New" },
    is: { deliver_policy: "new" },
    to: { deliverPolicy: "Last" },
    becomes: { deliver_policy: "last" },
    refused: { deliverPolicy: "First" },
  },
  optStartSeq: {
    unset: { opt_start_seq: undefined },
    given: fromSequence("3"),
    is: { deliver_policy: "by_start_sequence", opt_start_seq: 3 },
    to: fromSequence(4),
    becomes: { deliver_policy: "by_start_sequence", opt_start_seq: 4 },
    refused: { optStartSeq: "3" },
  },
  optStartTime: {
    unset: { opt_start_time: undefined },
    given: fromTime(JANUARY),
    is: { deliver_policy: "by_start_time", opt_start_time: JANUARY },
    to: fromTime(FEBRUARY),
    becomes: { deliver_policy: "by_start_time", opt_start_time: FEBRUARY },
    refused: { optStartTime: JANUARY },
  },
  ackWait: {
    unset: { ack_wait: 30 * SECOND_NS },
    given: { ackWait: "1m30s" },
    is: { ack_wait: 90 * SECOND_NS },
    to: { ackWait: "2s" },
    becomes: { ack_wait: 2 * SECOND_NS },
    refused: { ackWait: "-1s" },
  },
  maxDeliver: {
    ...ofDispatcher("maxDeliver", [3, 4], {
      settings: [{ maxDeliver: undefined }, { maxDeliver: 3 }, { maxDeliver: 4 }],
      refused: -2,
    }),
    // The server forgets a message whose deliveries are used up.
    unset: { max_deliver: -1 },
    is: { max_deliver: -1 },
    becomes: { max_deliver: -1 },
  },
  filterSubject: {
    unset: { filter_subject: undefined },
    given: { filterSubject: "x.a" },
    is: { filter_subject: "x.a" },
    to: { filterSubject: "x.b" },
    becomes: { filter_subject: "x.b" },
    refused: { filterSubject: "x..b" },
  },
  filterSubjects: {
    unset: { filter_subjects: undefined },
    given: { filterSubjects: ["x.a", "x.b"] },
    is: { filter_subjects: ["x.a", "x.b"] },
    to: { filterSubjects: ["x.a", "x.c"] },
    becomes: { filter_subjects: ["x.a", "x.c"] },
    refused: { filterSubjects: ["x.>", "x.a"] },
  },
  replayPolicy: {
    unset: { replay_policy: "instant" },
    given: { replayPolicy: "Original" },
    is: { replay_policy: "original" },
    to: { replayPolicy: "Instant" },
    becomes: { replay_policy: "instant" },
    refused: { replayPolicy: "Slow" },
  },
  rateLimitBPS: ofDispatcher("rateLimitBPS", [8_000, 16_000], { settings: rate, refused: -1 }),
  rateLimitBps: ofDispatcher("rateLimitBps", [8_000, 16_000], { settings: rate, refused: "8k" }),
  sampleFrequency: {
    unset: { sample_freq: undefined },
    given: { sampleFrequency: "30%" },
    is: { sample_freq: "30" },
    to: { sampleFrequency: 40 },
    becomes: { sample_freq: "40" },
    refused: { sampleFrequency: "101" },
  },
  maxAckPending: {
    unset: { max_ack_pending: 1_000 },
    given: { maxAckPending: 7 },
    is: { max_ack_pending: 7 },
    to: { maxAckPending: 0 },
    becomes: { max_ack_pending: -1 },
    refused: { maxAckPending: 1.5 },
  },
  // More than one needs a cluster: test/integration/cluster/replicas.test.ts.
  replicas: {
    unset: { num_replicas: 0 },
    given: { replicas: 1 },
    is: { num_replicas: 1 },
    to: { replicas: 0 },
    becomes: { num_replicas: 0 },
    refused: { replicas: 6 },
  },
  memoryStorage: {
    unset: { mem_storage: undefined },
    given: { memoryStorage: true },
    is: { mem_storage: true },
    to: { memoryStorage: false },
    becomes: { mem_storage: undefined },
    refused: { memoryStorage: "yes" },
  },
  idleHeartbeat: ofDispatcher("idleHeartbeat", ["2s", "3s"], {
    settings: [
      { idleHeartbeatMs: undefined },
      { idleHeartbeatMs: 2_000 },
      { idleHeartbeatMs: 3_000 },
    ],
    refused: "2 s",
  }),
  fetchBatchSize: ofDispatcher("fetchBatchSize", [5, 6], {
    settings: [{ fetchBatchSize: undefined }, { fetchBatchSize: 5 }, { fetchBatchSize: 6 }],
    refused: 0,
  }),
  fetchMaxWait: ofDispatcher("fetchMaxWait", ["2s", "3s"], {
    settings: [{ fetchMaxWaitMs: undefined }, { fetchMaxWaitMs: 2_000 }, { fetchMaxWaitMs: 3_000 }],
    refused: 2,
  }),
  consumerType: ofDispatcher("consumerType", ["Pull", "Push"], {
    settings: [{ consumerType: "pull" }, { consumerType: "pull" }, { consumerType: "push" }],
    refused: "Queue",
  }),
};

/** Lists the fields that are not taken at all, with a value each. */
export const REFUSED_FIELDS: Readonly<Record<string, unknown>> = {
  backoff: ["1s"],
  inactiveThreshold: "1h",
};
