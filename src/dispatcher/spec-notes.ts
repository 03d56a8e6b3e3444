import type { ChannelSettings, StreamSettings } from "../api/settings.ts";
import { subjectsOverlap } from "../api/subjects.ts";
import type { StreamInfo } from "../nats/jetstream.ts";
import { SHORTEST_ACK_WAIT_MS } from "./consumer-config.ts";
import type { Unapplied } from "./edits.ts";
import type { ServedStream } from "./stream.ts";

/** Lists fields of a channel that are accepted and have no effect, each with what happens instead. */
export function specNotes({ consumer }: ChannelSettings): Unapplied[] {
  const notes: Unapplied[] = [];
  if (consumer.consumerType === "push") {
    notes.push({
      path: "spec.consumerConfigTemplate.consumerType",
      reason: "delivery is by pull, which does all that push does",
    });
  }
  const { ackWaitMs = SHORTEST_ACK_WAIT_MS } = consumer;
  if (ackWaitMs < SHORTEST_ACK_WAIT_MS) {
    notes.push({
      path: "spec.consumerConfigTemplate.ackWait",
      reason: `${ackWaitMs}ms is below what can be kept without second copies; 1s is in effect`,
    });
  }
  return notes;
}

/** Lists what of a channel is as it says and may do harm, each with what to do. */
export function specWarnings(
  { consumer, stream }: ChannelSettings,
  { info, origin }: Pick<ServedStream, "info" | "origin">,
): Unapplied[] {
  const warnings: Unapplied[] = [];
  // The limits of an adopted stream are its owner's.
  if (origin !== "adopted" && !hasLimit(info)) {
    warnings.push({
      path: "spec.stream.config",
      reason: `${withoutLimit(info)}; set maxAge, maxBytes or maxMsgs`,
    });
  }
  for (const filter of unmatchedFilters(consumer.filterSubjects, stream, info)) {
    warnings.push({
      path: "spec.consumerConfigTemplate.filterSubject",
      reason: `"${filter}" matches no subject of the stream (${info.config.subjects.join(", ")}), and selects no event`,
    });
  }
  if (consumer.memoryStorage) {
    warnings.push({
      path: "spec.consumerConfigTemplate.memoryStorage",
      reason: "new consumers forget their position when the server restarts",
    });
  }
  return warnings;
}

/** What a mirror or sources bring has subjects that are not the stream's. */
function unmatchedFilters(
  filters: readonly string[],
  { mirror, sources }: StreamSettings,
  { config }: StreamInfo,
): string[] {
  const { subjects } = config as Partial<StreamInfo["config"]>;
  const isCopy = mirror !== undefined || sources.length > 0 || config.mirror || config.sources;
  if (isCopy || subjects === undefined) return [];
  return filters.filter((filter) => !subjects.some((subject) => subjectsOverlap(subject, filter)));
}

function hasLimit({ config }: StreamInfo): boolean {
  const { max_age: age, max_bytes: bytes, max_msgs: events, subjects } = config;
  if (age > 0 || bytes > 0 || events > 0) return true;
  // Of a subject with a wildcard there are as many as somebody thinks of; a mirror has its origin's.
  const areCounted = subjects?.every((subject) => !/[*>]/.test(subject)) ?? false;
  return config.max_msgs_per_subject > 0 && areCounted;
}

function withoutLimit({ config: { retention, storage } }: StreamInfo): string {
  const place = storage === "memory" ? "the server's memory" : "the disk";
  return retention === "limits"
    ? `the stream has no limit and keeps every event until ${place} is full`
    : `the stream has no limit, and while a subscriber is away its events fill ${place}`;
}
