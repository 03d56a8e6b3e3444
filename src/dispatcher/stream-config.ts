/*
 * A channel's stream as the server's configuration: pure. What differs from it is found in
 * stream-changes.ts.
 *
 * What the channel says itself counts first, then what its template has, then the server's default; of
 * a stream that was there before its channel, what it has (claimedConfigFor). How long the server
 * looks for duplicates is limited by its own configuration, so that the default is the server's to
 * choose: it is left out.
 *
 * A template is another stream of the account, whose settings are taken over as far as a channel could
 * make them itself (TRANSFERABLE). Not taken over: what makes it that stream (name, subjects, mirror,
 * sources, description, metadata), what a channel cannot work with (no_ack, sealed) and what it has no
 * field for (republish, transforms, switches for features of messages).
 */
import type { StreamSettings, StreamSourceSettings } from "../api/settings.ts";
import { NANOS_PER_MS, type StreamConfig } from "../nats/jetstream.ts";

const UNLIMITED = -1;

/** How long the server looks for duplicates where neither a channel nor its own limits say it. */
export const DEFAULT_DUPLICATE_WINDOW = 120_000 * NANOS_PER_MS;

/** The server's defaults in words, so that a change shows. */
const DEFAULTS = {
  retention: "limits",
  storage: "file",
  discard: "old",
  num_replicas: 1,
  max_consumers: UNLIMITED,
  max_msgs: UNLIMITED,
  max_bytes: UNLIMITED,
  max_msg_size: UNLIMITED,
  max_msgs_per_subject: UNLIMITED,
  max_age: 0,
  deny_delete: false,
  deny_purge: false,
} as const satisfies Partial<StreamConfig>;

/** What a template gives. */
const TRANSFERABLE = [
  ...(Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]),
  "duplicate_window",
  "placement",
  "compression",
  "allow_direct",
] as const satisfies (keyof StreamConfig)[];

/** What the server is asked for; absent fields are its defaults. */
export type ChannelStreamConfig = Partial<StreamConfig> & { name: string; subjects: string[] };

/**
 * Gives the configuration of a channel's stream, made after a template where there is one; the metadata
 * comes from ownership.
 */
export function streamConfigFor(
  stream: StreamSettings,
  template?: StreamConfig,
): ChannelStreamConfig {
  const base = { ...DEFAULTS, ...(template && transferableOf(template)) };
  const said = { ...base, ...saidConfigFor(stream) };
  const { duplicate_window: window, ...config } = said;
  return {
    ...config,
    name: stream.name,
    // A mirror has its origin's subjects, and none of its own.
    subjects: stream.mirror === undefined ? [stream.subject, ...stream.additionalSubjects] : [],
    ...withoutUnset({ duplicate_window: windowFor(stream, window, config.max_age) }),
  };
}

/**
 * Gives the configuration of a stream that an earlier channel has left, with what its admin may have
 * set by hand: what the channel does not say stays as it is.
 */
export function claimedConfigFor(
  stream: StreamSettings,
  config: StreamConfig,
  template?: StreamConfig,
): ChannelStreamConfig {
  const { description, sources } = config;
  const base = { ...config, ...(template && transferableOf(template)) };
  return { ...withoutUnset({ description, sources }), ...streamConfigFor(stream, base) };
}

/** Gives what a channel itself says of its stream's configuration, without defaults, subjects and metadata. */
export function saidConfigFor(stream: StreamSettings): Partial<StreamConfig> {
  const { placement, mirror, sources, maxAgeMs, duplicateWindowMs } = stream;
  return withoutUnset({
    retention: stream.retention,
    storage: stream.storage,
    discard: stream.discard,
    num_replicas: stream.replicas,
    max_consumers: stream.maxConsumers,
    max_msgs: stream.maxMsgs,
    max_bytes: stream.maxBytes,
    max_msg_size: stream.maxMsgSize,
    max_msgs_per_subject: stream.maxMsgsPerSubject,
    max_age: maxAgeMs === undefined ? undefined : nanos(maxAgeMs),
    duplicate_window: duplicateWindowMs ? nanos(duplicateWindowMs) : undefined,
    deny_delete: stream.denyDelete,
    deny_purge: stream.denyPurge,
    placement: placement && placementFor(placement),
    mirror: mirror && sourceFor(mirror),
    sources: sources.length === 0 ? undefined : sources.map(sourceFor),
    compression: stream.compression as StreamConfig["compression"] | undefined,
    allow_direct: stream.allowDirect,
    description: stream.description,
  }) as Partial<StreamConfig>;
}

function transferableOf(template: StreamConfig): Partial<StreamConfig> {
  return withoutUnset(
    Object.fromEntries(TRANSFERABLE.map((field) => [field, template[field]])),
  ) as Partial<StreamConfig>;
}

/** Gives the window, undefined for the server's own, which an explicit 0 means, too. */
function windowFor(
  { duplicateWindowMs, sources }: StreamSettings,
  said: number | undefined,
  maxAge: number,
): number | undefined {
  // A stream with sources looks for no duplicates unless it is told to.
  const ownDefault = sources.length === 0 ? undefined : DEFAULT_DUPLICATE_WINDOW;
  const window = duplicateWindowMs === 0 ? ownDefault : (said ?? ownDefault);
  if (window === undefined) return undefined;
  // The server refuses a window that is longer than the events live; what the channel says, it says.
  const isOther = !duplicateWindowMs && maxAge > 0;
  return isOther ? Math.min(maxAge, window) : window;
}

/** The server takes whole nanoseconds only. */
function nanos(ms: number): number {
  return Math.round(ms * NANOS_PER_MS);
}

function placementFor({ cluster, tags }: NonNullable<StreamSettings["placement"]>) {
  return withoutUnset({ cluster, tags: tags.length === 0 ? undefined : tags });
}

function sourceFor({ name, optStartSeq, optStartTime, filterSubject }: StreamSourceSettings) {
  return {
    name,
    ...withoutUnset({
      opt_start_seq: optStartSeq === undefined ? undefined : Number(optStartSeq),
      opt_start_time: optStartTime,
      filter_subject: filterSubject,
    }),
  };
}

function withoutUnset<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
