/**
 * Who owns a stream or consumer, as written in its metadata:
 *
 *     messaging.knative.dev/jetstream-channel.cluster     uid of the cluster's namespace kube-system, or "standalone"
 *     messaging.knative.dev/jetstream-channel.namespace   namespace of the channel
 *     messaging.knative.dev/jetstream-channel.name        name of the channel
 *     messaging.knative.dev/jetstream-channel.origin      streams: created | claimed | adopted
 *     messaging.knative.dev/jetstream-channel.subject     streams: the channel's subject, where it was added to an adopted stream
 *     messaging.knative.dev/jetstream-channel.subscriber  consumers: uid of the subscriber
 *     messaging.knative.dev/jetstream-channel.migrated    consumers: the stream sequence at which it carries on from a push consumer
 *
 * Streams and consumers live longer than any release, so these keys never change.
 */

/** Begins every metadata key of ours on streams and consumers. */
export const OWNER_KEY_PREFIX = "messaging.knative.dev/jetstream-channel.";

/** Says on a consumer where it carries on from a push consumer; its start then differs from the channel's spec, and that is right. */
export const MIGRATED_KEY = `${OWNER_KEY_PREFIX}migrated`;

/** Says on an adopted stream which subject was added to it, and has to go when the stream is left to its owner. */
export const ADDED_SUBJECT_KEY = `${OWNER_KEY_PREFIX}subject`;

const CLUSTER_KEY = `${OWNER_KEY_PREFIX}cluster`;
const NAMESPACE_KEY = `${OWNER_KEY_PREFIX}namespace`;
const NAME_KEY = `${OWNER_KEY_PREFIX}name`;
const ORIGIN_KEY = `${OWNER_KEY_PREFIX}origin`;
const SUBSCRIBER_KEY = `${OWNER_KEY_PREFIX}subscriber`;

/**
 * Says how a stream became ours: `created` by us; `claimed`, left without metadata by the Go implementation under the derived name and
 * subject; `adopted`, somebody else's, whose settings stay its owner's and which is never deleted.
 */
export type StreamOrigin = "created" | "claimed" | "adopted";

/** Names a channel. */
export interface ChannelName {
  namespace: string;
  name: string;
}

/** Names the owner of a stream: one channel of one cluster. */
export interface StreamOwner {
  clusterId: string;
  channel: ChannelName;
  origin: StreamOrigin;
}

/** Names the owner of a consumer: one subscriber of a channel of a cluster. */
export interface ConsumerOwner {
  clusterId: string;
  channel: ChannelName;
  subscriberUid: string;
}

type Metadata = Readonly<Record<string, string>>;

/** Gives the metadata that says whose a stream is. */
export function streamMetadataFor(owner: StreamOwner): Record<string, string> {
  return { ...channelMetadata(owner), [ORIGIN_KEY]: owner.origin };
}

/** Gives the metadata that says whose a consumer is. */
export function consumerMetadataFor(owner: ConsumerOwner): Record<string, string> {
  return { ...channelMetadata(owner), [SUBSCRIBER_KEY]: owner.subscriberUid };
}

/**
 * Reads whose a stream is; undefined when it carries no metadata of ours. What is missing in damaged metadata is "", which is nobody, and
 * an unknown origin counts as adopted: in doubt a stream is neither taken nor deleted.
 */
export function streamOwnerOf(metadata: Metadata | undefined): StreamOwner | undefined {
  if (!isOurs(metadata)) return undefined;
  const origin = metadata[ORIGIN_KEY];
  return {
    ...channelOwnerOf(metadata),
    origin: origin === "created" || origin === "claimed" ? origin : "adopted",
  };
}

/** Reads whose a consumer is; undefined when it carries no metadata of ours. What is missing in damaged metadata is "". */
export function consumerOwnerOf(metadata: Metadata | undefined): ConsumerOwner | undefined {
  if (!isOurs(metadata)) return undefined;
  return { ...channelOwnerOf(metadata), subscriberUid: metadata[SUBSCRIBER_KEY] ?? "" };
}

/** Tells whether an owner is the given channel of the given cluster. */
export function isOwnedBy(
  owner: Pick<StreamOwner, "clusterId" | "channel"> | undefined,
  clusterId: string,
  { namespace, name }: ChannelName,
): boolean {
  return (
    owner?.clusterId === clusterId &&
    owner.channel.namespace === namespace &&
    owner.channel.name === name
  );
}

/** Names an owner in a sentence: `channel default/orders of cluster 7e1c`, `subscriber 4f2a of channel default/orders of cluster 7e1c`. */
export function describeOwner(owner: StreamOwner | ConsumerOwner): string {
  const { namespace, name } = owner.channel;
  const channel = `channel ${namespace || "?"}/${name || "?"} of cluster ${owner.clusterId || "?"}`;
  return "subscriberUid" in owner
    ? `subscriber ${owner.subscriberUid || "?"} of ${channel}`
    : channel;
}

function channelMetadata({ clusterId, channel }: Pick<StreamOwner, "clusterId" | "channel">) {
  return {
    [CLUSTER_KEY]: clusterId,
    [NAMESPACE_KEY]: channel.namespace,
    [NAME_KEY]: channel.name,
  };
}

function channelOwnerOf(metadata: Metadata): Pick<StreamOwner, "clusterId" | "channel"> {
  return {
    clusterId: metadata[CLUSTER_KEY] ?? "",
    channel: { namespace: metadata[NAMESPACE_KEY] ?? "", name: metadata[NAME_KEY] ?? "" },
  };
}

function isOurs(metadata: Metadata | undefined): metadata is Metadata {
  return Object.keys(metadata ?? {}).some((key) => key.startsWith(OWNER_KEY_PREFIX));
}
