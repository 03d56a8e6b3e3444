/*
 * A channel's stream as the server's configuration, and what a change of it would mean: pure.
 * Nanoseconds are only here and in consumer-config.ts.
 */
import type { StreamSettings, StreamSourceSettings } from "../api/settings.ts";
import type { StreamConfig, StreamInfo } from "../nats/jetstream.ts";

const NANOS_PER_MS = 1_000_000;
const DEFAULT_DUPLICATE_WINDOW_MS = 120_000;
const UNLIMITED = -1;

/** The fields of a stream that a channel decides, each with the path of its spec. */
const FIELDS = {
  subjects: "spec.stream.config.additionalSubjects",
  retention: "spec.stream.config.retention",
  storage: "spec.stream.config.storage",
  discard: "spec.stream.config.discard",
  num_replicas: "spec.stream.config.replicas",
  max_consumers: "spec.stream.config.maxConsumers",
  max_msgs: "spec.stream.config.maxMsgs",
  max_bytes: "spec.stream.config.maxBytes",
  max_msg_size: "spec.stream.config.maxMsgSize",
  max_msgs_per_subject: "spec.stream.config.maxMsgsPerSubject",
  max_age: "spec.stream.config.maxAge",
  duplicate_window: "spec.stream.config.duplicateWindow",
  placement: "spec.stream.config.placement",
  mirror: "spec.stream.config.mirror",
  sources: "spec.stream.config.sources",
  compression: "spec.stream.config.compression",
  allow_direct: "spec.stream.config.allowDirect",
  deny_delete: "spec.stream.config.denyDelete",
  deny_purge: "spec.stream.config.denyPurge",
  description: "spec.stream.config.description",
} as const;

/** Fields that the server never changes (nats-server's STREAM.UPDATE). */
const IMMUTABLE: readonly string[] = ["storage", "mirror", "max_consumers"];
/** Switches that the server lets be turned on and never off. */
const ON_ONLY: readonly string[] = ["deny_delete", "deny_purge"];

/** What the server is asked for; unset fields are its defaults. */
export type ChannelStreamConfig = Partial<StreamConfig> & { name: string; subjects: string[] };

/** Gives the configuration of a channel's stream; the metadata comes from ownership. */
export function streamConfigFor(stream: StreamSettings): ChannelStreamConfig {
  const maxAgeMs = stream.maxAgeMs ?? 0;
  const windowMs =
    stream.duplicateWindowMs ??
    // The server refuses a window that is longer than the events live.
    (maxAgeMs > 0 ? Math.min(maxAgeMs, DEFAULT_DUPLICATE_WINDOW_MS) : DEFAULT_DUPLICATE_WINDOW_MS);
  return {
    name: stream.name,
    // A mirror has its origin's subjects, and none of its own.
    subjects: stream.mirror === undefined ? [stream.subject, ...stream.additionalSubjects] : [],
    retention: stream.retention,
    storage: stream.storage,
    discard: stream.discard,
    num_replicas: stream.replicas ?? 1,
    max_consumers: stream.maxConsumers ?? UNLIMITED,
    max_msgs: stream.maxMsgs ?? UNLIMITED,
    max_bytes: stream.maxBytes ?? UNLIMITED,
    max_msg_size: stream.maxMsgSize ?? UNLIMITED,
    max_msgs_per_subject: stream.maxMsgsPerSubject ?? UNLIMITED,
    max_age: maxAgeMs * NANOS_PER_MS,
    duplicate_window: windowMs * NANOS_PER_MS,
    deny_delete: stream.denyDelete,
    deny_purge: stream.denyPurge,
    ...(stream.placement === undefined ? {} : { placement: placementFor(stream.placement) }),
    ...(stream.mirror === undefined ? {} : { mirror: sourceFor(stream.mirror) }),
    ...(stream.sources.length === 0 ? {} : { sources: stream.sources.map(sourceFor) }),
    ...(stream.compression === undefined ? {} : { compression: stream.compression }),
    ...(stream.allowDirect === undefined ? {} : { allow_direct: stream.allowDirect }),
    ...(stream.description === undefined ? {} : { description: stream.description }),
  };
}

