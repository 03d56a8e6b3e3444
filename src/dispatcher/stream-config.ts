/*
 * A channel's stream as the server's configuration, and what a change of it would mean: pure.
 * Nanoseconds are only here and in consumer-config.ts.
 */
import type { StreamSettings, StreamSourceSettings } from "../api/settings.ts";
import type { StreamConfig, StreamInfo } from "../nats/jetstream.ts";
import type { Edit } from "./edits.ts";

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
const IMMUTABLE: readonly string[] = ["storage", "mirror"];
/** Switches that the server lets be turned on and never off. */
const ON_ONLY: readonly string[] = ["deny_delete", "deny_purge"];

/** What the server is asked for; unset fields are its defaults. */
export type ChannelStreamConfig = Partial<StreamConfig> & { name: string; subjects: string[] };

/** Gives the configuration of a channel's stream; the metadata comes from ownership. */
export function streamConfigFor(stream: StreamSettings): ChannelStreamConfig {
  const { mirror, sources } = stream;
  return {
    name: stream.name,
    // A mirror has its origin's subjects, and none of its own.
    subjects: mirror === undefined ? [stream.subject, ...stream.additionalSubjects] : [],
    retention: stream.retention,
    storage: stream.storage,
    discard: stream.discard,
    num_replicas: stream.replicas ?? 1,
    max_consumers: stream.maxConsumers ?? UNLIMITED,
    max_msgs: stream.maxMsgs ?? UNLIMITED,
    max_bytes: stream.maxBytes ?? UNLIMITED,
    max_msg_size: stream.maxMsgSize ?? UNLIMITED,
    max_msgs_per_subject: stream.maxMsgsPerSubject ?? UNLIMITED,
    max_age: nanos(stream.maxAgeMs ?? 0),
    duplicate_window: nanos(duplicateWindowMs(stream)),
    deny_delete: stream.denyDelete,
    deny_purge: stream.denyPurge,
    ...withoutUnset({
      placement: stream.placement && placementFor(stream.placement),
      mirror: mirror && sourceFor(mirror),
      sources: sources.length === 0 ? undefined : sources.map(sourceFor),
      compression: stream.compression as StreamConfig["compression"],
      allow_direct: stream.allowDirect,
      description: stream.description,
    }),
  };
}

/**
 * Lists what a stream has otherwise than its channel's spec says. An edit that the server refuses, or
 * that would drop stored events without leave, carries the reason.
 */
export function streamChanges(
  info: StreamInfo,
  wanted: ChannelStreamConfig,
  mayDropEvents: boolean,
): Edit[] {
  const changes: Edit[] = [];
  for (const [field, path] of Object.entries(FIELDS) as [keyof typeof FIELDS, string][]) {
    const from = info.config[field];
    const to = wanted[field];
    // Left to the server, or the server's answer adds detail to what was asked.
    if (to === undefined || sameValue(from, to)) continue;
    const obstacle =
      serverObstacle(field, { from, to, info, wanted }) ??
      (mayDropEvents ? undefined : droppingObstacle(field, info, wanted));
    changes.push({ field, path, from, to, obstacle });
  }
  return changes;
}

function serverObstacle(
  field: string,
  change: { from: unknown; to: unknown; info: StreamInfo; wanted: ChannelStreamConfig },
): string | undefined {
  const { from, to, info, wanted } = change;
  if (IMMUTABLE.includes(field)) return "NATS cannot change it on an existing stream";
  if (ON_ONLY.includes(field) && from === true) return "NATS cannot turn it off again";
  if (field === "retention" && (from === "workqueue" || to === "workqueue")) {
    return "NATS cannot change retention to or from Work on an existing stream";
  }
  if (field === "subjects" && (info.config.mirror ?? wanted.mirror) !== undefined) {
    return "NATS cannot make a mirror of an existing stream, or of a mirror something else";
  }
  return undefined;
}

/** Says what would be dropped of what is stored; see the annotation that allows it. */
function droppingObstacle(
  field: string,
  { state, config }: StreamInfo,
  wanted: ChannelStreamConfig,
): string | undefined {
  if (state.messages === 0) return undefined;
  if (field === "retention" && wanted.retention === "interest") {
    return "it would drop the stored events that every subscriber has acknowledged";
  }
  if (field === "max_age") return ageObstacle(state.first_ts, wanted.max_age);
  const drops = (maximum: number | undefined, has: number, what: string): string | undefined =>
    maximum !== undefined && maximum > 0 && maximum < has
      ? `it would drop stored events: the stream has ${has} ${what}`
      : undefined;
  if (field === "max_msgs_per_subject") {
    return drops(wanted.max_msgs_per_subject, state.messages, "events");
  }
  const byCount = drops(wanted.max_msgs, state.messages, "events");
  const byBytes = drops(wanted.max_bytes, state.bytes, "bytes");
  // A full stream that refuses new events begins to drop old ones.
  if (field === "discard" && wanted.discard === "old") return byCount ?? byBytes;
  // What is stored stays where new events are what is refused.
  if (config.discard === "new" && wanted.discard === "new") return undefined;
  if (field === "max_msgs") return byCount;
  return field === "max_bytes" ? byBytes : undefined;
}

function ageObstacle(firstStoredAt: string, maxAge: number | undefined): string | undefined {
  const oldestMs = Date.now() - Date.parse(firstStoredAt);
  if (maxAge === undefined || maxAge === 0 || oldestMs * NANOS_PER_MS <= maxAge) return undefined;
  // To the minute a sentence would be another one at every look; the day it was stored stays.
  return `it would drop stored events: the oldest is of ${firstStoredAt}`;
}

/** Compares as JSON does not care: key order, absent against undefined, list order of subjects. */
function sameValue(left: unknown, right: unknown): boolean {
  if (Array.isArray(right)) {
    const [a, b] = [left ?? [], right].map((list) => (list as unknown[]).map(canonical).sort());
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

function duplicateWindowMs({ duplicateWindowMs: windowMs, maxAgeMs = 0 }: StreamSettings): number {
  if (windowMs !== undefined) return windowMs;
  // The server refuses a window that is longer than the events live.
  return maxAgeMs > 0
    ? Math.min(maxAgeMs, DEFAULT_DUPLICATE_WINDOW_MS)
    : DEFAULT_DUPLICATE_WINDOW_MS;
}

/** The server takes whole nanoseconds only. */
function nanos(ms: number): number {
  return Math.round(ms * NANOS_PER_MS);
}

function placementFor({ cluster, tags }: NonNullable<StreamSettings["placement"]>) {
  return withoutUnset({
    cluster,
    tags: tags.length === 0 ? undefined : tags,
  }) as NonNullable<StreamConfig["placement"]>;
}

function sourceFor({ name, optStartSeq, optStartTime, filterSubject }: StreamSourceSettings) {
  return {
    name,
    ...withoutUnset({
      opt_start_seq: optStartSeq === undefined ? undefined : Number(optStartSeq),
      opt_start_time: optStartTime,
      filter_subject: filterSubject,
    }),
  };
}

function withoutUnset<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
