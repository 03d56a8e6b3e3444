/*
 * What a replica that does not lead does instead of ensureStream and ensureConsumer: it looks whether
 * the leader has made them, and changes nothing. What is missing is seen again when the leader has
 * written the channel's status.
 */
import { consumerNameFor } from "../api/names.ts";
import { consumerOwnerOf, isOwnedBy, streamOwnerOf } from "../api/ownership.ts";
import type { ChannelSettings, SubscriberSettings } from "../api/settings.ts";
import { type ConsumerContext, type EnsuredConsumer, lookUp } from "./consumer.ts";
import { type EnsuredStream, findStream } from "./stream.ts";
import type { StreamContext } from "./stream-ownership.ts";

/** Finds the channel's stream as the leader left it. */
export async function followStream(
  channel: ChannelSettings,
  { jsm, clusterId }: StreamContext,
): Promise<EnsuredStream> {
  const { name } = channel.stream;
  const info = await findStream(jsm, name);
  const owner = streamOwnerOf(info?.config.metadata);
  if (info === undefined || owner === undefined || !isOwnedBy(owner, clusterId, channel)) {
    const message = `the replica that leads has not made stream ${name} yet`;
    return { ok: false, reason: "WaitingForLeader", message };
  }
  const { origin } = owner;
  return { ok: true, info, origin, template: undefined, unapplied: [], isRefused: false };
}

/** Finds the subscriber's consumer as the leader left it. */
export async function followConsumer(
  channel: ChannelSettings,
  subscriber: SubscriberSettings,
  context: ConsumerContext,
): Promise<EnsuredConsumer> {
  const name = consumerNameFor(subscriber.uid);
  const info = await lookUp(name, channel.stream.name, context);
  const owner = consumerOwnerOf(info?.config.metadata);
  const isThere =
    info !== undefined &&
    // A push consumer is the leader's to replace.
    info.config.deliver_subject === undefined &&
    owner !== undefined &&
    isOwnedBy(owner, context.clusterId, channel);
  if (isThere) return { ok: true, info, unapplied: [], isRefused: false };
  const message = `the replica that leads has not made consumer ${name} yet`;
  return { ok: false, reason: "WaitingForLeader", message };
}
