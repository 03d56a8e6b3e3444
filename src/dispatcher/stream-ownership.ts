/*
 * Whose a stream is that is there already, and making it the channel's (see api/ownership.ts: created,
 * claimed, adopted). Called by stream.ts before it changes anything else of the stream.
 *
 * JetStream has no "write if nobody wrote meanwhile": of two channels that take a stream at once, the one
 * that writes last has it. So the name of the owner is written first and alone, and read again after a
 * moment; the other one finds who has it, and has changed nothing else. Should it ever be overtaken
 * later still, the watch (stream-watch.ts) has it look again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { TAKE_OVER_ANNOTATION } from "../api/names.ts";
import {
  ADDED_SUBJECT_KEY,
  describeOwner,
  isOwnedBy,
  OWNER_KEY_PREFIX,
  type StreamOrigin,
  streamMetadataFor,
  streamOwnerOf,
} from "../api/ownership.ts";
import type { ChannelSettings } from "../api/settings.ts";
import type { JetStreamManager, StreamInfo } from "../nats/jetstream.ts";
import type { Logger } from "../runtime/logger.ts";
import type { ChannelNote } from "./channel-source.ts";
import { leading } from "./lead.ts";

export interface StreamContext {
  jsm: JetStreamManager;
  clusterId: string;
  /** Whether this replica may change anything; of several replicas one may. */
  isLeader: () => boolean;
  log: Logger;
  /** Writes for people what became of the channel. */
  note: (note: ChannelNote) => void;
}

/** A stream that is the channel's, or a refusal that says whose it is. */
export type TakenStream =
  | { ok: true; info: StreamInfo; origin: StreamOrigin }
  | { ok: false; reason: "StreamOwnedByAnother"; message: string };

const TAKEN_REASONS = {
  created: "StreamTakenOver",
  claimed: "StreamClaimed",
  adopted: "StreamAdopted",
} as const;

/** Many times what lies between another's look at a stream and its writing. */
const SECOND_LOOK_MS = 100;

/** Makes sure that an existing stream is the channel's; see the head of this file. */
export async function takeStream(
  info: StreamInfo,
  channel: ChannelSettings,
  context: StreamContext,
): Promise<TakenStream> {
  const { jsm, clusterId, log, note } = context;
  const { name } = info.config;
  const first = decide(info, channel, clusterId);
  if (!first.ok || isOwn(info, channel, clusterId)) return first;
  const { origin } = first;
  await leading(context).streams.update(name, {
    metadata: ownedMetadata(info, channel, { clusterId, origin }),
  });
  await sleep(SECOND_LOOK_MS);
  const second = await jsm.streams.info(name);
  if (isOwn(second, channel, clusterId)) {
    log.info({ channel: channel.key, stream: name, origin }, "stream is the channel's from now on");
    note({
      ...{ type: "Normal", reason: TAKEN_REASONS[origin], action: "TakeStream" },
      note: `stream ${name} is this channel's from now on`,
    });
    return { ok: true, info: second, origin };
  }
  const refusal = decide(second, channel, clusterId);
  if (!refusal.ok) return refusal;
  throw new Error(`stream ${name}: somebody else writes its metadata at this moment`);
}

/** Tells whether a stream carries the name of this channel as its owner's. */
export function isOwn(
  { config }: StreamInfo,
  channel: ChannelSettings,
  clusterId: string,
): boolean {
  return isOwnedBy(streamOwnerOf(config.metadata), clusterId, channel);
}

/** Gives a stream's metadata with the name of this channel as its owner's. */
export function ownedMetadata(
  info: StreamInfo | undefined,
  { namespace, name }: ChannelSettings,
  { clusterId, origin }: { clusterId: string; origin: StreamOrigin },
): Record<string, string> {
  const added = info?.config.metadata?.[ADDED_SUBJECT_KEY];
  return {
    ...withoutOwner(info?.config.metadata),
    ...(added === undefined ? {} : { [ADDED_SUBJECT_KEY]: added }),
    ...streamMetadataFor({ clusterId, channel: { namespace, name }, origin }),
  };
}

/** Leaves out of a stream's metadata what servers write about themselves. */
export function withoutServersOwn(
  metadata: Record<string, string> | undefined,
): Record<string, string> {
  const entries = Object.entries(metadata ?? {});
  return Object.fromEntries(entries.filter(([key]) => !key.startsWith("_nats.")));
}

/** Leaves out of a stream's metadata whose it is, too. */
export function withoutOwner(metadata: Record<string, string> | undefined): Record<string, string> {
  const others = Object.entries(withoutServersOwn(metadata));
  return Object.fromEntries(others.filter(([key]) => !key.startsWith(OWNER_KEY_PREFIX)));
}

/** Decides how far an existing stream is the channel's. */
function decide(info: StreamInfo, channel: ChannelSettings, clusterId: string): TakenStream {
  const { name, metadata, subjects } = info.config as Partial<StreamInfo["config"]>;
  const owner = streamOwnerOf(metadata);
  if (owner !== undefined) {
    if (isOwnedBy(owner, clusterId, channel)) return { ok: true, info, origin: owner.origin };
    const isOurCluster = owner.clusterId === clusterId;
    // Of two channels of one cluster that may take it from each other, neither would ever keep it.
    if (isOurCluster || channel.annotations[TAKE_OVER_ANNOTATION] !== owner.clusterId) {
      const remedy = isOurCluster
        ? `take the metadata with ${OWNER_KEY_PREFIX} off the stream`
        : `allow to take it with the annotation ${TAKE_OVER_ANNOTATION}: ${owner.clusterId}`;
      return refusal(
        `stream ${name} belongs to ${describeOwner(owner)}; choose another name with ` +
          `spec.stream.overrideName, or, if that owner is gone, ${remedy}`,
      );
    }
    return { ok: true, info, origin: owner.origin };
  }
  if (channel.stream.overridden) return { ok: true, info, origin: "adopted" };
  // A mirror has none.
  const has = subjects ?? [];
  if (has.length === 1 && has[0] === channel.stream.subject) {
    return { ok: true, info, origin: "claimed" };
  }
  return refusal(
    `stream ${name} is there already, with the subjects ${has.join(", ") || "(none)"} and ` +
      `no owner of ours; to use it as it is, name it in spec.stream.overrideName`,
  );
}

function refusal(message: string): TakenStream {
  return { ok: false, reason: "StreamOwnedByAnother", message };
}
