/*
 * A channel's stream on the server: there, ours, and as the channel says.
 *
 * Called by flow 1 (reconcile-channel.ts). Nothing is ever deleted and made again to change it, and a
 * stream of another owner is not touched. What cannot be done is a value for the channel's status, not
 * an exception; exceptions are outages, and worth another try.
 */
import { ALLOW_DROPPING_EVENTS_ANNOTATION, TAKE_OVER_ANNOTATION } from "../api/names.ts";
import {
  describeOwner,
  isOwnedBy,
  OWNER_KEY_PREFIX,
  type StreamOrigin,
  streamMetadataFor,
  streamOwnerOf,
} from "../api/ownership.ts";
import type { ChannelSettings } from "../api/settings.ts";
import { subjectsOverlap } from "../api/subjects.ts";
import { isRefusal, isStreamNameInUse, isStreamNotFound, refusalSentence } from "../nats/errors.ts";
import type { JetStreamManager, StreamInfo } from "../nats/jetstream.ts";
import type { Logger } from "../runtime/logger.ts";
import { carryOut, type Unapplied } from "./edits.ts";
import { type ChannelStreamConfig, streamChanges, streamConfigFor } from "./stream-config.ts";

/** What a channel's stream came to. */
export type EnsuredStream =
  | {
      ok: true;
      info: StreamInfo;
      origin: StreamOrigin;
      /** Edits that are not carried out, each with field and reason; the channel works without them. */
      unapplied: Unapplied[];
      /** Whether the server refused one of them, which may end without an edit of the channel. */
      isRefused: boolean;
    }
  /** The channel cannot have it: a CamelCase reason and a sentence that says what to do. */
  | { ok: false; reason: "StreamOwnedByAnother" | "StreamRefused"; message: string };

export interface StreamContext {
  jsm: JetStreamManager;
  clusterId: string;
  log: Logger;
}

/** Makes the stream, or puts it right; see the head of this file. */
export async function ensureStream(
  channel: ChannelSettings,
  context: StreamContext,
): Promise<EnsuredStream> {
  const wanted = streamConfigFor(channel.stream);
  try {
    const info = await findStream(context.jsm, wanted.name);
    if (info !== undefined) return await putRight(info, wanted, channel, context);
    return await createStream(wanted, channel, context);
  } catch (error) {
    // A stream that was deleted while we looked at it is made at the next try.
    if (!isRefusal(error) || isStreamNotFound(error)) throw error;
    return {
      ok: false,
      reason: "StreamRefused",
      message: `NATS refuses stream ${wanted.name}: ${refusalSentence(error)}`,
    };
  }
}

/** Deletes the stream of a deleted channel, if the channel owns it and made or claimed it. */
export async function deleteStream(
  channel: ChannelSettings,
  context: StreamContext,
): Promise<void> {
  const { jsm, clusterId, log } = context;
  const { name } = channel.stream;
  const info = await findStream(jsm, name);
  const owner = streamOwnerOf(info?.config.metadata);
  const isOwn = owner !== undefined && isOwnedBy(owner, clusterId, channel);
  if (!isOwn || owner.origin === "adopted") return;
  await jsm.streams.delete(name).catch((error: unknown) => {
    if (!isStreamNotFound(error)) throw error;
  });
  log.info({ channel: channel.key, stream: name }, "stream deleted with its channel");
}

async function findStream(jsm: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await jsm.streams.info(name);
  } catch (error) {
    if (isStreamNotFound(error)) return undefined;
    throw error;
  }
}

async function createStream(
  wanted: ChannelStreamConfig,
  channel: ChannelSettings,
  context: StreamContext,
): Promise<EnsuredStream> {
  const { jsm, log } = context;
  const metadata = { ...channel.stream.metadata, ...ownMetadata(channel, context, "created") };
  try {
    const info = await jsm.streams.add({ ...wanted, metadata });
    log.info({ channel: channel.key, stream: wanted.name }, "stream created");
    return { ok: true, info, origin: "created", unapplied: [], isRefused: false };
  } catch (error) {
    // Another replica was faster.
    const info = isStreamNameInUse(error) ? await findStream(jsm, wanted.name) : undefined;
    if (info === undefined) throw error;
    return await putRight(info, wanted, channel, context);
  }
}

