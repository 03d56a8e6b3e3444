import { expect } from "vitest";

/** What is tried of each row of docs/reference.md about `spec.stream.config`; values of the server are NATS' own. */

type Piece = Record<string, unknown>;

/** Holds the examples of one field. */
export interface StreamExample {
  /** What the server has where the channel says nothing. */
  unset: Piece;
  /** What a channel says, and what the server has then. */
  given: Piece;
  is: Piece;
  /** In place: an edit, and what the server has then. */
  edit?: { to: Piece; is: Piece };
  /** Keeps events: edits, the last of which would drop some of five events that are stored. */
  drops?: Piece[];
  /** Immutable: an edit that is explained, and the field that is named where it is another one. */
  stays?: { to: Piece; names?: string };
  /** What is not taken. */
  refused: Piece;
}

const SECOND_NS = 1_000_000_000;
const JANUARY = "2026-01-31T12:00:00Z";
const FEBRUARY = "2026-02-28T12:00:00Z";

const OWN_SUBJECT = expect.stringMatching(/^default\.[a-z]+\._knative$/);

const source = (of: Piece = {}) => ({ sources: [{ name: "SPRING", ...of }] });
const mirror = (of: Piece = {}) => ({ mirror: { name: "SPRING", ...of } });

/** Makes the examples of a maximum of five events or of their bytes. */
function maximum(field: string, serverField: string, low: number): StreamExample {
  return {
    unset: { [serverField]: -1 },
    given: { [field]: 70_000 },
    is: { [serverField]: 70_000 },
    edit: { to: { [field]: 80_000 }, is: { [serverField]: 80_000 } },
    drops: [{}, { [field]: low }],
    refused: { [field]: -2 },
  };
}

