/**
 * Channels that are refused, and the sentence of each: judged by parseChannel and by the API server, so that the two cannot disagree unseen.
 * What the API server cannot see has the reason as a third part, and is refused by the dispatcher alone.
 */

/** Is what is wrong, the beginning of the sentence, and why the API server takes it all the same. */
export type Refused = [object: object, sentence: string, takenByApiServer?: string | undefined];

const OVERLAP = "an overlap shows in a walk over the tokens of two subjects, which CEL cannot do";

/** Refused as `spec.stream.config`; sentences go on from that path. */
export const REFUSED_STREAM_CONFIGS: Refused[] = [
  [{ storage: "disk" }, '.storage: "File" or "Memory" expected, got "disk"'],
  [{ storage: 5 }, ".storage: a text expected, got 5"],
  [
    { retention: "WorkQueue" },
    '.retention: "Limits", "Interest" or "Work" expected, got "WorkQueue"',
  ],
  [
    { retention: "constructor" },
    '.retention: "Limits", "Interest" or "Work" expected, got "constructor"',
  ],
  [{ discard: "oldest" }, '.discard: "Old" or "New" expected, got "oldest"'],
  [{ compression: "gzip" }, '.compression: "None" or "S2" expected, got "gzip"'],
  [{ replicas: -1 }, ".replicas: at least 0 expected, got -1"],
  [{ replicas: 6 }, ".replicas: at most 5 expected, got 6"],
  [{ replicas: 1.5 }, ".replicas: a whole number expected, got 1.5"],
  [{ replicas: "3" }, ".replicas: a number expected, got a text"],
  [{ maxMsgs: -2 }, ".maxMsgs: at least -1 expected, got -2"],
  [{ maxBytes: 1.5 }, ".maxBytes: a whole number expected, got 1.5"],
  [{ maxMsgSize: 2 ** 31 }, ".maxMsgSize: at most 2147483647 expected, got 2147483648"],
  [{ maxAge: "P1D" }, '.maxAge: a duration like "1h30m" expected, got "P1D"'],
  [{ maxAge: "50ms" }, '.maxAge: 0 or at least 100ms expected, got "50ms"'],
  [{ maxAge: 5 }, ".maxAge: a text expected, got 5"],
  [{ duplicateWindow: "-2m" }, '.duplicateWindow: a duration like "1h30m" expected, got "-2m"'],
  [{ duplicateWindow: "99ms" }, '.duplicateWindow: 0 or at least 100ms expected, got "99ms"'],
  [
    { maxAge: "1m", duplicateWindow: "2m" },
    '.duplicateWindow: at most maxAge expected, got "2m" with maxAge "1m"',
  ],
  [{ noAck: true }, ".noAck: false expected, got true: a stream that never acknowledges"],
  [{ noAck: "no" }, ".noAck: true or false expected, got a text"],
  [{ placement: "east" }, ".placement: an object expected, got a text"],
  [{ placement: { tags: "ssd" } }, ".placement.tags: a list expected, got a text"],
  [
    { additionalSubjects: ["a", "b c"] },
    '.additionalSubjects[1]: a subject (tokens between dots, no white space, ">" only at the end) expected, got "b c"',
  ],
  [{ additionalSubjects: "a" }, ".additionalSubjects: a list expected, got a text"],
  [
    { additionalSubjects: ["a.*", "a.b"] },
    '.additionalSubjects: "a.b" overlaps with "a.*"',
    OVERLAP,
  ],
  [
    { additionalSubjects: ["x", "default.orders.>"] },
    '.additionalSubjects[1]: "default.orders.>" overlaps with the channel\'s own subject "default.orders._knative"',
    "the channel's own subject has the namespace in it, which no rule sees",
  ],
  [
    { additionalSubjects: ["default.orders._knative.left"] },
    '.additionalSubjects[0]: "default.orders._knative.left" is reserved',
    "the channel's own subject has the namespace in it, which no rule sees",
  ],
  [
    { template: "KN_DEFAULT__ORDERS" },
    '.template: another stream expected, got "KN_DEFAULT__ORDERS", which is the channel\'s own',
    "the stream's name has the namespace in it, which no rule sees",
  ],
  [
    { metadata: { a: "x".repeat(65_536) } },
    ".metadata: at most 65536 bytes of keys and values expected, got 65537",
    "a rule that adds up what is in a map costs more than the API server allows",
  ],
  [{ mirror: {} }, ".mirror.name: required: a text"],
  [{ mirror: { name: "a.b" } }, ".mirror.name: a stream's name"],
  [
    { mirror: { name: "A" }, additionalSubjects: ["a"] },
    ".additionalSubjects: cannot be given beside mirror",
  ],
  [{ mirror: { name: "A" }, sources: [{ name: "B" }] }, ".sources: cannot be given beside mirror"],
  [
    { sources: [{ name: "A" }, { name: "B", optStartSeq: -1 }] },
    ".sources[1].optStartSeq: a stream sequence from 0",
  ],
  [
    { sources: [{ name: "A", optStartSeq: "9007199254740992" }] },
    ".sources[0].optStartSeq: a stream sequence from 0",
    "a pattern that ends there would be no message for a user",
  ],
  [
    { sources: [{ name: "A", optStartSeq: 2 ** 53 }] },
    ".sources[0].optStartSeq: a stream sequence from 0",
  ],
  [
    { sources: [{ name: "A", optStartSeq: "0x10" }] },
    ".sources[0].optStartSeq: a stream sequence from 0",
  ],
  [
    { sources: [{ name: "A", optStartSeq: true }] },
    ".sources[0].optStartSeq: a stream sequence (a number, or its digits as text) expected",
  ],
  [
    { sources: [{ name: "A", optStartTime: "yesterday" }] },
    '.sources[0].optStartTime: a time like "2026-01-31T12:00:00Z" expected, got "yesterday"',
  ],
  [{ sources: [{ name: "A", filterSubject: "a..b" }] }, ".sources[0].filterSubject: a subject"],
  [{ sources: [null] }, ".sources[0]: an object expected, got null"],
  [{ description: "x".repeat(4097) }, ".description: at most 4096 characters expected"],
  [{ metadata: { a: 5 } }, ".metadata.a: a text expected, got 5"],
  [{ metadata: { "_nats.level": "1" } }, '.metadata["_nats.level"]: reserved'],
  [
    { metadata: { "messaging.knative.dev/jetstream-channel.cluster": "x" } },
    '.metadata["messaging.knative.dev/jetstream-channel.cluster"]: reserved',
  ],
  [{ allowDirect: "yes" }, ".allowDirect: true or false expected, got a text"],
  [{ template: "a b" }, ".template: a stream's name"],
];

