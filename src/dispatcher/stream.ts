/*
 * A channel's stream on the server: there, ours, and as the channel says.
 *
 * Called by flow 1 (reconcile-channel.ts). Whose an existing stream is, is decided in
 * stream-ownership.ts; what it should be, in stream-config.ts and stream-changes.ts. Nothing is ever
 * deleted and made again to change it, and a stream of another owner is not touched. What cannot be done
 * is a value for the channel's status, not an exception; exceptions are outages, and worth another try.
 */
import { ALLOW_DROPPING_EVENTS_ANNOTATION } from "../api/names.ts";
import { isOwnedBy, type StreamOrigin, streamOwnerOf } from "../api/ownership.ts";
import type { ChannelSettings } from "../api/settings.ts";
import { subjectsOverlap } from "../api/subjects.ts";
import { isRefusal, isStreamNameInUse, isStreamNotFound, refusalSentence } from "../nats/errors.ts";
import type { JetStreamManager, StreamInfo } from "../nats/jetstream.ts";
import { deleteConsumer, subscribersOnStream } from "./consumer.ts";
import { carryOut, type Unapplied } from "./edits.ts";
import { mustLead } from "./lead.ts";
import { adoptedChanges, streamChanges } from "./stream-changes.ts";
import { streamConfigFor } from "./stream-config.ts";
import {
  hasMetadata,
  type StreamContext,
  streamMetadata,
  takeStream,
  withoutOwner,
} from "./stream-ownership.ts";

export type { StreamContext } from "./stream-ownership.ts";

/** What a channel's stream came to. */
export type EnsuredStream = ServedStream | RefusedStream;

export interface ServedStream {
  ok: true;
  info: StreamInfo;
  origin: StreamOrigin;
  /** The stream after which it is made, as it is now. */
  template?: StreamInfo | undefined;
  /** Edits that are not carried out, each with field and reason; the channel works without them. */
  unapplied: Unapplied[];
  /** Whether somebody else stands in the way of one of them, which may end without an edit of the channel. */
  isRefused: boolean;
}

/** The channel cannot have it: a CamelCase reason and a sentence that says what to do. */
export interface RefusedStream {
  ok: false;
  reason: "StreamOwnedByAnother" | "StreamRefused" | "StreamTemplateNotFound" | "WaitingForLeader";
  message: string;
}

const TEMPLATE_PATH = "spec.stream.config.template";

/** Makes the stream, or puts it right; see the head of this file. */
export async function ensureStream(
  channel: ChannelSettings,
  context: StreamContext,
): Promise<EnsuredStream> {
  const { jsm } = context;
  const { name, template: templateName } = channel.stream;
  try {
    const template = templateName === undefined ? undefined : await findStream(jsm, templateName);
    const info = await findStream(jsm, name);
    if (info !== undefined) return await putRight(info, template, { channel, context });
    if (templateName !== undefined && template === undefined) {
      return {
        ok: false,
        reason: "StreamTemplateNotFound",
        message: `${TEMPLATE_PATH}: there is no stream ${templateName} to make stream ${name} after`,
      };
    }
    return await createStream(template, { channel, context });
  } catch (error) {
    // A stream that was deleted while we looked at it is made at the next try.
    if (!isRefusal(error) || isStreamNotFound(error)) throw error;
    return {
      ok: false,
      reason: "StreamRefused",
      message: `NATS refuses stream ${name}: ${refusalSentence(error)}`,
    };
  }
}

/**
 * Deletes the stream of a deleted channel, if the channel owns it and made or claimed it; an adopted one
 * loses only what the channel had added to its metadata, and the channel's consumers.
 */
export async function deleteStream(
  channel: ChannelSettings,
  context: StreamContext,
): Promise<void> {
  const { jsm, clusterId, log } = context;
  const { name } = channel.stream;
  const info = await findStream(jsm, name);
  const owner = streamOwnerOf(info?.config.metadata);
  if (owner === undefined || !isOwnedBy(owner, clusterId, channel)) return;
  if (info !== undefined && owner.origin === "adopted") return await letGo(info, channel, context);
  mustLead(context);
  await jsm.streams.delete(name).catch((error: unknown) => {
    if (!isStreamNotFound(error)) throw error;
  });
  log.info({ channel: channel.key, stream: name }, "stream deleted with its channel");
}

