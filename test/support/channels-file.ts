import { randomUUID } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { dump } from "js-yaml";

/** Holds a NatsJetStreamChannel as a file of channels has it; what a test puts into `spec` is not checked. */
export interface ChannelObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; annotations?: Record<string, string> };
  spec: Record<string, unknown>;
}

/** Holds one entry of `spec.subscribers`, as Knative's Subscription controller writes it. */
export interface SubscriberObject {
  uid: string;
  generation: number;
  subscriberUri?: string;
  replyUri?: string;
  delivery?: Record<string, unknown>;
  [field: string]: unknown;
}

/** Names the parts of a channel that tests set; the namespace is `default` unless said. */
export interface ChannelParts {
  name: string;
  namespace?: string;
  annotations?: Record<string, string>;
  spec?: Record<string, unknown>;
}

/** Names the parts of a subscriber that tests set; any further field of the CRD goes in as it is. */
export interface SubscriberParts {
  uid?: string;
  generation?: number;
  uri?: string;
  replyUri?: string;
  delivery?: Record<string, unknown>;
  [field: string]: unknown;
}

/** Makes a channel object. */
export function aChannel({
  name,
  namespace = "default",
  annotations,
  spec = {},
}: ChannelParts): ChannelObject {
  return {
    apiVersion: "messaging.knative.dev/v1alpha1",
    kind: "NatsJetStreamChannel",
    metadata: { name, namespace, ...(annotations === undefined ? {} : { annotations }) },
    spec,
  };
}

/** Makes an entry of `spec.subscribers` with a uid of its own unless one is given. */
export function aSubscriber({
  uid = randomUUID(),
  generation = 1,
  uri,
  ...rest
}: SubscriberParts): SubscriberObject {
  return { uid, generation, ...(uri === undefined ? {} : { subscriberUri: uri }), ...rest };
}

/**
 * Writes channels as one YAML file of several documents, at once: a reader sees the old file or the new one, never a
 * part. An empty list makes an empty file.
 */
export function writeChannels(path: string, channels: readonly ChannelObject[]): Promise<void> {
  const documents = channels.map((channel) => dump(channel, { noRefs: true }));
  return writeFileAtOnce(path, documents.join("---\n"));
}

/** Replaces a file's text in one step; for texts that are no valid channels too. */
export async function writeFileAtOnce(path: string, text: string): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  await writeFile(draft, text);
  await rename(draft, path);
}
