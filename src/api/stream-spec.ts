import { z } from "zod";
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
  zeroOr100Ms,
} from "./fields.ts";
import { OWNER_KEY_PREFIX } from "./ownership.ts";
import { firstOverlap } from "./subjects.ts";
import { COMPRESSION, DELETION_POLICY, DISCARD, RETENTION, STORAGE } from "./words.ts";

// The server takes -1 for "no maximum"; so does a channel, beside 0.
const Limit = z.int().min(-1);
const Limit32 = z.int32().min(-1);

const StreamSource = z.looseObject({
  name: StreamName,
  optStartSeq: Sequence.optional(),
  optStartTime: Timestamp.optional(),
  filterSubject: Subject.optional(),
});
export type StreamSource = z.infer<typeof StreamSource>;

const StreamConfig = withRule(
  z.looseObject({
    additionalSubjects: z.array(Subject).optional(),
    retention: wordOf(RETENTION).optional(),
    storage: wordOf(STORAGE).optional(),
    discard: wordOf(DISCARD).optional(),
    replicas: z.int().min(0).max(5).optional(),
    maxConsumers: Limit32.optional(),
    maxMsgs: Limit.optional(),
    maxBytes: Limit.optional(),
    maxMsgSize: Limit32.optional(),
    maxMsgsPerSubject: Limit.optional(),
    maxAge: goDuration(zeroOr100Ms).optional(),
    duplicateWindow: goDuration(zeroOr100Ms).optional(),
    noAck: z
      .boolean()
      .refine((noAck) => !noAck, {
        error:
          "false expected, got true: a stream that never acknowledges cannot give the 202 that a channel answers once an event is stored",
      })
      .optional(),
    placement: z
      .looseObject({ cluster: z.string().optional(), tags: z.array(z.string()).optional() })
      .optional(),
    mirror: StreamSource.optional(),
    sources: z.array(StreamSource).optional(),
    compression: wordOf(COMPRESSION).optional(),
    allowDirect: z.boolean().optional(),
    description: z.string().max(4096).optional(),
    metadata: z.record(z.string(), z.string()).optional(),
    denyDelete: z.boolean().optional(),
    denyPurge: z.boolean().optional(),
    template: StreamName.optional(),
  }),
  (config, addFault) => {
    checkWindow(config, addFault);
    checkMirror(config, addFault);
    checkSubjects(config, addFault);
    checkMetadata(config, addFault);
  },
);
export type StreamConfig = z.infer<typeof StreamConfig>;

/**
 * Describes `spec.stream`: the JetStream stream that keeps a channel's events. Durations are Go's, words count in any case, sizes are
 * bytes; unset means the server's default, and an explicit 0 of a maximum means none.
 */
export const StreamSpec = z.looseObject({
  overrideName: StreamName.optional(),
  deletionPolicy: wordOf(DELETION_POLICY).optional(),
  config: StreamConfig.optional(),
});
export type StreamSpec = z.infer<typeof StreamSpec>;

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
  const why = "cannot be given beside mirror: a mirror takes its events from one stream only";
  if (isFilled(additionalSubjects)) addFault(["additionalSubjects"], why);
  if (isFilled(sources)) addFault(["sources"], why);
}

function checkSubjects({ additionalSubjects }: Unchecked, addFault: AddFault): void {
  const overlap = firstOverlap(additionalSubjects);
  if (overlap !== undefined) {
    addFault(["additionalSubjects"], `${overlap}: a stream's subjects cannot overlap`);
  }
}

function checkMetadata({ metadata }: Unchecked, addFault: AddFault): void {
  if (typeof metadata !== "object" || metadata === null) return;
  for (const key of Object.keys(metadata)) {
    if (key.startsWith("_nats.") || key.startsWith(OWNER_KEY_PREFIX)) {
      addFault(
        ["metadata", key],
        `reserved: keys with "_nats." and "${OWNER_KEY_PREFIX}" are not yours`,
      );
    }
  }
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}
