import type { ConsumerInfo } from "../nats/jetstream.ts";
import { errorMessage } from "../runtime/errors.ts";
import { type ConsumerContext, listConsumers } from "./consumer.ts";
import type { ServedChannel } from "./served-channel.ts";
import type { ServedStream } from "./stream.ts";

/** What the server gives in one answer. */
const LISTED_AT_ONCE = 256;

/**
 * Lists the consumers of a stream that was just looked at, where that takes fewer requests than to ask for
 * each subscriber's, or all are to be looked through anyway. Undefined: ask for each.
 */
export async function knownConsumers(
  { info, isMade }: Pick<ServedStream, "info" | "isMade">,
  { channel, isSwept }: Pick<ServedChannel, "channel" | "isSwept">,
  { jsm, isLeader, log }: ConsumerContext,
): Promise<ReadonlyMap<string, ConsumerInfo> | undefined> {
  if (isMade === true) return new Map();
  const { consumer_count: count } = info.state;
  const isToSweep = isLeader() && !isSwept;
  if (!isToSweep && Math.ceil(count / LISTED_AT_ONCE) >= channel.subscribers.length)
    return undefined;
  try {
    const all = await listConsumers(jsm, info.config.name);
    // A list leaves out those whose servers do not answer.
    return all.size >= count ? all : undefined;
  } catch (error) {
    log.debug({ channel: channel.key, error: errorMessage(error) }, "cannot list consumers");
    return undefined;
  }
}
