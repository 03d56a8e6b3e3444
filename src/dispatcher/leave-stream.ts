/*
 * Takes a channel off a stream that it leaves: an adopted one is left to its owner; one of our own keeps
 * its events and consumers and gives its subjects away, so that another stream can have them.
 *
 * Called by stream.ts for a channel that is deleted, and for one that takes another stream now. No event
 * is moved or deleted here.
 */
import { ADDED_SUBJECT_KEY, isOwnedBy, streamOwnerOf } from "../api/ownership.ts";
import type { ChannelSettings } from "../api/settings.ts";
import type { JetStreamManager, StreamInfo } from "../nats/jetstream.ts";
import { errorMessage } from "../runtime/errors.ts";
import { deleteConsumer, subscribersOnStream } from "./consumer.ts";
import { leading } from "./lead.ts";
import { type StreamContext, withoutOwner } from "./stream-ownership.ts";

/** Leaves an adopted stream to its owner, without our consumers, our name, and the subject that we added. */
export async function letGo(
  { config }: StreamInfo,
  channel: ChannelSettings,
  context: StreamContext,
): Promise<void> {
  const { name } = config;
  const onStream = { ...channel, stream: { ...channel.stream, name } };
  for (const uid of await subscribersOnStream(onStream, context)) {
    await deleteConsumer(onStream, uid, context);
  }
  const added = config.metadata?.[ADDED_SUBJECT_KEY];
  const subjects = (config.subjects ?? []).filter((one) => one !== added);
  await leading(context).streams.update(name, {
    metadata: withoutOwner(config.metadata),
    // The server would give a stream without subjects its name as its subject.
    ...(added !== undefined && subjects.length > 0 ? { subjects } : {}),
  });
  context.log.info({ channel: channel.key, stream: name }, "adopted stream left to its owner");
}

/**
 * Takes the channel's subject off the streams that it had before; tells whether there were any. What
 * they keep is their own, and the channel has it again when it goes back to them.
 */
export async function freeSubject(
  channel: ChannelSettings,
  context: StreamContext,
): Promise<boolean> {
  const { jsm, clusterId } = context;
  let isFreed = false;
  for (const name of await holdersOf(channel, context)) {
    const info = await jsm.streams.info(name);
    const owner = streamOwnerOf(info.config.metadata);
    if (owner === undefined || !isOwnedBy(owner, clusterId, channel)) continue;
    if (owner.origin === "adopted") await letGo(info, channel, context);
    else await retire(info, channel, context);
    isFreed = true;
  }
  return isFreed;
}

/** Lists the other streams that take the channel's subject. */
export async function holdersOf(
  { stream }: ChannelSettings,
  { jsm, log }: Pick<StreamContext, "jsm" | "log">,
): Promise<string[]> {
  try {
    const names = await allNames(jsm, stream.subject);
    return names.filter((name) => name !== stream.name);
  } catch (error) {
    // The permission to ask may be lacking; the server's own words have to do then.
    log.debug({ error: errorMessage(error) }, "cannot ask which stream has the channel's subject");
    return [];
  }
}

async function allNames(jsm: JetStreamManager, subject: string): Promise<string[]> {
  const names: string[] = [];
  for await (const name of jsm.streams.names(subject)) names.push(name);
  return names;
}

/** A stream has to have a subject: it gets one that nobody sends to, below what is the channel's own. */
async function retire(
  { config, state }: StreamInfo,
  channel: ChannelSettings,
  context: StreamContext,
): Promise<void> {
  const { name: stream } = config;
  const subject = `${channel.stream.subject}.left.${stream}`;
  await leading(context).streams.update(stream, { subjects: [subject] });
  const { messages: events } = state;
  const what =
    "the channel takes another stream; the one before keeps its events, and takes no new ones";
  context.log.warn({ channel: channel.key, stream, events, subject }, what);
  context.note({
    ...{ type: "Normal", reason: "StreamLeft", action: "LeaveStream" },
    note: `${what}: ${stream}, with ${events} events; delete it when nobody needs them`,
  });
}