/** A difference between what a stream is and what its channel says. */
export interface StreamChange {
  field: keyof typeof FIELDS;
  path: string;
  from: unknown;
  to: unknown;
  /** Why it is not carried out; undefined when it is. */
  obstacle: string | undefined;
}

/**
 * Lists what a stream has otherwise than its channel's spec says. A change that the server refuses,
 * or that would drop stored events without leave, carries the reason.
 */
export function streamChanges(
  info: StreamInfo,
  wanted: ChannelStreamConfig,
  mayDropEvents: boolean,
): StreamChange[] {
  const changes: StreamChange[] = [];
  for (const [field, path] of Object.entries(FIELDS) as [StreamChange["field"], string][]) {
    const from = info.config[field];
    const to = wanted[field];
    // Left to the server, or the server's answer adds detail to what was asked.
    if (to === undefined || sameValue(from, to)) continue;
    const obstacle =
      serverObstacle(field, from, to) ??
      (mayDropEvents ? undefined : droppingObstacle(info, field, to));
    changes.push({ field, path, from, to, obstacle });
  }
  return changes;
}

function serverObstacle(field: string, from: unknown, to: unknown): string | undefined {
  if (IMMUTABLE.includes(field)) return "NATS cannot change it on an existing stream";
  if (ON_ONLY.includes(field) && from === true) return "NATS cannot turn it off again";
  if (field === "retention" && (from === "workqueue" || to === "workqueue")) {
    return "NATS cannot change retention to or from Work on an existing stream";
  }
  return undefined;
}

/** Says what would be dropped of what is stored; see the annotation that allows it. */
function droppingObstacle(info: StreamInfo, field: string, to: unknown): string | undefined {
  const { state } = info;
  if (state.messages === 0) return undefined;
  const drops = (has: number, what: string): string | undefined =>
    typeof to === "number" && to > 0 && to < has
      ? `it would drop stored events: the stream has ${has} ${what}`
      : undefined;
  if (field === "retention" && to === "interest") {
    return "it would drop the stored events that every subscriber has acknowledged";
  }
  if (field === "max_msgs") return drops(state.messages, "events");
  if (field === "max_bytes") return drops(state.bytes, "bytes");
  if (field === "max_msgs_per_subject") return drops(state.messages, "events");
  if (field === "max_age") {
    const oldestMs = Date.now() - Date.parse(state.first_ts);
    return drops(oldestMs * NANOS_PER_MS, "nanoseconds of events");
  }
  return undefined;
}

/** Compares as JSON does not care: key order, absent against undefined, list order of subjects. */
function sameValue(left: unknown, right: unknown): boolean {
  if (Array.isArray(left) && Array.isArray(right)) {
    const [a, b] = [left, right].map((list) => list.map(canonical).sort());
    return JSON.stringify(a) === JSON.stringify(b);
  }
  return canonical(left ?? null) === canonical(right ?? null);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

function placementFor(placement: NonNullable<StreamSettings["placement"]>) {
  const { cluster, tags } = placement;
  return {
    ...(cluster === undefined ? {} : { cluster }),
    ...(tags.length === 0 ? {} : { tags }),
  } as NonNullable<StreamConfig["placement"]>;
}

function sourceFor(source: StreamSourceSettings) {
  const { name, optStartSeq, optStartTime, filterSubject } = source;
  return {
    name,
    ...(optStartSeq === undefined ? {} : { opt_start_seq: Number(optStartSeq) }),
    ...(optStartTime === undefined ? {} : { opt_start_time: optStartTime }),
    ...(filterSubject === undefined ? {} : { filter_subject: filterSubject }),
  };
}
