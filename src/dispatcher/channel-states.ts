import { FINALIZER } from "../api/names.ts";
import type { ChannelSettings } from "../api/settings.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Unapplied } from "./edits.ts";
import type { ChannelStatus, ServedChannel } from "./served-channel.ts";
import { specNotes, specWarnings } from "./spec-notes.ts";
import type { ServedStream } from "./stream.ts";

/** Makes the status of a channel that takes and delivers nothing. */
export function statusWithout(reason: string, message: string): ChannelStatus {
  return { ready: false, reason, message, unapplied: [], warnings: [], subscribers: new Map() };
}

/** Makes the status of a channel that has its stream; its subscribers are added one by one. */
export function statusFor(stream: ServedStream, channel: ChannelSettings): ChannelStatus {
  const { name, subjects, storage, num_replicas: replicas, retention } = stream.info.config;
  return {
    ready: true,
    stream: { name, subjects: subjects ?? [], storage, replicas, retention, origin: stream.origin },
    unapplied: [...specNotes(channel), ...stream.unapplied],
    warnings: specWarnings(channel, stream),
    subscribers: new Map(),
  };
}

/** Makes the status of a deleted channel that waits because its stream cannot be deleted. */
export function notDeleted({ channel }: ServedChannel, why: string): ChannelStatus {
  const { name } = channel.stream;
  return statusWithout(
    "StreamNotDeleted",
    `stream ${name} of the deleted channel cannot be deleted: ${why}; it is tried again, and to leave the stream behind remove the finalizer ${FINALIZER}`,
  );
}

/** Logs what a reconcile has found that the one before had not. */
export function logNotes(
  before: ChannelStatus,
  after: ChannelStatus,
  key: string,
  log: Logger,
): void {
  const known = new Set([...before.unapplied, ...before.warnings].map(({ reason }) => reason));
  const areNew = ({ reason }: Unapplied): boolean => !known.has(reason);
  for (const { path, reason } of after.unapplied.filter(areNew)) {
    log.warn({ channel: key, path, reason }, "edit is not applied");
  }
  for (const { path, reason } of after.warnings.filter(areNew)) {
    log.warn({ channel: key, path, reason }, "channel is served, with a risk");
  }
}
