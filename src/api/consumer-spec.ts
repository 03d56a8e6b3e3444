import { z } from "zod";
import { isGoDuration } from "./cluster-rules.ts";
import { shown } from "./faults.ts";
import {
  type AddFault,
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
  })
  .meta({ pattern: "^(0?[0-9]{1,2}|100)%?$", minimum: 0, maximum: 100 });

const Rate = z.int().min(0).optional();

const NO_BACKOFF =
  "not taken: waiting between attempts is spec.delivery's backoffPolicy, backoffDelay and backoffMax";
const NO_THRESHOLD =
  "not taken: the server would delete the consumer of an idle subscriber, and with it its position";

// Bounds of the API server, which has to know what a rule on each item may cost.
const MOST_FILTERS = 500;

const BESIDE_FILTER = "cannot be given beside filterSubject; put all of them here";
const OTHER_RATE = "differs from rateLimitBPS, which is the same field; give one";

const HAS_SEQUENCE =
  "has(self.optStartSeq) && (type(self.optStartSeq) == int ? self.optStartSeq > 0 : self.optStartSeq.matches('[1-9]'))";

/**
 * Describes `spec.consumerConfigTemplate`: what the consumers of a channel have in common. Durations are Go's, words count in any case,
 * rates are bits per second; an explicit 0 of maxDeliver and maxAckPending means no maximum, one of a duration that it is unset.
 */