/** Refused as `spec.consumerConfigTemplate`; sentences go on from that path. */
export const REFUSED_CONSUMER_TEMPLATES: Refused[] = [
  [
    { deliverPolicy: "First" },
    '.deliverPolicy: "All", "Last", "New", "ByStartSequence" or "ByStartTime" expected, got "First"',
  ],
  [
    { deliverPolicy: "ByStartSequence" },
    ".optStartSeq: required (1 or more) by deliverPolicy ByStartSequence",
  ],
  [
    { deliverPolicy: "ByStartSequence", optStartSeq: 0 },
    ".optStartSeq: required (1 or more) by deliverPolicy ByStartSequence",
  ],
  [{ deliverPolicy: "ByStartTime" }, ".optStartTime: required by deliverPolicy ByStartTime"],
  [{ optStartSeq: 5 }, '.optStartSeq: needs deliverPolicy ByStartSequence, got "All"'],
  [
    { deliverPolicy: "New", optStartTime: "2026-01-01T00:00:00Z" },
    '.optStartTime: needs deliverPolicy ByStartTime, got "New"',
  ],
  [
    { deliverPolicy: "ByStartTime", optStartTime: "2026-01-01T00:00:00Z", optStartSeq: 5 },
    '.optStartSeq: needs deliverPolicy ByStartSequence, got "ByStartTime"',
  ],
  [
    { deliverPolicy: "ByStartTime", optStartTime: "2026-13-01T00:00:00Z" },
    ".optStartTime: a time like",
  ],
  [{ ackWait: "PT30S" }, '.ackWait: a duration like "1h30m" expected, got "PT30S"'],
  [{ maxDeliver: -2 }, ".maxDeliver: at least -1 expected, got -2"],
  [{ maxAckPending: "100" }, ".maxAckPending: a number expected, got a text"],
  [{ filterSubject: "a b" }, ".filterSubject: a subject"],
  [
    { filterSubject: "a", filterSubjects: ["b"] },
    ".filterSubjects: cannot be given beside filterSubject",
  ],
  [{ filterSubjects: ["a.>", "a.b"] }, '.filterSubjects: "a.b" overlaps with "a.>"', OVERLAP],
  [{ replayPolicy: "Fast" }, '.replayPolicy: "Instant" or "Original" expected, got "Fast"'],
  [{ rateLimitBPS: -1 }, ".rateLimitBPS: at least 0 expected, got -1"],
  [{ rateLimitBPS: 1, rateLimitBps: 2 }, ".rateLimitBps: differs from rateLimitBPS"],
  [
    { sampleFrequency: "101" },
    '.sampleFrequency: a whole percentage from 0 to 100, like "30" or "30%", expected, got "101"',
  ],
  [{ sampleFrequency: 1.5 }, ".sampleFrequency: a whole percentage from 0 to 100"],
  [{ sampleFrequency: [] }, '.sampleFrequency: a percentage like "30" or "30%" expected'],
  [{ replicas: -1 }, ".replicas: at least 0 expected, got -1"],
  [{ memoryStorage: 1 }, ".memoryStorage: true or false expected, got 1"],
  [{ fetchBatchSize: 0 }, ".fetchBatchSize: at least 1 expected, got 0"],
  [
    { idleHeartbeat: "6s", fetchMaxWait: "10s" },
    '.idleHeartbeat: at most half of fetchMaxWait expected, got "6s" with fetchMaxWait "10s"',
  ],
  [{ consumerType: "queue" }, '.consumerType: "Pull" or "Push" expected, got "queue"'],
  [{ backoff: ["1s"] }, ".backoff: not taken: waiting between attempts is spec.delivery's"],
  [
    { inactiveThreshold: "5m" },
    ".inactiveThreshold: not taken: the server would delete the consumer",
  ],
];

