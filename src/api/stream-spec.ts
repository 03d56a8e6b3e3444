import { z } from "zod";
import { clusterRules, isGoDuration } from "./cluster-rules.ts";
import { shown } from "./faults.ts";
import {
  type AddFault,
  goDuration,
  goMsOrZero,
  Sequence,
  StreamName,
  Subject,
  Timestamp,
  withRule,
  wordOf,
  ZERO_OR_100_MS,
} from "./fields.ts";
import { OWNER_KEY_PREFIX } from "./ownership.ts";
import { firstOverlap } from "./subjects.ts";
import { COMPRESSION, DELETION_POLICY, DISCARD, RETENTION, STORAGE } from "./words.ts";

// Bounds of the API server, which has to know what a rule on each item may cost.
const MOST_SUBJECTS = 500;
const MOST_SOURCES = 500;
/** Keys and values together; the server takes twice as much, our own included. */
const MOST_METADATA_BYTES = 65_536;

const NO_ACK =
  "false expected, got true: a stream that never acknowledges cannot give the 202 that a channel answers once an event is stored";
const BESIDE_MIRROR =
  "cannot be given beside mirror: a mirror takes its events from one stream only";
const RESERVED_KEYS = `reserved: keys with "_nats." and "${OWNER_KEY_PREFIX}" are not yours`;

const StreamSource = z.looseObject({
  name: StreamName.describe("Name of the stream that events are copied from."),
  optStartSeq: Sequence.optional().describe(
    "Sequence of the first event to copy, as a number or a text. It wins over optStartTime; 0 counts as unset.",
  ),
  optStartTime: Timestamp.optional().describe(
    "Time from which on events are copied (RFC 3339, like 2026-01-31T12:00:00Z).",
  ),
  filterSubject: Subject.optional().describe(
    "Only events with this subject are copied; * stands for one token, > for all the rest.",
  ),
});
export type StreamSource = z.infer<typeof StreamSource>;

const StreamConfig = withRule(
  z.looseObject({
    additionalSubjects: z
      .array(Subject)
      .max(MOST_SUBJECTS)
      .optional()
      .describe(
        "Subjects that the stream takes beside the channel's own, for native NATS producers. None may overlap with another one.",
      ),
    retention: wordOf(RETENTION)
      .optional()
      .describe(
        "Limits (default): an event stays until a maximum is reached. Interest: until every subscriber has it. Work: until one has it. An existing stream cannot change to or from Work.",
      ),
    storage: wordOf(STORAGE)
      .optional()
      .describe("File (default) or Memory. An existing stream cannot change it."),
    discard: wordOf(DISCARD)
      .optional()
      .describe(
        "What goes when a maximum is reached. Old (default): the oldest events. New: new ones are refused, and their senders get 503.",
      ),
    replicas: z
      .int()
      .min(0)
      .max(5)
      .optional()
      .describe("Servers that hold a copy of the stream, 1 to 5; 0 counts as unset, which is 1."),
    maxConsumers: maximum32("consumers, one for each subscriber"),
    maxMsgs: maximum("events in the stream"),
    maxBytes: maximum("bytes in the stream"),
    maxMsgSize: maximum32("bytes of one event, its headers included"),
    maxMsgsPerSubject: maximum(
      "events of one subject; the channel's own events have all one subject",
    ),
    maxAge: goDuration(ZERO_OR_100_MS)
      .optional()
      .describe(
        "How long an event is kept: a Go duration like 168h, at least 100ms; 0 (default) for ever.",
      ),
    duplicateWindow: goDuration(ZERO_OR_100_MS)
      .optional()
      .describe(
        "How long the server remembers an event to tell a duplicate of it: a Go duration, at most maxAge; 2m where it is 0 or unset, or maxAge where that is shorter.",
      ),
    noAck: z
      .boolean()
      .refine((noAck) => !noAck, { error: NO_ACK })
      .meta(clusterRules({ rule: "!self", message: NO_ACK }))
      .optional()
      .describe(
        "Must be false, since a channel answers 202 only for what the stream has acknowledged.",
      ),
    placement: z
      .looseObject({
        cluster: z.string().optional().describe("Name of the NATS cluster."),
        tags: z.array(z.string()).optional().describe("Tags that a server must have, all of them."),
      })
      .optional()
      .describe("Which servers may hold the stream."),
    mirror: StreamSource.optional().describe(
      "The one stream that this stream is a copy of. A mirror takes no events from senders. It cannot be added, changed or removed later.",
    ),
    sources: z
      .array(StreamSource)
      .max(MOST_SOURCES)
      .optional()
      .describe("Streams whose events are copied into this stream, beside those of senders."),
    compression: wordOf(COMPRESSION)
      .optional()
      .describe("None (the server's default) or S2, for what is kept in files."),
    allowDirect: z
      .boolean()
      .optional()
      .describe(
        "Whether every replica may answer reads of single events, and not only the leader.",
      ),
    description: z
      .string()
      .max(4096)
      .optional()
      .describe("What the stream is for, shown by NATS' tools."),
    metadata: z
      .record(z.string(), z.string())
      .optional()
      .describe(
        "Texts kept with the stream, 65536 bytes in all at most. Keys that begin with _nats. or messaging.knative.dev/jetstream-channel. are reserved.",
      ),
    denyDelete: z
      .boolean()
      .optional()
      .describe("Whether single events cannot be deleted through NATS. Once true, it stays true."),
    denyPurge: z
      .boolean()
      .optional()
      .describe("Whether the stream cannot be purged through NATS. Once true, it stays true."),
    template: StreamName.optional().describe(
      "Name of another stream of the account, not the channel's own, whose settings count for what is unset here.",
    ),
  }),
  (config, addFault) => {
    checkWindow(config, addFault);
    checkMirror(config, addFault);
    checkSubjects(config, addFault);
    checkMetadata(config, addFault);
  },
  {
    rule: `!has(self.maxAge) || !has(self.duplicateWindow) || !${isGoDuration("self.maxAge")} || !${isGoDuration("self.duplicateWindow")} || duration(self.maxAge) == duration('0s') || duration(self.duplicateWindow) <= duration(self.maxAge)`,
    message: "at most maxAge expected",
    fieldPath: ".duplicateWindow",
  },
  {
    rule: "!has(self.mirror) || !has(self.additionalSubjects) || size(self.additionalSubjects) == 0",
    message: BESIDE_MIRROR,
    fieldPath: ".additionalSubjects",
  },
  {
    rule: "!has(self.mirror) || !has(self.sources) || size(self.sources) == 0",
    message: BESIDE_MIRROR,
    fieldPath: ".sources",
  },
  {
    rule: `!has(self.metadata) || self.metadata.all(key, !key.startsWith('_nats.') && !key.startsWith('${OWNER_KEY_PREFIX}'))`,
    message: RESERVED_KEYS,
    fieldPath: ".metadata",
  },
);
export type StreamConfig = z.infer<typeof StreamConfig>;