export const ConsumerConfigTemplate = withRule(
  z.looseObject({
    deliverPolicy: wordOf(DELIVER_POLICY)
      .optional()
      .describe(
        "Where a new subscriber begins: All (default) with the oldest event, Last with the newest, New with the next, ByStartSequence or ByStartTime. It counts when its consumer is made.",
      ),
    optStartSeq: Sequence.optional().describe(
      "Sequence of the first event, with deliverPolicy ByStartSequence, as a number or a text.",
    ),
    optStartTime: Timestamp.optional().describe(
      "Time of the first event, with deliverPolicy ByStartTime (RFC 3339, like 2026-01-31T12:00:00Z).",
    ),
    ackWait: goDuration()
      .optional()
      .describe(
        "How long an event may stay with a dispatcher that says nothing of it, until it is delivered again: a Go duration; 30s where it is 0 or unset, 1s where it is less than that.",
      ),
    maxDeliver: z
      .int()
      .min(-1)
      .optional()
      .describe(
        "Cap of the attempts that spec.delivery's retry allows; 0, -1 or unset: no cap. An event whose attempts are used up goes to the dead-letter sink.",
      ),
    filterSubject: Subject.optional().describe(
      "Only events with this subject are delivered; * stands for one token, > for all the rest.",
    ),
    filterSubjects: z
      .array(Subject)
      .max(MOST_FILTERS)
      .optional()
      .describe(
        "Several such subjects, none of which may overlap with another one; not beside filterSubject.",
      ),
    replayPolicy: wordOf(REPLAY_POLICY)
      .optional()
      .describe(
        "Instant (default): as fast as the subscriber takes them. Original: with the pauses in which the events came.",
      ),
    rateLimitBPS: Rate.describe("Bits per second for one subscriber; 0 or unset: no limit."),
    rateLimitBps: Rate.describe("The same field as rateLimitBPS, in another spelling."),
    sampleFrequency: SampleFrequency.optional().describe(
      "Percentage of acknowledgements of which the server publishes a sample, like 30 or 30%.",
    ),
    maxAckPending: z
      .int()
      .min(-1)
      .optional()
      .describe(
        "Most events of one subscriber that may be under way or wait for another attempt; 1000 where it is unset, 0 or -1: no maximum.",
      ),
    replicas: z
      .int()
      .min(0)
      .max(5)
      .optional()
      .describe(
        "Servers that hold a copy of a consumer's state, 1 to 5; 0 or unset: as the stream.",
      ),
    memoryStorage: z
      .boolean()
      .optional()
      .describe(
        "Whether the state of new consumers is only in memory: they forget their position when the server restarts.",
      ),
    idleHeartbeat: goDuration()
      .optional()
      .describe(
        "How often the server says that nothing is there: a Go duration, at most half of fetchMaxWait.",
      ),
    fetchBatchSize: z.int32().min(1).optional().describe("Most events that are asked for at once."),
    fetchMaxWait: goDuration()
      .optional()
      .describe(
        "How long one such request stays open while nothing comes: a Go duration. One that follows events: 2s at most.",
      ),
    consumerType: wordOf(CONSUMER_TYPE)
      .optional()
      .describe("Pull or Push. Delivery is by pull either way, which does all that push does."),
    backoff: refusedField(NO_BACKOFF, { type: "array", items: { type: "string" } }).describe(
      "Not taken: waiting between attempts is spec.delivery's.",
    ),
    inactiveThreshold: refusedField(NO_THRESHOLD, { type: "string" }).describe(
      "Not taken: the server would delete the consumer of an idle subscriber.",
    ),
  }),
  (template, addFault) => {
    checkStart(template, addFault);
    checkFilters(template, addFault);
    checkRate(template, addFault);
    checkHeartbeat(template, addFault);
  },
  {
    rule: `(${startsBy("sequence")}) == (${HAS_SEQUENCE})`,
    message: "required (1 or more) by deliverPolicy ByStartSequence, and taken by no other",
    fieldPath: ".optStartSeq",
  },
  {
    rule: `${startsBy("sequence")} || (${startsBy("time")}) == has(self.optStartTime)`,
    message: "required by deliverPolicy ByStartTime, and taken by no other",
    fieldPath: ".optStartTime",
  },
  {
    rule: "!has(self.filterSubject) || !has(self.filterSubjects) || size(self.filterSubjects) == 0",
    message: BESIDE_FILTER,
    fieldPath: ".filterSubjects",
  },
  {
    rule: "!has(self.rateLimitBPS) || !has(self.rateLimitBps) || self.rateLimitBPS == self.rateLimitBps",
    message: OTHER_RATE,
    fieldPath: ".rateLimitBps",
  },
  {
    rule: `!has(self.idleHeartbeat) || !has(self.fetchMaxWait) || !${isGoDuration("self.idleHeartbeat")} || !${isGoDuration("self.fetchMaxWait")} || duration(self.fetchMaxWait) == duration('0s') || duration(self.idleHeartbeat) + duration(self.idleHeartbeat) <= duration(self.fetchMaxWait)`,
    message: "at most half of fetchMaxWait expected",
    fieldPath: ".idleHeartbeat",
  },
);
export type ConsumerConfigTemplate = z.infer<typeof ConsumerConfigTemplate>;

function startsBy(what: "sequence" | "time"): string {
  return `has(self.deliverPolicy) && self.deliverPolicy.lowerAscii() == 'bystart${what}'`;
}

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
    addFault(["filterSubjects"], BESIDE_FILTER);
  }
  const overlap = firstOverlap(filterSubjects);
  if (overlap !== undefined) {
    addFault(["filterSubjects"], `${overlap}: a consumer's filters cannot overlap`);
  }
}

function checkRate({ rateLimitBPS, rateLimitBps }: Unchecked, addFault: AddFault): void {
  if (rateLimitBPS !== undefined && rateLimitBps !== undefined && rateLimitBPS !== rateLimitBps) {
    addFault(["rateLimitBps"], OTHER_RATE);
  }
}

function checkHeartbeat({ idleHeartbeat, fetchMaxWait }: Unchecked, addFault: AddFault): void {
  const expiresMs = goMsOrZero(fetchMaxWait);
  if (expiresMs > 0 && goMsOrZero(idleHeartbeat) > expiresMs / 2) {
    const given = `${shown(idleHeartbeat)} with fetchMaxWait ${shown(fetchMaxWait)}`;
    addFault(["idleHeartbeat"], `at most half of fetchMaxWait expected, got ${given}`);
  }
}
