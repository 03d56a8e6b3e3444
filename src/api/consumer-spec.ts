import { z } from "zod";
import { shown } from "./faults.ts";
import {
  type AddFault,
  aboveZero,
  goDuration,
  goMsOrZero,
  refusedField,
  Sequence,
  Subject,
  Timestamp,
  withRule,
  wordOf,
} from "./fields.ts";
import { firstOverlap } from "./subjects.ts";
import { CONSUMER_TYPE, DELIVER_POLICY, meaningOf, REPLAY_POLICY } from "./words.ts";

const SampleFrequency = z
  .union([z.string(), z.number()], { error: 'a percentage like "30" or "30%" expected' })
  .superRefine((value, context) => {
    const percent = /^(\d{1,3})%?$/.exec(String(value))?.[1];
    if (percent === undefined || Number(percent) > 100) {
      const message = `a whole percentage from 0 to 100, like "30" or "30%", expected, got ${shown(value)}`;
      context.addIssue({ code: "custom", message });
    }
  });

const Maximum = z.int().min(-1);
const AboveZero = goDuration(aboveZero);

/**
 * Describes `spec.consumerConfigTemplate`: what the consumers of a channel have in common. Durations are Go's, words count in any case,
 * rates are bits per second; an explicit 0 of maxDeliver and maxAckPending means no maximum.
 */
export const ConsumerConfigTemplate = withRule(
  z.looseObject({
    deliverPolicy: wordOf(DELIVER_POLICY).optional(),
    optStartSeq: Sequence.optional(),
    optStartTime: Timestamp.optional(),
    ackWait: AboveZero.optional(),
    maxDeliver: Maximum.optional(),
    filterSubject: Subject.optional(),
    filterSubjects: z.array(Subject).optional(),
    replayPolicy: wordOf(REPLAY_POLICY).optional(),
    rateLimitBPS: z.int().min(0).optional(),
    rateLimitBps: z.int().min(0).optional(),
    sampleFrequency: SampleFrequency.optional(),
    maxAckPending: Maximum.optional(),
    replicas: z.int().min(0).max(5).optional(),
    memoryStorage: z.boolean().optional(),
    idleHeartbeat: AboveZero.optional(),
    fetchBatchSize: z.int32().min(1).optional(),
    fetchMaxWait: AboveZero.optional(),
    consumerType: wordOf(CONSUMER_TYPE).optional(),
    backoff: refusedField(
      "not taken: waiting between attempts is spec.delivery's backoffPolicy, backoffDelay and backoffMax",
    ),
    inactiveThreshold: refusedField(
      "not taken: the server would delete the consumer of an idle subscriber, and with it its position",
    ),
  }),
  (template, addFault) => {
    checkStart(template, addFault);
    checkFilters(template, addFault);
    checkRate(template, addFault);
    checkHeartbeat(template, addFault);
  },
);
export type ConsumerConfigTemplate = z.infer<typeof ConsumerConfigTemplate>;

type Unchecked = Readonly<Record<string, unknown>>;

function checkStart(template: Unchecked, addFault: AddFault): void {
  const { deliverPolicy, optStartSeq, optStartTime } = template;
  if (deliverPolicy !== undefined && typeof deliverPolicy !== "string") return;
  const policy = meaningOf(DELIVER_POLICY, deliverPolicy ?? "All");
  // An unknown policy is reported by its own field; what belongs to it cannot be said.
  if (policy === undefined) return;
  const hasSequence = optStartSeq !== undefined && !/^0+$/.test(String(optStartSeq));
  if (policy === "by_start_sequence") {
    if (!hasSequence)
      addFault(["optStartSeq"], "required (1 or more) by deliverPolicy ByStartSequence");
    return;
  }
  if (hasSequence) {
    addFault(
      ["optStartSeq"],
      `needs deliverPolicy ByStartSequence, got ${shown(deliverPolicy ?? "All")}`,
    );
  }
  if (policy === "by_start_time") {
    if (optStartTime === undefined)
      addFault(["optStartTime"], "required by deliverPolicy ByStartTime");
  } else if (optStartTime !== undefined) {
    addFault(
      ["optStartTime"],
      `needs deliverPolicy ByStartTime, got ${shown(deliverPolicy ?? "All")}`,
    );
  }
}

function checkFilters({ filterSubject, filterSubjects }: Unchecked, addFault: AddFault): void {
  const hasSeveral = Array.isArray(filterSubjects) && filterSubjects.length > 0;
  if (filterSubject !== undefined && hasSeveral) {
    addFault(["filterSubjects"], "cannot be given beside filterSubject; put all of them here");
  }
  const overlap = firstOverlap(filterSubjects);
  if (overlap !== undefined) {
    addFault(["filterSubjects"], `${overlap}: a consumer's filters cannot overlap`);
  }
}

function checkRate({ rateLimitBPS, rateLimitBps }: Unchecked, addFault: AddFault): void {
  if (rateLimitBPS !== undefined && rateLimitBps !== undefined && rateLimitBPS !== rateLimitBps) {
    addFault(["rateLimitBps"], "differs from rateLimitBPS, which is the same field; give one");
  }
}

function checkHeartbeat({ idleHeartbeat, fetchMaxWait }: Unchecked, addFault: AddFault): void {
  const expiresMs = goMsOrZero(fetchMaxWait);
  if (expiresMs > 0 && goMsOrZero(idleHeartbeat) > expiresMs / 2) {
    const given = `${shown(idleHeartbeat)} with fetchMaxWait ${shown(fetchMaxWait)}`;
    addFault(["idleHeartbeat"], `at most half of fetchMaxWait expected, got ${given}`);
  }
}
