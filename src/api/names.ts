import { hash } from "node:crypto";
import type { ChannelName } from "./ownership.ts";
import type { JetStreamNaming } from "./settings.ts";

/** The group and version of our API. */
export const API_VERSION = "messaging.knative.dev/v1alpha1";

/** The kind of our API. */
export const KIND = "NatsJetStreamChannel";

/** Says on a channel which dispatcher serves it: the `cluster`'s (default) or one in its `namespace`. */
export const SCOPE_ANNOTATION = "eventing.knative.dev/scope";

/** Tells whether a channel with these annotations asks for a dispatcher of its namespace's own. */
export function isNamespaceScoped(
  annotations: Readonly<Record<string, string>> | undefined,
): boolean {
  return annotations?.[SCOPE_ANNOTATION] === "namespace";
}

/** Names on a channel the cluster id of a stream's owner, and with it allows the channel to take that stream. */
export const TAKE_OVER_ANNOTATION = "nats.messaging.knative.dev/take-over";

/** Allows on a channel, with the value "true", that a change of its stream's limits or retention drops stored events. */
export const ALLOW_DROPPING_EVENTS_ANNOTATION = "nats.messaging.knative.dev/allow-dropping-events";

/** Holds a deleted channel until the dispatcher has deleted what it keeps in JetStream. */
export const FINALIZER = "natsjetstreamchannels.messaging.knative.dev";

/** Marks the Pods of both components, and is what their selectors select on. */
export const CHANNEL_LABEL = {
  key: "messaging.knative.dev/channel",
  value: "nats-jetstream-channel",
} as const;

/** Tells the components apart: `controller` or `dispatcher`. */
export const ROLE_LABEL = "messaging.knative.dev/role";

const SERVICE_SUFFIX = "-kn-jsm-channel";
const LONGEST_LABEL = 63;
const MD5_HEX_LENGTH = 32;

const NO_PREFIXES: JetStreamNaming = { subjectPrefix: "", streamPrefix: "" };

/**
 * Derives a channel's stream. The prefix goes before it as it is.
 * - default/orders → `KN_DEFAULT__ORDERS`
 * - my-ns/my-orders → `KN_MY_NS__MY_ORDERS`
 * - default/orders, prefix `EAST_` → `EAST_KN_DEFAULT__ORDERS`
 *
 * Two channels can have one name (a/b--c, a--b/c): a stream's metadata says whose it is.
 */
export function streamNameFor(
  { namespace, name }: ChannelName,
  naming: JetStreamNaming = NO_PREFIXES,
): string {
  const derived = `KN_${namespace}__${name}`.replaceAll("-", "_").toUpperCase();
  return `${naming.streamPrefix}${derived}`;
}

/**
 * Derives the subject that a channel's events are published to. The prefix goes before it with a dot.
 * - default/orders → `default.orders._knative`
 * - default/orders, prefix `east` → `east.default.orders._knative`
 */
export function subjectFor(
  { namespace, name }: ChannelName,
  naming: JetStreamNaming = NO_PREFIXES,
): string {
  const derived = `${namespace}.${name}._knative`;
  return naming.subjectPrefix === "" ? derived : `${naming.subjectPrefix}.${derived}`;
}

/**
 * Derives the durable consumer of a subscriber: 7b1d-Ab → `KN_SUB_7B1DAB`.
 * Names that go on with `_` (`KN_SUB_7B1DAB_M`) are reserved.
 */
export function consumerNameFor(uid: string): string {
  return `KN_SUB_${uid.replaceAll("-", "").toUpperCase()}`;
}

/**
 * Derives a channel's Service, as Knative derives the names of children (kmeta.ChildName).
 * - orders → `orders-kn-jsm-channel`
 * - with a name over 48 characters: its first 16, the MD5 of the whole name in hex, and `-kn-jsm-channel`: 63 characters
 */
export function channelServiceNameFor(channelName: string): string {
  if (channelName.length + SERVICE_SUFFIX.length <= LONGEST_LABEL) {
    return `${channelName}${SERVICE_SUFFIX}`;
  }
  const head = channelName.slice(0, LONGEST_LABEL - MD5_HEX_LENGTH - SERVICE_SUFFIX.length);
  // MD5 because clusters already hold such names; it protects nothing.
  return `${head}${hash("md5", channelName)}${SERVICE_SUFFIX}`;
}

/**
 * Lists the hosts under which a channel takes events, the address first: default, orders, cluster.local →
 * - `orders-kn-jsm-channel.default.svc.cluster.local`
 * - `orders-kn-jsm-channel.default.svc`
 * - `orders-kn-jsm-channel.default`
 */
export function channelHostsFor(namespace: string, name: string, clusterDomain: string): string[] {
  const short = `${channelServiceNameFor(name)}.${namespace}`;
  return [`${short}.svc.${clusterDomain}`, `${short}.svc`, short];
}

/**
 * Says whether a Host header has the form of a channel's hosts, known or not. Case, port and a trailing dot do not count.
 * - `Orders-kn-jsm-channel.default.svc.cluster.local:80` → true
 * - `orders-kn-jsm-channel`, `orders.default.svc.cluster.local` → false
 */
export function isChannelHost(host: string, clusterDomain: string): boolean {
  if (host.length > 300) return false;
  const bare = host.toLowerCase().replace(/:\d+$/, "").replace(/\.$/, "");
  const [service = "", namespace = "", ...rest] = bare.split(".");
  const domain = rest.join(".");
  return (
    isLabel(service) &&
    service.endsWith(SERVICE_SUFFIX) &&
    service.length > SERVICE_SUFFIX.length &&
    isLabel(namespace) &&
    (domain === "" || domain === "svc" || domain === `svc.${clusterDomain.toLowerCase()}`)
  );
}

function isLabel(text: string): boolean {
  return text.length <= LONGEST_LABEL && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text);
}
