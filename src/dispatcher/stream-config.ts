/*
 * A channel's stream as the server's configuration: pure. Nanoseconds are only here and in
 * consumer-config.ts.
 *
 * What the channel says itself counts first, then what its template has, then the server's default. A
 * template is another stream of the account, whose settings are taken over as far as a channel could
 * make them itself (TRANSFERABLE). Not taken over: what makes it that stream (name, subjects, mirror,
 * sources, description, metadata), what a channel cannot work with (no_ack, sealed) and what it has no
 * field for (republish, transforms, switches for features of messages).
 */
import type { StreamSettings, StreamSourceSettings } from "../api/settings.ts";
import type { StreamConfig } from "../nats/jetstream.ts";

const NANOS_PER_MS = 1_000_000;
const DEFAULT_DUPLICATE_WINDOW = 120_000 * NANOS_PER_MS;
const UNLIMITED = -1;

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
  duplicate_window: DEFAULT_DUPLICATE_WINDOW,
  deny_delete: false,
  deny_purge: false,
} as const satisfies Partial<StreamConfig>;

/** What a template gives. */
const TRANSFERABLE = [
  ...(Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]),
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
  const config = { ...base, ...saidConfigFor(stream) };
  return {
    ...config,
    name: stream.name,
    // A mirror has its origin's subjects, and none of its own.
    subjects: stream.mirror === undefined ? [stream.subject, ...stream.additionalSubjects] : [],
    duplicate_window: duplicateWindow(stream, base.duplicate_window, config.max_age),
  };
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
    duplicate_window:
      duplicateWindowMs === undefined
        ? undefined
        : nanos(duplicateWindowMs) || DEFAULT_DUPLICATE_WINDOW,
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

function duplicateWindow(
  { duplicateWindowMs }: StreamSettings,
  ofBase: number,
  maxAge: number,
): number {
  // The server reads 0 as its own default.
  if (duplicateWindowMs !== undefined && duplicateWindowMs > 0) return nanos(duplicateWindowMs);
  const window = duplicateWindowMs === 0 ? DEFAULT_DUPLICATE_WINDOW : ofBase;
  // The server refuses a window that is longer than the events live.
  return maxAge > 0 ? Math.min(maxAge, window) : window;
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