/** Leaves an adopted stream to its owner, who has it back without our consumers and without our name. */
async function letGo(
  { config }: StreamInfo,
  channel: ChannelSettings,
  context: StreamContext,
): Promise<void> {
  const { jsm, log } = context;
  for (const uid of await subscribersOnStream(channel, context)) {
    await deleteConsumer(channel, uid, context);
  }
  mustLead(context);
  await jsm.streams.update(config.name, { metadata: withoutOwner(config.metadata) });
  log.info({ channel: channel.key, stream: config.name }, "adopted stream left to its owner");
}

interface On {
  channel: ChannelSettings;
  context: StreamContext;
}

/** Reads a stream; undefined when it is not there. */
export async function findStream(
  jsm: JetStreamManager,
  name: string,
): Promise<StreamInfo | undefined> {
  try {
    return await jsm.streams.info(name);
  } catch (error) {
    if (isStreamNotFound(error)) return undefined;
    throw error;
  }
}

async function createStream(template: StreamInfo | undefined, on: On): Promise<EnsuredStream> {
  const { channel } = on;
  const { jsm, log, clusterId } = on.context;
  const wanted = streamConfigFor(channel.stream, template?.config);
  const origin = "created";
  const metadata = streamMetadata(undefined, channel, { clusterId, origin });
  try {
    const info = await jsm.streams.add({ ...wanted, metadata });
    log.info({ channel: channel.key, stream: wanted.name }, "stream created");
    return { ok: true, info, origin, template, unapplied: [], isRefused: false };
  } catch (error) {
    // Another replica was faster.
    const info = isStreamNameInUse(error) ? await findStream(jsm, wanted.name) : undefined;
    if (info === undefined) throw error;
    return await putRight(info, template, on);
  }
}

async function putRight(
  found: StreamInfo,
  template: StreamInfo | undefined,
  on: On,
): Promise<EnsuredStream> {
  const taken = await takeStream(found, on.channel, on.context);
  if (!taken.ok) return taken;
  const { info, origin } = taken;
  return origin === "adopted"
    ? await putAdoptedRight(info, on)
    : await putOwnRight(info, { ...on, origin, template });
}

async function putOwnRight(
  info: StreamInfo,
  { channel, context, origin, template }: On & Pick<ServedStream, "origin" | "template">,
): Promise<ServedStream> {
  const { jsm, log, clusterId } = context;
  const { stream, annotations } = channel;
  const isWithoutTemplate = stream.template !== undefined && template === undefined;
  // What the template would say is unknown, and stays as it is.
  const wanted = streamConfigFor(stream, isWithoutTemplate ? info.config : template?.config);
  const metadata = streamMetadata(info, channel, { clusterId, origin });
  const isNeeded = !hasMetadata(info, metadata);
  const mayDrop = annotations[ALLOW_DROPPING_EVENTS_ANNOTATION] === "true";
  const { applied, ...result } = await carryOut(streamChanges(info, wanted, mayDrop), {
    current: info,
    isNeeded,
    update: (fields) => jsm.streams.update(wanted.name, { ...fields, metadata }),
  });
  if (applied.length > 0 || isNeeded) {
    const changes = applied.map(({ field, from, to }) => ({ field, from, to }));
    log.info({ channel: channel.key, stream: wanted.name, changes }, "stream updated");
  }
  if (!isWithoutTemplate) return { ok: true, origin, template, ...result };
  const reason = `there is no stream ${stream.template}; what the channel does not say itself stays as the stream has it`;
  const unapplied = [{ path: TEMPLATE_PATH, reason }, ...result.unapplied];
  return { ok: true, origin, template, info: result.info, unapplied, isRefused: true };
}

/** Adds to another's stream only who reads it and the channel's subject. */
async function putAdoptedRight(info: StreamInfo, { channel, context }: On): Promise<ServedStream> {
  const { jsm, log, clusterId } = context;
  const { name, mirror, subjects = [] } = info.config as Partial<StreamInfo["config"]>;
  const { subject } = channel.stream;
  const isCovered = mirror !== undefined || subjects.some((one) => subjectsOverlap(one, subject));
  const origin = "adopted";
  const metadata = streamMetadata(info, channel, { clusterId, origin });
  const isNeeded = !isCovered || !hasMetadata(info, metadata);
  const { applied: _, ...result } = await carryOut(adoptedChanges(info, channel.stream), {
    current: info,
    isNeeded,
    update: () =>
      jsm.streams.update(info.config.name, {
        metadata,
        ...(isCovered ? {} : { subjects: [...subjects, subject] }),
      }),
  });
  if (isNeeded) log.info({ channel: channel.key, stream: name }, "adopted stream updated");
  return { ok: true, origin, ...result };
}
