/**
 * What the schema of a channel does not say of its fields: the default, what a change does, and the sentence of a refusal where that is not
 * a rule of the schema. A group's change counts for what is in it, unless that says otherwise.
 */

/** Is what is said of one field. */
export interface FieldFacts {
  default?: string;
  change?: string;
  refusal?: string;
}

const IN_PLACE = "in place";
const KEEPS = "in place, keeps events";
const IMMUTABLE = "immutable";
const NEW_ONLY = "for new consumers";
const AT_ONCE = "at once";
const NO_EFFECT = "has no effect";

const URL = "an absolute http or https URL expected";
const SEQUENCE = "a stream sequence from 0 to 9007199254740991 expected";
const MAXIMUM = { default: "no maximum", change: KEEPS };

const STREAM: Readonly<Record<string, FieldFacts>> = {
  overrideName: {
    default: "KN_<NAMESPACE>__<NAME>, after the configured prefix",
    change: "another stream, see below",
  },
  deletionPolicy: { default: "Delete; in standalone mode Retain", change: "when deleted" },
  config: { default: "the defaults below" },
  "config.additionalSubjects": { default: "none", change: IN_PLACE },
  "config.retention": {
    default: "Limits",
    change: `${KEEPS}; to and from Work ${IMMUTABLE}`,
  },
  "config.storage": { default: "File", change: IMMUTABLE },
  "config.discard": { default: "Old", change: KEEPS },
  "config.replicas": { default: "1", change: IN_PLACE },
  "config.maxConsumers": { default: "no maximum", change: IN_PLACE },
  "config.maxMsgs": MAXIMUM,
  "config.maxBytes": MAXIMUM,
  "config.maxMsgSize": { default: "no maximum", change: IN_PLACE },
  "config.maxMsgsPerSubject": MAXIMUM,
  "config.maxAge": { default: "0", change: KEEPS },
  "config.duplicateWindow": { default: "2m, or maxAge where that is shorter", change: IN_PLACE },
  "config.noAck": { default: "false" },
  "config.placement": { default: "any servers", change: IN_PLACE },
  "config.mirror": { default: "none", change: IMMUTABLE },
  "config.mirror.optStartSeq": { default: "the first event", refusal: SEQUENCE },
  "config.mirror.optStartTime": { default: "the first event" },
  "config.mirror.filterSubject": { default: "every event" },
  "config.sources": { default: "none", change: IN_PLACE },
  "config.sources[].optStartSeq": { default: "the first event", refusal: SEQUENCE },
  "config.sources[].optStartTime": { default: "the first event" },
  "config.sources[].filterSubject": { default: "every event" },
  "config.compression": { default: "None", change: IN_PLACE },
  "config.allowDirect": { default: "false", change: IN_PLACE },
  "config.description": { default: "none", change: IN_PLACE },
  "config.metadata": { default: "none", change: IN_PLACE },
  "config.denyDelete": { default: "false", change: `${IN_PLACE}; off again ${IMMUTABLE}` },
  "config.denyPurge": { default: "false", change: `${IN_PLACE}; off again ${IMMUTABLE}` },
  "config.template": {
    default: "none",
    change: `${IN_PLACE}; what of it is ${IMMUTABLE} is explained`,
  },
};

const CONSUMER: Readonly<Record<string, FieldFacts>> = {
  deliverPolicy: { default: "All", change: NEW_ONLY },
  optStartSeq: { default: "none", change: NEW_ONLY, refusal: SEQUENCE },
  optStartTime: { default: "none", change: NEW_ONLY },
  ackWait: { default: "30s", change: IN_PLACE },
  maxDeliver: { default: "no cap", change: AT_ONCE },
  filterSubject: { default: "every event", change: IN_PLACE },
  filterSubjects: { default: "every event", change: IN_PLACE },
  replayPolicy: { default: "Instant", change: NEW_ONLY },
  rateLimitBPS: { default: "no limit", change: AT_ONCE },
  rateLimitBps: { default: "no limit", change: AT_ONCE },
  sampleFrequency: {
    default: "none",
    change: IN_PLACE,
    refusal: 'a whole percentage from 0 to 100, like "30" or "30%", expected',
  },
  maxAckPending: { default: "1000", change: IN_PLACE },
  replicas: { default: "those of the stream", change: IN_PLACE },
  memoryStorage: { default: "false, which is as the stream", change: NEW_ONLY },
  idleHeartbeat: { default: "5s; 100ms to half of fetchMaxWait are kept to", change: AT_ONCE },
  fetchBatchSize: { default: "as many as there are free slots", change: AT_ONCE },
  fetchMaxWait: { default: "30s; 500ms to 5m are kept to", change: AT_ONCE },
  consumerType: { default: "Pull", change: NO_EFFECT },
};