/**
 * Describes `spec.stream`: the JetStream stream that keeps a channel's events. Durations are Go's, words count in any case, sizes are
 * bytes; unset means the server's default, and an explicit 0 of a maximum means none.
 */
export const StreamSpec = z.looseObject({
  overrideName: StreamName.optional().describe(
    "Name of the stream; unset: KN_<NAMESPACE>__<NAME>. A stream of this name that exists already is used as it is, and never deleted. When it changes, the events of the stream before stay there.",
  ),
  deletionPolicy: wordOf(DELETION_POLICY)
    .optional()
    .describe(
      "What becomes of the stream and its events when the channel is deleted: Delete (default) or Retain.",
    ),
  config: StreamConfig.optional().describe("How the stream keeps events."),
});
export type StreamSpec = z.infer<typeof StreamSpec>;

// The server takes -1 for "no maximum"; so does a channel, beside 0.
function maximum(of: string) {
  return z.int().min(-1).optional().describe(`At most so many ${of}; 0, -1 or unset: no maximum.`);
}

function maximum32(of: string) {
  return z
    .int32()
    .min(-1)
    .optional()
    .describe(`At most so many ${of}; 0, -1 or unset: no maximum.`);
}

type Unchecked = Readonly<Record<string, unknown>>;

function checkWindow({ maxAge, duplicateWindow }: Unchecked, addFault: AddFault): void {
  const [ageMs, windowMs] = [goMsOrZero(maxAge), goMsOrZero(duplicateWindow)];
  if (ageMs > 0 && windowMs > ageMs) {
    const given = `${shown(duplicateWindow)} with maxAge ${shown(maxAge)}`;
    addFault(["duplicateWindow"], `at most maxAge expected, got ${given}`);
  }
}

function checkMirror({ mirror, additionalSubjects, sources }: Unchecked, addFault: AddFault): void {
  if (mirror === undefined) return;
  if (isFilled(additionalSubjects)) addFault(["additionalSubjects"], BESIDE_MIRROR);
  if (isFilled(sources)) addFault(["sources"], BESIDE_MIRROR);
}

function checkSubjects({ additionalSubjects }: Unchecked, addFault: AddFault): void {
  const overlap = firstOverlap(additionalSubjects);
  if (overlap !== undefined) {
    addFault(["additionalSubjects"], `${overlap}: a stream's subjects cannot overlap`);
  }
}

function checkMetadata({ metadata }: Unchecked, addFault: AddFault): void {
  if (typeof metadata !== "object" || metadata === null) return;
  const bytes = new TextEncoder().encode(Object.entries(metadata).flat().join("")).length;
  if (bytes > MOST_METADATA_BYTES) {
    addFault(
      ["metadata"],
      `at most ${MOST_METADATA_BYTES} bytes of keys and values expected, got ${bytes}`,
    );
  }
  for (const key of Object.keys(metadata)) {
    if (key.startsWith("_nats.") || key.startsWith(OWNER_KEY_PREFIX)) {
      addFault(["metadata", key], RESERVED_KEYS);
    }
  }
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}
