import { NANOS_PER_MS, type StreamInfo } from "../nats/jetstream.ts";
import { isSameValue } from "./same-value.ts";
import { STREAM_FIELDS } from "./stream-changes.ts";
import { withoutServersOwn } from "./stream-ownership.ts";

/** What somebody did to a stream. */
export interface Drift {
  found: "deleted" | "made again" | "changed";
  changes?: { field: string; from: unknown; to: unknown }[];
}

/** Tells what became of a stream since it was left; undefined when nothing that a channel decides. */
export function driftOf(left: StreamInfo, now: StreamInfo | undefined): Drift | undefined {
  if (now === undefined) return { found: "deleted" };
  if (now.created !== left.created) return { found: "made again" };
  const changes = changesBetween(left, now);
  return changes.length === 0 ? undefined : { found: "changed", changes };
}

/**
 * Counts the events that are gone from a stream since an earlier look and that none of its limits can
 * have taken: somebody purged it or deleted them. 0 where the stream drops events by itself (retention
 * Interest and Work, a full stream, events that are old enough, roll-ups), for there it cannot be told.
 */
export function removedByHand(before: StreamInfo, now: StreamInfo): number {
  const { config, state } = now;
  const stored = state.last_seq - before.state.last_seq;
  const missing = before.state.messages + stored - state.messages;
  if (missing <= 0) return 0;
  const isOther = before.created !== now.created || changesBetween(before, now).length > 0;
  const dropsByItself =
    config.retention !== "limits" ||
    config.mirror !== undefined ||
    config.allow_rollup_hdrs === true ||
    config.allow_msg_ttl === true;
  return isOther || dropsByItself || isByLimit(before, now) ? 0 : missing;
}

function isByLimit(before: StreamInfo, { config, state }: StreamInfo): boolean {
  const oldestMs = Date.now() - Date.parse(before.state.first_ts);
  if (config.max_age > 0 && oldestMs * NANOS_PER_MS >= config.max_age) return true;
  if (state.messages === 0) return false;
  if (config.max_msgs > 0 && state.messages >= config.max_msgs) return true;
  // How large the next event was that did not fit is not known.
  return config.max_bytes > 0 || config.max_msgs_per_subject > 0;
}

function changesBetween(left: StreamInfo, now: StreamInfo): NonNullable<Drift["changes"]> {
  const changes: NonNullable<Drift["changes"]> = [];
  for (const field of STREAM_FIELDS) {
    const [from, to] = [left.config[field], now.config[field]];
    if (!isSameValue(field, from, to)) changes.push({ field, from, to });
  }
  const [from, to] = [left, now].map(({ config }) => withoutServersOwn(config.metadata));
  if (!isSameValue("metadata", from, to)) changes.push({ field: "metadata", from, to });
  return changes;
}