const REF = "resolved again";

const DELIVERY: Readonly<Record<string, FieldFacts>> = {
  deadLetterSink: { default: "none" },
  "deadLetterSink.ref": { default: "none", change: REF },
  "deadLetterSink.ref.namespace": { default: "the channel's" },
  "deadLetterSink.ref.address": { default: "its first one" },
  "deadLetterSink.audience": { change: NO_EFFECT },
  "deadLetterSink.CACerts": { default: "the system's" },
  retry: { default: "0 with a dead-letter sink, else no end" },
  timeout: { default: "dispatch.timeout of the configuration" },
  backoffPolicy: { default: "exponential" },
  backoffDelay: { default: "PT2S" },
  backoffMax: { default: "PT5M without backoffDelay or end of attempts" },
  retryAfterMax: { default: "PT0S" },
  format: { default: "binary" },
};

const SUBSCRIBER: Readonly<Record<string, FieldFacts>> = {
  "[].uid": {
    change: "another subscriber",
    refusal: '1 to 64 letters, digits, "-" or "_" expected',
  },
  "[].name": { change: "in logs and at /channels" },
  "[].generation": { change: "in the status" },
  "[].subscriberUri": { default: "none", refusal: URL },
  "[].subscriberCACerts": { default: "the system's" },
  "[].subscriberAudience": { change: NO_EFFECT },
  "[].replyUri": { default: "none", refusal: URL },
  "[].replyCACerts": { default: "the system's" },
  "[].replyAudience": { change: NO_EFFECT },
  "[].delivery": { default: "spec.delivery", refusal: "as in spec.delivery" },
  "[].auth": { change: NO_EFFECT },
};

const LABELS =
  'a key like "team" or "example.com/team" expected; a label\'s value (at most 63 letters, digits, "-", "_" and ".") expected; labels that select dispatchers are not for others to set';
const KEYS = 'a key like "team" or "example.com/team" expected';

const TEMPLATE: Readonly<Record<string, FieldFacts>> = {
  annotations: { refusal: KEYS },
  labels: { refusal: LABELS },
  nodeSelector: { refusal: KEYS },
  resources: {
    default: "those of the cluster's defaults",
    refusal: 'limits and requests of a quantity like "100m" or "256Mi" expected',
  },
  affinity: { refusal: "nodeAffinity, podAffinity and podAntiAffinity expected" },
};

/** Gives what is said of the fields of a channel's spec, by their paths. */
export const FIELD_FACTS: ReadonlyMap<string, FieldFacts> = new Map([
  ...below("spec.stream.", STREAM),
  ...below("spec.consumerConfigTemplate.", CONSUMER),
  ["spec.delivery", { change: AT_ONCE }],
  ...below("spec.delivery.", DELIVERY),
  ["spec.subscribers", { change: AT_ONCE }],
  ...below("spec.subscribers", SUBSCRIBER),
  ["spec.auth", { change: "another connection" }],
  ...below("spec.auth.", {
    "credentialFile.secret.key": { default: "nats.creds" },
    "usernamePassword.secret.usernameKey": { default: "username" },
    "usernamePassword.secret.passwordKey": { default: "password" },
    "token.secret.key": { default: "token" },
    "nKey.secret.key": { default: "nats.creds" },
  }),
  ["spec.deploymentSpecTemplate", { change: "a roll-out" }],
  ...below("spec.deploymentSpecTemplate.", TEMPLATE),
]);

function below(
  prefix: string,
  facts: Readonly<Record<string, FieldFacts>>,
): (readonly [string, FieldFacts])[] {
  return Object.entries(facts).map(([path, one]) => [`${prefix}${path}`, one]);
}
