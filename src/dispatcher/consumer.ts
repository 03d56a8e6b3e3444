/*
 * A subscriber's durable pull consumer on the server: there, ours, and as the channel says.
 *
 * Called by flow 1. A consumer is its subscriber's position in the stream: it is never deleted and
 * made again to change it, and deleted only when the subscriber is known to be gone.
 */
import { consumerNameFor, TAKE_OVER_ANNOTATION } from "../api/names.ts";
import {
  consumerMetadataFor,
  consumerOwnerOf,
  describeOwner,
  isOwnedBy,
} from "../api/ownership.ts";
import type { ChannelSettings, SubscriberSettings } from "../api/settings.ts";
import { isConsumerNotFound, isRefusal, refusalSentence } from "../nats/errors.ts";
import type { ConsumerInfo, JetStreamManager } from "../nats/jetstream.ts";
import type { Logger } from "../runtime/logger.ts";
import { consumerChanges, consumerConfigFor } from "./consumer-config.ts";
import { carryOut, type Unapplied } from "./edits.ts";
import { leading } from "./lead.ts";
import { bookmarkNameFor, migrateConsumer, needsMigration } from "./migrate-consumer.ts";

/** What a subscriber's consumer came to. */
export type EnsuredConsumer =
  | { ok: true; info: ConsumerInfo; unapplied: Unapplied[]; isRefused: boolean }
  | {
      ok: false;
      reason: "ConsumerOwnedByAnother" | "ConsumerRefused" | "WaitingForLeader";
      message: string;
    };

export interface ConsumerContext {
  jsm: JetStreamManager;
  clusterId: string;
  /** Whether this replica may change anything; of several replicas one may. */
  isLeader: () => boolean;
  log: Logger;
  /** All consumers of the channel's stream, where they were just listed; else each is asked for. */
  known?: ReadonlyMap<string, ConsumerInfo> | undefined;
}

/** Makes the consumer, or puts it right. */
export async function ensureConsumer(
  channel: ChannelSettings,
  subscriber: SubscriberSettings,
  context: ConsumerContext,
): Promise<EnsuredConsumer> {
  const { log, known } = context;
  const stream = channel.stream.name;
  const wanted = consumerConfigFor(channel, subscriber);
  const metadata = ownMetadata(channel, subscriber.uid, context);
  try {
    const found = await lookUp(wanted.durable_name, stream, context);
    const obstacle = found && obstacleFor(found, channel, context);
    if (obstacle !== undefined) return obstacle;
    const isUntouched =
      found === undefined && known?.has(bookmarkNameFor(subscriber.uid)) === false;
    const info =
      needsMigration(found) && !isUntouched
        ? await migrateConsumer(found, {
            ...context,
            stream,
            uid: subscriber.uid,
            wanted: { ...wanted, metadata },
          })
        : found;
    if (info !== undefined) return await putRight(info, channel, subscriber, context);
    const created = await leading(context).consumers.add(stream, { ...wanted, metadata });
    log.info(
      { channel: channel.key, subscriber: subscriber.uid, consumer: wanted.durable_name },
      "consumer created",
    );
    return { ok: true, info: created, unapplied: [], isRefused: false };
  } catch (error) {
    if (!isRefusal(error) || isConsumerNotFound(error)) throw error;
    return {
      ok: false,
      reason: "ConsumerRefused",
      message: `NATS refuses consumer ${wanted.durable_name}: ${refusalSentence(error)}`,
    };
  }
}

/** Deletes the consumer of a subscriber that is gone, if it is ours, and what a migration left of it. */
export async function deleteConsumer(
  channel: ChannelSettings,
  uid: string,
  context: ConsumerContext,
): Promise<void> {
  const { jsm, log } = context;
  const stream = channel.stream.name;
  for (const name of [consumerNameFor(uid), bookmarkNameFor(uid)]) {
    const info = await findConsumer(jsm, stream, name);
    if (info === undefined || !isOwn(info, channel, context)) continue;
    const { consumers } = leading(context);
    await consumers.delete(stream, name).catch((error: unknown) => {
      if (!isConsumerNotFound(error)) throw error;
    });
    log.info(
      { channel: channel.key, subscriber: uid, consumer: name },
      "consumer deleted, its subscriber is gone",
    );
  }
}