/** Refused as fields of a channel. */
export const REFUSED_CHANNELS: Refused[] = [
  [{ metadata: { name: "Orders" } }, "metadata.name: a DNS-1035 label"],
  [{ metadata: { name: "1orders" } }, "metadata.name: a DNS-1035 label"],
  [{ metadata: { name: "orders-" } }, "metadata.name: a DNS-1035 label"],
  [{ metadata: { name: "or.ders" } }, "metadata.name: a DNS-1035 label"],
  [{ metadata: { name: "a".repeat(64) } }, "metadata.name: a DNS-1035 label"],
  [{ spec: [] }, "spec: an object expected, got a list"],
  [{ spec: { stream: "ORDERS" } }, "spec.stream: an object expected, got a text"],
  [{ spec: { stream: { overrideName: "a.b" } } }, "spec.stream.overrideName: a stream's name"],
  [{ spec: { stream: { overrideName: "" } } }, "spec.stream.overrideName: a stream's name"],
  [
    { spec: { stream: { overrideName: "x".repeat(256) } } },
    "spec.stream.overrideName: a stream's name",
  ],
  [
    { spec: { stream: { deletionPolicy: "Keep" } } },
    'spec.stream.deletionPolicy: "Delete" or "Retain" expected, got "Keep"',
  ],
  [{ spec: { subscribers: {} } }, "spec.subscribers: a list expected, got an object"],
  [
    { spec: { delivery: { backoffDelay: "1s" } } },
    'spec.delivery.backoffDelay: a duration like "PT10S" expected, got "1s"',
  ],
  [{ spec: { delivery: { retry: -1 } } }, "spec.delivery.retry: at least 0 expected, got -1"],
  [
    { spec: { delivery: { deadLetterSink: {} } } },
    "spec.delivery.deadLetterSink.uri: an absolute http or https URL is required, or a ref",
  ],
  [
    { spec: { delivery: { deadLetterSink: { uri: "dead" } } } },
    'spec.delivery.deadLetterSink.uri: an absolute http or https URL expected, got "dead"',
  ],
  [
    { spec: { auth: {} } },
    'spec.auth: one of "credentialFile", "usernamePassword", "token" or "nKey" is required',
  ],
  [
    {
      spec: {
        auth: { token: { secret: { secretName: "a" } }, nKey: { secret: { secretName: "b" } } },
      },
    },
    "spec.auth: one way to log in expected, got token and nKey",
  ],
  [
    { spec: { deploymentSpecTemplate: { labels: { a: 1 } } } },
    "spec.deploymentSpecTemplate.labels.a: a text expected, got 1",
  ],
];