async function putRight(
  info: StreamInfo,
  wanted: ChannelStreamConfig,
  channel: ChannelSettings,
  context: StreamContext,
): Promise<EnsuredStream> {
  const origin = originOf(info, wanted, channel, context.clusterId);
  if (typeof origin !== "string") return origin;
  const metadata = metadataFor(info, channel, context, origin);
  if (origin === "adopted") return await putAdoptedRight(info, metadata, channel, context);
  const { jsm, log } = context;
  const mayDrop = channel.annotations[ALLOW_DROPPING_EVENTS_ANNOTATION] === "true";
  const isNeeded = !sameMetadata(info, metadata);
  const result = await carryOut(streamChanges(info, wanted, mayDrop), {
    current: info,
    isNeeded,
    update: (fields) => jsm.streams.update(wanted.name, { ...fields, metadata }),
  });
  if (result.applied.length > 0 || isNeeded) {
    const changes = result.applied.map(({ field, from, to }) => ({ field, from, to }));
    log.info({ channel: channel.key, stream: wanted.name, origin, changes }, "stream updated");
  }
  const { unapplied, isRefused } = result;
  return { ok: true, info: result.info, origin, unapplied, isRefused };
}

/** Adds to another's stream only who reads it and the channel's subject. */
async function putAdoptedRight(
  info: StreamInfo,
  metadata: Record<string, string>,
  channel: ChannelSettings,
  context: StreamContext,
): Promise<EnsuredStream> {
  const { subject } = channel.stream;
  const { mirror } = info.config;
  const subjects = subjectsOf(info);
  const covered = mirror !== undefined || subjects.some((one) => subjectsOverlap(one, subject));
  const adopted = { ok: true, origin: "adopted", isRefused: false } as const;
  if (covered && sameMetadata(info, metadata)) return { ...adopted, info, unapplied: [] };
  const { jsm, log } = context;
  const updated = await jsm.streams.update(info.config.name, {
    metadata,
    ...(covered ? {} : { subjects: [...subjects, subject] }),
  });
  log.info({ channel: channel.key, stream: info.config.name }, "stream adopted");
  return { ...adopted, info: updated, unapplied: [] };
}

/** Decides how far an existing stream is the channel's (see api/ownership.ts: created, claimed, adopted). */
function originOf(
  info: StreamInfo,
  wanted: ChannelStreamConfig,
  channel: ChannelSettings,
  clusterId: string,
): StreamOrigin | Extract<EnsuredStream, { ok: false }> {
  const owner = streamOwnerOf(info.config.metadata);
  if (owner !== undefined) {
    if (isOwnedBy(owner, clusterId, channel)) return owner.origin;
    if (channel.annotations[TAKE_OVER_ANNOTATION] === owner.clusterId) return owner.origin;
    return {
      ok: false,
      reason: "StreamOwnedByAnother",
      message:
        `stream ${wanted.name} belongs to ${describeOwner(owner)}; choose another name with ` +
        `spec.stream.overrideName, or, if that owner is gone, allow to take it with the annotation ` +
        `${TAKE_OVER_ANNOTATION}: ${owner.clusterId}`,
    };
  }
  if (channel.stream.overridden) return "adopted";
  const subjects = subjectsOf(info);
  if (subjects.length === 1 && subjects[0] === channel.stream.subject) return "claimed";
  return {
    ok: false,
    reason: "StreamOwnedByAnother",
    message:
      `stream ${wanted.name} is there already, with the subjects ${subjects.join(", ") || "(none)"} and ` +
      `no owner of ours; to use it as it is, name it in spec.stream.overrideName`,
  };
}

function ownMetadata(channel: ChannelSettings, context: StreamContext, origin: StreamOrigin) {
  const { namespace, name } = channel;
  return streamMetadataFor({ clusterId: context.clusterId, channel: { namespace, name }, origin });
}

/** Metadata are replaced as a whole: what somebody else keeps on a stream we did not make stays. */
function metadataFor(
  info: StreamInfo,
  channel: ChannelSettings,
  context: StreamContext,
  origin: StreamOrigin,
): Record<string, string> {
  const others = origin === "created" ? {} : withoutServersOwn(info.config.metadata);
  const kept = Object.entries(others).filter(([key]) => !key.startsWith(OWNER_KEY_PREFIX));
  return {
    ...Object.fromEntries(kept),
    ...(origin === "adopted" ? {} : channel.stream.metadata),
    ...ownMetadata(channel, context, origin),
  };
}

function sameMetadata(info: StreamInfo, wanted: Record<string, string>): boolean {
  const current = withoutServersOwn(info.config.metadata);
  const keys = Object.keys(current);
  return (
    keys.length === Object.keys(wanted).length && keys.every((key) => current[key] === wanted[key])
  );
}

function withoutServersOwn(metadata: Record<string, string> | undefined): Record<string, string> {
  const entries = Object.entries(metadata ?? {});
  return Object.fromEntries(entries.filter(([key]) => !key.startsWith("_nats.")));
}

/** A mirror has no subjects, whatever the type of the client says. */
function subjectsOf(info: StreamInfo): string[] {
  return info.config.subjects ?? [];
}