/** Lists the uids of subscribers that have a consumer of this channel's on its stream. */
export async function subscribersOnStream(
  channel: ChannelSettings,
  context: ConsumerContext,
): Promise<string[]> {
  const uids: string[] = [];
  const all = context.known ?? (await listConsumers(context.jsm, channel.stream.name));
  for (const info of all.values()) {
    const owner = consumerOwnerOf(info.config.metadata);
    if (owner !== undefined && isOwn(info, channel, context)) uids.push(owner.subscriberUid);
  }
  return uids;
}

/** Lists all consumers of a stream by their names. */
export async function listConsumers(
  jsm: JetStreamManager,
  stream: string,
): Promise<Map<string, ConsumerInfo>> {
  const consumers = new Map<string, ConsumerInfo>();
  for await (const info of jsm.consumers.list(stream)) consumers.set(info.name, info);
  return consumers;
}

/** Gives a consumer as it is known, or else reads it. */
export async function lookUp(
  name: string,
  stream: string,
  { jsm, known }: Pick<ConsumerContext, "jsm" | "known">,
): Promise<ConsumerInfo | undefined> {
  return known === undefined ? await findConsumer(jsm, stream, name) : known.get(name);
}

/** Reads a consumer; undefined when it or its stream is not there. */
export async function findConsumer(
  jsm: JetStreamManager,
  stream: string,
  name: string,
): Promise<ConsumerInfo | undefined> {
  try {
    return await jsm.consumers.info(stream, name);
  } catch (error) {
    if (isConsumerNotFound(error)) return undefined;
    throw error;
  }
}

/** Says why an existing consumer of the name is not the subscriber's to use; undefined when it is. */
function obstacleFor(
  info: ConsumerInfo,
  channel: ChannelSettings,
  context: ConsumerContext,
): Extract<EnsuredConsumer, { ok: false }> | undefined {
  const owner = consumerOwnerOf(info.config.metadata);
  const mayTake =
    owner === undefined ||
    isOwn(info, channel, context) ||
    channel.annotations[TAKE_OVER_ANNOTATION] === owner.clusterId;
  if (!mayTake) {
    const message = `consumer ${info.name} belongs to ${describeOwner(owner)}`;
    return { ok: false, reason: "ConsumerOwnedByAnother", message };
  }
  if (info.push_bound !== true) return undefined;
  const message =
    `push consumer ${info.name} is still being read, by a dispatcher of the Go implementation; ` +
    `stop that, and its position is carried on`;
  return { ok: false, reason: "ConsumerOwnedByAnother", message };
}

async function putRight(
  info: ConsumerInfo,
  channel: ChannelSettings,
  subscriber: SubscriberSettings,
  context: ConsumerContext,
): Promise<EnsuredConsumer> {
  const stream = channel.stream.name;
  const metadata = { ...info.config.metadata, ...ownMetadata(channel, subscriber.uid, context) };
  const isNeeded = !isOwn(info, channel, context);
  const changes = consumerChanges(info.config, consumerConfigFor(channel, subscriber));
  const { applied, ...result } = await carryOut(changes, {
    ...{ name: info.name, channel, current: info, isNeeded },
    fieldsOf: ({ config }) => ({ ...config }),
    // The client sends the rest of the present configuration along, durable_name included.
    update: (fields) =>
      leading(context).consumers.update(stream, info.name, { ...fields, metadata }),
  });
  if (applied.length > 0 || isNeeded) {
    context.log.info(
      {
        channel: channel.key,
        subscriber: subscriber.uid,
        consumer: info.name,
        changes: applied.map(({ field, from, to }) => ({ field, from, to })),
      },
      "consumer updated",
    );
  }
  return { ok: true, ...result };
}

function ownMetadata(
  { namespace, name }: ChannelSettings,
  subscriberUid: string,
  { clusterId }: ConsumerContext,
): Record<string, string> {
  return consumerMetadataFor({ clusterId, channel: { namespace, name }, subscriberUid });
}

function isOwn(info: ConsumerInfo, channel: ChannelSettings, context: ConsumerContext): boolean {
  return isOwnedBy(consumerOwnerOf(info.config.metadata), context.clusterId, channel);
}
