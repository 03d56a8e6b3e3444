/*
 * What a stream has otherwise than its channel says, and what a change of it would mean: pure. Called by
 * stream.ts, which has the edits carried out (edits.ts).
 */
import type { StreamSettings } from "../api/settings.ts";
import { subjectsOverlap } from "../api/subjects.ts";
import { NANOS_PER_MS, type StreamInfo } from "../nats/jetstream.ts";
import type { Edit } from "./edits.ts";
import { isSameValue } from "./same-value.ts";
import {
  type ChannelStreamConfig,
  DEFAULT_DUPLICATE_WINDOW,
  saidConfigFor,
} from "./stream-config.ts";

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
  no_ack: "spec.stream.config.noAck",
  placement: "spec.stream.config.placement",
  mirror: "spec.stream.config.mirror",
  sources: "spec.stream.config.sources",
  compression: "spec.stream.config.compression",
  allow_direct: "spec.stream.config.allowDirect",
  deny_delete: "spec.stream.config.denyDelete",
  deny_purge: "spec.stream.config.denyPurge",
  description: "spec.stream.config.description",
} as const;

/** A field of a stream that a channel decides. */
export type StreamField = keyof typeof FIELDS;

/** Lists those fields. */
export const STREAM_FIELDS = Object.keys(FIELDS) as StreamField[];

/** Switches that the server lets be turned on and never off. */
const ON_ONLY: readonly string[] = ["deny_delete", "deny_purge"];
/** What a stream that is no mirror any more has to have at once. */
const GOES_WITH_MIRROR = ["subjects", "duplicate_window"] as const;

/**
 * Lists what a stream has otherwise than its channel's spec says. An edit that the server refuses, or
 * that would drop stored events without leave, carries the reason.
 */
export function streamChanges(
  info: StreamInfo,
  wanted: ChannelStreamConfig,
  mayDropEvents: boolean,
): Edit[] {
  const { config } = info;
  const endsMirror = config.mirror !== undefined && wanted.mirror === undefined;
  // Nothing is published to a mirror, so it looks for no duplicates.
  const ofMirror: readonly StreamField[] = endsMirror ? GOES_WITH_MIRROR : ["duplicate_window"];
  const skipped = config.mirror === undefined ? [] : ofMirror;
  const isOther = (field: StreamField) =>
    !isSameValue(field, config[field], wanted[field] ?? defaultOf(field, wanted));
  return STREAM_FIELDS.filter((field) => !skipped.includes(field) && isOther(field)).map(
    (field) => {
      const [from, to] = [config[field], wanted[field]];
      const obstacle =
        serverObstacle(field, { from, to, wanted }) ??
        (mayDropEvents ? undefined : droppingObstacle(field, info, wanted));
      const isReset = defaultOf(field, wanted) !== undefined && to === undefined;
      const edit = {
        ...{ field, path: FIELDS[field], from, to, obstacle },
        ...(isReset ? { isReset } : {}),
      };
      return field === "mirror" && endsMirror
        ? { ...edit, with: pick(wanted, GOES_WITH_MIRROR) }
        : edit;
    },
  );
}

/** Lists the edit of the metadata, if there is one; nobody's own and the server's are left out of both. */
export function metadataChanges(from: Record<string, string>, to: Record<string, string>): Edit[] {
  const path = "spec.stream.config.metadata";
  if (isSameValue("metadata", from, to)) return [];
  return [{ field: "metadata", path, from, to, obstacle: undefined }];
}

/** Lists what a channel says of a stream that is not its own and that is otherwise: none of it is carried out. */
export function adoptedChanges({ config }: StreamInfo, stream: StreamSettings): Edit[] {
  const obstacle = "the stream is adopted: its settings are its owner's";
  const { additionalSubjects, metadata, template } = stream;
  const said = saidConfigFor(stream);
  const edits: Edit[] = STREAM_FIELDS.filter(
    (field) => said[field] !== undefined && !isSameValue(field, said[field], config[field]),
  ).map((field) => ({
    field,
    path: FIELDS[field],
    from: config[field],
    to: said[field],
    obstacle,
  }));
  const path = "spec.stream.config.";
  const subjects = config.subjects ?? [];
  if (!additionalSubjects.every((one) => subjects.some((has) => subjectsOverlap(has, one)))) {
    const [field, to] = ["subjects", additionalSubjects];
    edits.push({ field, path: FIELDS.subjects, from: subjects, to, obstacle });
  }
  const others = Object.entries(metadata).filter(
    ([key, value]) => config.metadata?.[key] !== value,
  );
  if (others.length > 0) {
    const [field, to] = ["metadata", Object.fromEntries(others)];
    edits.push({ field, path: `${path}metadata`, from: undefined, to, obstacle });
  }
  if (template !== undefined) {
    const [field, to] = ["template", template];
    edits.push({ field, path: `${path}template`, from: undefined, to, obstacle });
  }
  return edits;
}

/** Gives what the server most likely chooses itself, where that is left to it. */
function defaultOf(field: StreamField, { max_age: maxAge }: ChannelStreamConfig): unknown {
  if (field !== "duplicate_window") return undefined;
  return Math.min(maxAge || Infinity, DEFAULT_DUPLICATE_WINDOW);
}

function serverObstacle(
  field: StreamField,
  { from, to, wanted }: { from: unknown; to: unknown; wanted: ChannelStreamConfig },
): string | undefined {
  // Without its origin a mirror goes on by itself, on servers that can (2.12); with another it cannot.
  if (field === "storage" || (field === "mirror" && to !== undefined)) {
    return "NATS cannot change it on an existing stream";
  }
  if (ON_ONLY.includes(field) && from === true) return "NATS cannot turn it off again";
  if (field === "retention" && (from === "workqueue" || to === "workqueue")) {
    return "NATS cannot change retention to or from Work on an existing stream";
  }
  if (field === "subjects" && wanted.mirror !== undefined) {
    return "NATS cannot make a mirror of an existing stream";
  }
  return undefined;
}

/** Says what would be dropped of what is stored; see the annotation that allows it. */
function droppingObstacle(
  field: StreamField,
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

function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<T, K>;
}
