import { FINALIZER } from "../api/names.ts";
import type { ChannelSettings } from "../api/settings.ts";
import type { NatsClient } from "../nats/client.ts";
import type { StreamInfo } from "../nats/jetstream.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Unapplied } from "./edits.ts";
import type { ChannelStatus, ServedChannel } from "./served-channel.ts";
import { specNotes, specWarnings } from "./spec-notes.ts";
import type { ServedStream } from "./stream.ts";
import type { StreamContext } from "./stream-ownership.ts";

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

/** Adds edits of subscribers' consumers; the same one of several subscribers is one. */
export function addUnapplied({ unapplied }: ChannelStatus, more: readonly Unapplied[]): void {
  const known = new Set(unapplied.map(keyOf));
  unapplied.push(...more.filter((one) => !known.has(keyOf(one))));
}

/** Lists what the channel's login may not do, as far as the connection has found out lately. */
export function deniedWarnings({ channel, client }: ServedChannel): Unapplied[] {
  const denied = `publish to "${channel.stream.subject}"`;
  if (!client.connection.state.denied.includes(denied)) return [];
  const path = channel.login === undefined ? "auth" : "spec.auth";
  return [{ path, reason: `the login may not ${denied}, and events are refused` }];
}

/**
 * Makes the status of a channel that could not be reconciled this time. One that is served stays so; of
 * one with a login of its own that never was, it is that login's or its account's fault.
 */
export function failedStatus({ channel, status }: ServedChannel, why: string): ChannelStatus {
  if (status.ready || channel.login === undefined) return { ...status, message: why };
  return statusWithout("LoginFailed", `spec.auth: with this login it fails: ${why}`);
}

/** Says that another login is waited for, and why. */
export function loginNote(next: NatsClient): Unapplied {
  const { lastError = "it is being tried" } = next.connection.state;
  const reason = `the login before stays in use until this one works: ${lastError}`;
  return { path: "spec.auth", reason };
}

/** Makes the status of a deleted channel that waits because its stream cannot be deleted. */
export function notDeleted({ channel }: ServedChannel, why: string): ChannelStatus {
  const { name } = channel.stream;
  return statusWithout(
    "StreamNotDeleted",
    `stream ${name} of the deleted channel cannot be deleted: ${why}; it is tried again, and to leave the stream behind remove the finalizer ${FINALIZER}`,
  );
}

/** Notes that the stream that was there before, if there was one, is gone: deleted, or in memory that is lost. */
export function noteStreamMadeAgain(
  before: StreamInfo | undefined,
  now: StreamInfo,
  { note, log }: StreamContext,
): void {
  if (before === undefined || before.created === now.created) return;
  const { name, storage } = before.config;
  const what =
    storage === "memory"
      ? `stream ${name} is gone with its server's memory, or somebody has deleted it`
      : `somebody else has deleted stream ${name}`;
  const sentence = `${what}, and what was stored in it is gone; it was made again`;
  log.warn({ stream: name }, sentence);
  note({
    ...{ type: "Warning", reason: "StreamMadeAgain", action: "CreateStream" },
    note: sentence,
  });
}

/** Logs what a reconcile has found that the one before had not. */
export function logNotes(
  before: ChannelStatus,
  after: ChannelStatus,
  key: string,
  log: Logger,
): void {
  const known = new Set([...before.unapplied, ...before.warnings].map(keyOf));
  const areNew = (one: Unapplied): boolean => !known.has(keyOf(one));
  for (const { path, reason } of after.unapplied.filter(areNew)) {
    log.warn({ channel: key, path, reason }, "edit is not applied");
  }
  for (const { path, reason } of after.warnings.filter(areNew)) {
    log.warn({ channel: key, path, reason }, "channel is served, with a risk");
  }
}

function keyOf({ path, reason }: Unapplied): string {
  return `${path}: ${reason}`;
}
