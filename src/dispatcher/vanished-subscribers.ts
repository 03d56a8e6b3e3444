/*
 * Subscribers that are not in the spec any more: flow 1 calls it once the others are served.
 *
 * A live entry may vanish for seconds, and its consumer is its position in the stream. So it is first
 * paused, by not pulling, and its consumer goes when the source knows that the subscriber is gone.
 * Consumers that an earlier life of the program left behind are looked for once.
 */
import { consumerNameFor } from "../api/names.ts";
import type { ChannelSettings } from "../api/settings.ts";
import { isForbidden } from "../kube/kube-error.ts";
import { errorMessage } from "../runtime/errors.ts";
import type { ChannelSource } from "./channel-source.ts";
import { type ConsumerContext, deleteConsumer, lookUp, subscribersOnStream } from "./consumer.ts";
import type { ServedChannel } from "./served-channel.ts";
import type { StreamContext } from "./stream-ownership.ts";

/** Pauses, and deletes where it is certain. Tells whether somebody is still waited for. */
export async function dropVanished(
  state: ServedChannel,
  context: StreamContext & ConsumerContext,
  source: ChannelSource,
): Promise<boolean> {
  const { channel } = state;
  if (hasNamelessRefusal(channel.key, source)) return false;
  const isLeader = context.isLeader();
  const isToSweep = isLeader && !state.isSwept;
  const onStream = isToSweep ? await subscribersOnStream(channel, context) : [];
  const all = new Set([...state.subscribers.keys(), ...onStream]);
  const vanished = [...all].filter((uid) => !isWanted(uid, state, source));
  for (const uid of vanished) await state.subscribers.get(uid)?.subscription.pause();
  const gone = await Promise.all(
    vanished.map((uid) =>
      isLeader
        ? isSubscriptionGone(uid, context, source)
        : isConsumerDeleted(channel, uid, context),
    ),
  );
  let isWaiting = false;
  for (const [index, uid] of vanished.entries()) {
    // It may have come back while we asked.
    if (gone[index] !== true || isWanted(uid, state, source)) {
      isWaiting = true;
      continue;
    }
    // First the consumer: should that fail, a subscription that is only paused can still go on.
    if (isLeader) await deleteConsumer(channel, uid, context);
    const subscriber = state.subscribers.get(uid);
    await subscriber?.subscription.stop();
    subscriber?.stats.remove();
    state.subscribers.delete(uid);
  }
  // Who leads later does not know what was left behind meanwhile.
  state.isSwept = isLeader && !isWaiting;
  return isWaiting;
}

/** Where nobody may look, nobody is ever gone: that is for an administrator to know. */
async function isSubscriptionGone(
  uid: string,
  { note }: Pick<StreamContext, "note">,
  source: ChannelSource,
): Promise<boolean> {
  try {
    return await source.isSubscriptionGone(uid);
  } catch (error) {
    if (isForbidden(error)) {
      note({
        ...{ type: "Warning", reason: "SubscriptionsUnknown", action: "DeleteConsumer" },
        note: `subscribers are not on the channel any more, and their consumers stay, since nobody can find out whether their Subscriptions are gone: ${errorMessage(error)}`,
      });
    }
    throw error;
  }
}

/** The leader finds out who is gone; the others see what it did. */
async function isConsumerDeleted(
  channel: ChannelSettings,
  uid: string,
  context: ConsumerContext,
): Promise<boolean> {
  return (await lookUp(consumerNameFor(uid), channel.stream.name, context)) === undefined;
}

function isWanted(uid: string, { channel }: ServedChannel, source: ChannelSource): boolean {
  const { subscribers } = source.get(channel.key) ?? channel;
  return (
    subscribers.some((subscriber) => subscriber.uid === uid) ||
    // A subscriber whose newest entry is refused keeps its last good one.
    source.refusals(channel.key).some(({ subscriberUid }) => subscriberUid === uid)
  );
}

/** An entry that is refused and has no uid may be anybody's: nobody counts as vanished until it has. */
function hasNamelessRefusal(key: string, source: ChannelSource): boolean {
  return source
    .refusals(key)
    .some(
      ({ path, subscriberUid }) =>
        subscriberUid === undefined && path.startsWith("spec.subscribers"),
    );
}
