/*
 * A channel's stream on the server: there, ours, and as the channel says.
 *
 * Called by flow 1 (reconcile-channel.ts). Whose an existing stream is, is decided in
 * stream-ownership.ts; what it should be, in stream-config.ts and stream-changes.ts. Nothing is ever
 * deleted and made again to change it, and a stream of another owner is not touched. What cannot be done
 * is a value for the channel's status, not an exception; exceptions are outages, and worth another try.
 */
import { ALLOW_DROPPING_EVENTS_ANNOTATION } from "../api/names.ts";
import {
  ADDED_SUBJECT_KEY,
  isOwnedBy,
  type StreamOrigin,
  streamMetadataFor,
  streamOwnerOf,
} from "../api/ownership.ts";
import type { ChannelSettings } from "../api/settings.ts";
import { subjectsOverlap } from "../api/subjects.ts";
import {
  isRefusal,
  isStreamNameInUse,
  isStreamNotFound,
  isSubjectOverlap,
  refusalSentence,
} from "../nats/errors.ts";
import type { JetStreamManager, StreamInfo } from "../nats/jetstream.ts";
import { carryOut, type Edit, shownValue, type Unapplied } from "./edits.ts";
import { leading } from "./lead.ts";
import { freeSubject, holdersOf, letGo } from "./leave-stream.ts";
import { isSameValue } from "./same-value.ts";
import { adoptedChanges, metadataChanges, streamChanges } from "./stream-changes.ts";
import { claimedConfigFor, streamConfigFor } from "./stream-config.ts";
import {
  ownedMetadata,
  type StreamContext,
  takeStream,
  withoutOwner,
  withoutServersOwn,
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
  /** Whether it was made just now, and nobody can have a consumer of it. */
  isMade?: boolean;
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

/**
 * Makes the stream, or puts it right; see the head of this file. Of a channel that is new it is made at once,
 * and only looked at when there is one of that name.
 */
export async function ensureStream(
  channel: ChannelSettings,
  context: StreamContext & { isNew?: boolean },
): Promise<EnsuredStream> {
  const on = { channel, context };
  try {
    return await makeOrPutRight(on).catch(async (error: unknown) => {
      // The channel may have had another stream before, which has its subject still.
      if (!isSubjectOverlap(error) || !(await freeSubject(channel, context))) throw error;
      return await makeOrPutRight(on);
    });
  } catch (error) {
    // A stream that was deleted while we looked at it is made at the next try.
    if (!isRefusal(error) || isStreamNotFound(error)) throw error;
    const holders = isSubjectOverlap(error) ? await holdersOf(channel, context) : [];
    const whose =
      holders.length === 0
        ? ""
        : `; the channel's subject is taken by stream ${holders.join(", ")}`;
    return {
      ok: false,
      reason: "StreamRefused",
      message: `NATS refuses stream ${channel.stream.name}: ${refusalSentence(error)}${whose}`,
    };
  }
}

async function makeOrPutRight(on: On): Promise<EnsuredStream> {
  const { jsm } = on.context;
  const { name, template: templateName } = on.channel.stream;
  const template = templateName === undefined ? undefined : await findStream(jsm, templateName);
  const isTried = on.context.isNew === true && !on.channel.stream.overridden;
  const info = isTried ? undefined : await findStream(jsm, name);
  if (info !== undefined) return await putRight(info, template, on);
  if (templateName !== undefined && template === undefined) {
    return {
      ok: false,
      reason: "StreamTemplateNotFound",
      message: `${TEMPLATE_PATH}: there is no stream ${templateName} to make stream ${name} after`,
    };
  }
  return await createStream(template, on);
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
  const { streams } = leading(context);
  await streams.delete(name).catch((error: unknown) => {
    if (!isStreamNotFound(error)) throw error;
  });
  log.info({ channel: channel.key, stream: name }, "stream deleted with its channel");
}

interface On {
  channel: ChannelSettings;
  context: StreamContext & { isNew?: boolean };
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
  const { log, note, clusterId } = on.context;
  const wanted = streamConfigFor(channel.stream, template?.config);
  const origin = "created";
  const metadata = {
    ...channel.stream.metadata,
    ...ownedMetadata(undefined, channel, { clusterId, origin }),
  };
  try {
    const info = await leading(on.context).streams.add({ ...wanted, metadata });
    log.info({ channel: channel.key, stream: wanted.name }, "stream created");
    note({
      ...{ type: "Normal", reason: "StreamCreated", action: "CreateStream" },
      note: `stream ${wanted.name} created`,
    });
    const isMade = info.state.consumer_count === 0;
    return { ok: true, info, origin, template, isMade, unapplied: [], isRefused: false };
  } catch (error) {
    // Another replica was faster.
    const info = isStreamNameInUse(error)
      ? await findStream(on.context.jsm, wanted.name)
      : undefined;
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
  const { stream, annotations } = channel;
  const { name } = stream;
  const isWithoutTemplate = stream.template !== undefined && template === undefined;
  // What the template would say is unknown, and stays as it is.
  const base = isWithoutTemplate ? info.config : template?.config;
  const wanted =
    origin === "claimed"
      ? claimedConfigFor(stream, info.config, base)
      : streamConfigFor(stream, base);
  if (isWithoutSubject(info, channel)) await freeSubject(channel, context);
  const mayDrop = annotations[ALLOW_DROPPING_EVENTS_ANNOTATION] === "true";
  const had = withoutOwner(info.config.metadata);
  const metadata = { ...(origin === "claimed" ? had : {}), ...stream.metadata };
  const edits = [...streamChanges(info, wanted, mayDrop), ...metadataChanges(had, metadata)];
  const owner = ownerKeys(channel, context, origin);
  const { applied, ...result } = await carryOut(edits, {
    ...{ name, channel, current: info, isNeeded: false },
    fieldsOf: ({ config }) => ({ ...config, metadata: withoutOwner(config.metadata) }),
    update: (fields) =>
      leading(context).streams.update(name, {
        ...fields,
        ...("metadata" in fields ? { metadata: { ...metadata, ...owner } } : {}),
      }),
  });
  if (applied.length > 0) {
    const changes = applied.map(({ field, from, to }) => ({ field, from, to }));
    context.log.info({ channel: channel.key, stream: name, changes }, "stream updated");
    noteUpdate(name, applied, context);
  }
  if (!isWithoutTemplate) return { ok: true, origin, template, ...result };
  const reason = `there is no stream ${stream.template}; what the channel does not say itself stays as the stream has it`;
  const unapplied = [{ path: TEMPLATE_PATH, reason }, ...result.unapplied];
  return { ok: true, origin, template, info: result.info, unapplied, isRefused: true };
}

/** Adds to another's stream only who reads it and the channel's subject. */
async function putAdoptedRight(info: StreamInfo, { channel, context }: On): Promise<ServedStream> {
  const { clusterId, log } = context;
  const { name, subjects } = info.config as Partial<StreamInfo["config"]>;
  const { subject } = channel.stream;
  const origin = "adopted";
  const isAdded = isWithoutSubject(info, channel);
  const metadata = {
    ...ownedMetadata(info, channel, { clusterId, origin }),
    ...(isAdded ? { [ADDED_SUBJECT_KEY]: subject } : {}),
  };
  const had = withoutServersOwn(info.config.metadata);
  const isNeeded = isAdded || !isSameValue("metadata", had, metadata);
  const { applied: _, ...result } = await carryOut(adoptedChanges(info, channel.stream), {
    ...{ name: info.config.name, channel, current: info, isNeeded },
    fieldsOf: ({ config }) => ({ ...config }),
    update: () =>
      leading(context).streams.update(info.config.name, {
        metadata,
        ...(isAdded ? { subjects: [...(subjects ?? []), subject] } : {}),
      }),
  });
  if (isNeeded) {
    log.info({ channel: channel.key, stream: name }, "adopted stream updated");
    noteUpdate(info.config.name, [], context);
  }
  return { ok: true, origin, ...result };
}

/** Tells whether a stream should take what is sent to the channel, and does not. */
function isWithoutSubject({ config }: StreamInfo, { stream }: ChannelSettings): boolean {
  const { mirror, subjects = [] } = config as Partial<StreamInfo["config"]>;
  if (mirror !== undefined || stream.mirror !== undefined) return false;
  return !subjects.some((one) => subjectsOverlap(one, stream.subject));
}

function ownerKeys(
  { namespace, name }: ChannelSettings,
  { clusterId }: StreamContext,
  origin: StreamOrigin,
): Record<string, string> {
  return streamMetadataFor({ clusterId, channel: { namespace, name }, origin });
}

function noteUpdate(stream: string, applied: readonly Edit[], { note }: StreamContext): void {
  const changes = applied.map(
    ({ field, from, to }) => `${field} from ${shownValue(field, from)} to ${shownValue(field, to)}`,
  );
  note({
    ...{ type: "Normal", reason: "StreamUpdated", action: "UpdateStream" },
    note: `stream ${stream} updated: ${changes.join(", ") || "metadata or subjects"}`,
  });
}