/** Lists the fields with their examples. The streams SPRING, WELL, BASE, OTHER_BASE and MEMORY_BASE are there. */
export const STREAM_EXAMPLES: Readonly<Record<string, StreamExample>> = {
  additionalSubjects: {
    unset: { subjects: [OWN_SUBJECT] },
    given: { additionalSubjects: ["more.a.>"] },
    is: { subjects: [OWN_SUBJECT, "more.a.>"] },
    edit: { to: { additionalSubjects: ["more.b"] }, is: { subjects: [OWN_SUBJECT, "more.b"] } },
    refused: { additionalSubjects: ["more..a"] },
  },
  retention: {
    unset: { retention: "limits" },
    given: { retention: "Interest" },
    is: { retention: "interest" },
    edit: { to: { retention: "Limits" }, is: { retention: "limits" } },
    drops: [{}, { retention: "Interest" }],
    stays: { to: { retention: "Work" } },
    refused: { retention: "Workqueue" },
  },
  storage: {
    unset: { storage: "file" },
    given: { storage: "Memory" },
    is: { storage: "memory" },
    stays: { to: { storage: "File" } },
    refused: { storage: "Disk" },
  },
  discard: {
    unset: { discard: "old" },
    given: { discard: "New" },
    is: { discard: "new" },
    edit: { to: { discard: "Old" }, is: { discard: "old" } },
    drops: [{ discard: "New" }, { discard: "New", maxMsgs: 2 }, { discard: "Old", maxMsgs: 2 }],
    refused: { discard: "All" },
  },
  // More than one needs a cluster: test/integration/cluster/replicas.test.ts.
  replicas: {
    unset: { num_replicas: 1 },
    given: { replicas: 1 },
    is: { num_replicas: 1 },
    edit: { to: { replicas: 0 }, is: { num_replicas: 1 } },
    refused: { replicas: 6 },
  },
  maxConsumers: {
    unset: { max_consumers: -1 },
    given: { maxConsumers: 3 },
    is: { max_consumers: 3 },
    edit: { to: { maxConsumers: 4 }, is: { max_consumers: 4 } },
    refused: { maxConsumers: "3" },
  },
  maxMsgs: maximum("maxMsgs", "max_msgs", 2),
  maxBytes: maximum("maxBytes", "max_bytes", 2_500),
  maxMsgsPerSubject: maximum("maxMsgsPerSubject", "max_msgs_per_subject", 1),
  maxMsgSize: {
    unset: { max_msg_size: -1 },
    given: { maxMsgSize: 3_000 },
    is: { max_msg_size: 3_000 },
    edit: { to: { maxMsgSize: 100 }, is: { max_msg_size: 100 } },
    refused: { maxMsgSize: 2 ** 31 },
  },
  maxAge: {
    unset: { max_age: 0 },
    given: { maxAge: "1h" },
    is: { max_age: 3_600 * SECOND_NS },
    edit: { to: { maxAge: "1h30m" }, is: { max_age: 5_400 * SECOND_NS } },
    drops: [{}, { maxAge: "100ms" }],
    refused: { maxAge: "1 hour" },
  },
  duplicateWindow: {
    unset: { duplicate_window: 120 * SECOND_NS },
    given: { duplicateWindow: "7s" },
    is: { duplicate_window: 7 * SECOND_NS },
    edit: { to: { duplicateWindow: "9s" }, is: { duplicate_window: 9 * SECOND_NS } },
    refused: { maxAge: "1s", duplicateWindow: "2s" },
  },
  noAck: {
    // Servers leave it out.
    unset: { no_ack: undefined },
    given: { noAck: false },
    is: { no_ack: undefined },
    refused: { noAck: true },
  },
  // Where a stream is placed is for a cluster to show: test/integration/cluster/placement.test.ts.
  "placement.cluster": {
    unset: { placement: undefined },
    given: { placement: { cluster: "east" } },
    is: { placement: { cluster: "east" } },
    edit: { to: { placement: { cluster: "west" } }, is: { placement: { cluster: "west" } } },
    refused: { placement: { cluster: 1 } },
  },
  "placement.tags": {
    unset: { placement: undefined },
    given: { placement: { tags: ["ssd"] } },
    is: { placement: { tags: ["ssd"] } },
    edit: { to: { placement: { tags: ["hdd"] } }, is: { placement: { tags: ["hdd"] } } },
    refused: { placement: { tags: "ssd" } },
  },
  "mirror.name": {
    unset: { mirror: undefined },
    given: mirror(),
    is: mirror(),
    stays: { to: mirror({ name: "WELL" }) },
    refused: mirror({ name: "SPRING.A" }),
  },
  "mirror.optStartSeq": {
    unset: { mirror: undefined },
    given: mirror({ optStartSeq: "3" }),
    is: mirror({ opt_start_seq: 3 }),
    stays: { to: mirror({ optStartSeq: 4 }) },
    refused: mirror({ optStartSeq: -1 }),
  },
  "mirror.optStartTime": {
    unset: { mirror: undefined },
    given: mirror({ optStartTime: JANUARY }),
    is: mirror({ opt_start_time: JANUARY }),
    stays: { to: mirror({ optStartTime: FEBRUARY }) },
    refused: mirror({ optStartTime: "yesterday" }),
  },
  "mirror.filterSubject": {
    unset: { mirror: undefined },
    given: mirror({ filterSubject: "spring.a" }),
    is: mirror({ filter_subject: "spring.a" }),
    stays: { to: mirror({ filterSubject: "spring.b" }) },
    refused: mirror({ filterSubject: "spring..a" }),
  },
  "sources[].name": {
    unset: { sources: undefined },
    given: source(),
    is: source(),
    edit: { to: source({ name: "WELL" }), is: source({ name: "WELL" }) },
    refused: { sources: [{}] },
  },
  "sources[].optStartSeq": {
    unset: { sources: undefined },
    given: source({ optStartSeq: "3" }),
    is: source({ opt_start_seq: 3 }),
    edit: { to: source({ optStartSeq: 4 }), is: source({ opt_start_seq: 4 }) },
    refused: source({ optStartSeq: "3rd" }),
  },
  "sources[].optStartTime": {
    unset: { sources: undefined },
    given: source({ optStartTime: JANUARY }),
    is: source({ opt_start_time: JANUARY }),
    edit: {
      to: source({ optStartTime: FEBRUARY }),
      is: source({ opt_start_time: FEBRUARY }),
    },
    refused: source({ optStartTime: "2026-02-30T12:00:00Z" }),
  },
  "sources[].filterSubject": {
    unset: { sources: undefined },
    given: source({ filterSubject: "spring.a" }),
    is: source({ filter_subject: "spring.a" }),
    edit: {
      to: source({ filterSubject: "spring.b" }),
      is: source({ filter_subject: "spring.b" }),
    },
    refused: source({ filterSubject: "spring a" }),
  },
  compression: {
    unset: { compression: "none" },
    given: { compression: "S2" },
    is: { compression: "s2" },
    edit: { to: { compression: "None" }, is: { compression: "none" } },
    refused: { compression: "zip" },
  },
  allowDirect: {
    unset: { allow_direct: false },
    given: { allowDirect: true },
    is: { allow_direct: true },
    edit: { to: { allowDirect: false }, is: { allow_direct: false } },
    refused: { allowDirect: "yes" },
  },
  description: {
    unset: { description: undefined },
    given: { description: "east" },
    is: { description: "east" },
    edit: { to: { description: "west" }, is: { description: "west" } },
    refused: { description: "x".repeat(4_097) },
  },
  metadata: {
    unset: { metadata: expect.not.objectContaining({ team: expect.anything() }) },
    given: { metadata: { team: "billing" } },
    is: { metadata: expect.objectContaining({ team: "billing" }) },
    edit: {
      to: { metadata: { team: "sales" } },
      is: { metadata: expect.objectContaining({ team: "sales" }) },
    },
    refused: { metadata: { "_nats.level": "1" } },
  },
  denyDelete: {
    unset: { deny_delete: false },
    given: {},
    is: { deny_delete: false },
    edit: { to: { denyDelete: true }, is: { deny_delete: true } },
    stays: { to: { denyDelete: false } },
    refused: { denyDelete: 1 },
  },
  denyPurge: {
    unset: { deny_purge: false },
    given: {},
    is: { deny_purge: false },
    edit: { to: { denyPurge: true }, is: { deny_purge: true } },
    stays: { to: { denyPurge: false } },
    refused: { denyPurge: "true" },
  },
  template: {
    unset: { max_msgs: -1 },
    given: { template: "BASE" },
    is: { max_msgs: 100 },
    edit: { to: { template: "OTHER_BASE" }, is: { max_msgs: 200 } },
    stays: { to: { template: "MEMORY_BASE" }, names: "storage" },
    refused: { template: "BASE.A" },
  },
};
