import { parseGoDuration } from "./duration.ts";
import { streamNameFor, subjectFor } from "./names.ts";
import type { ChannelName } from "./ownership.ts";
import type { JetStreamNaming, StreamSettings, StreamSourceSettings } from "./settings.ts";
import type { StreamConfig, StreamSource, StreamSpec } from "./stream-spec.ts";
import { COMPRESSION, DELETION_POLICY, DISCARD, meaningOf, RETENTION, STORAGE } from "./words.ts";

type Limits = Pick<
  StreamSettings,
  "maxConsumers" | "maxMsgs" | "maxBytes" | "maxMsgSize" | "maxMsgsPerSubject"
>;

/** Compiles a checked `spec.stream` into what the stream of this channel should be; what is unset stays undefined. */
export function compileStream(
  channel: ChannelName,
  spec: StreamSpec,
  naming: JetStreamNaming,
): StreamSettings {
  const config = spec.config ?? {};
  return {
    name: spec.overrideName ?? streamNameFor(channel, naming),
    overridden: spec.overrideName !== undefined,
    subject: subjectFor(channel, naming),
    deletionPolicy: meaningOf(DELETION_POLICY, spec.deletionPolicy),
    additionalSubjects: config.additionalSubjects ?? [],
    retention: meaningOf(RETENTION, config.retention),
    storage: meaningOf(STORAGE, config.storage),
    discard: meaningOf(DISCARD, config.discard),
    // The Go implementation writes 0 where nothing is set.
    replicas: config.replicas || undefined,
    ...limitsOf(config),
    maxAgeMs: goMs(config.maxAge),
    duplicateWindowMs: goMs(config.duplicateWindow),
    noAck: false,
    placement: placementOf(config),
    mirror: config.mirror === undefined ? undefined : compileSource(config.mirror),
    sources: (config.sources ?? []).map(compileSource),
    compression: meaningOf(COMPRESSION, config.compression),
    allowDirect: config.allowDirect,
    description: config.description,
    metadata: config.metadata ?? {},
    denyDelete: config.denyDelete,
    denyPurge: config.denyPurge,
    template: config.template,
  };
}

/** Writes a start sequence as a decimal number; 0 is Go's way to leave it out. */
export function startSequence(value: string | number | undefined): string | undefined {
  const sequence = BigInt(value ?? 0);
  return sequence === 0n ? undefined : sequence.toString();
}

/** Turns a maximum's explicit 0 into -1, the server's word for "no maximum". */
export function maximum(value: number | undefined): number | undefined {
  return value === 0 ? -1 : value;
}

function limitsOf(config: StreamConfig): Limits {
  return {
    maxConsumers: maximum(config.maxConsumers),
    maxMsgs: maximum(config.maxMsgs),
    maxBytes: maximum(config.maxBytes),
    maxMsgSize: maximum(config.maxMsgSize),
    maxMsgsPerSubject: maximum(config.maxMsgsPerSubject),
  };
}

function placementOf({ placement }: StreamConfig): StreamSettings["placement"] {
  if (placement?.cluster === undefined && placement?.tags === undefined) return undefined;
  return { cluster: placement.cluster, tags: placement.tags ?? [] };
}

function compileSource(source: StreamSource): StreamSourceSettings {
  const optStartSeq = startSequence(source.optStartSeq);
  return {
    name: source.name,
    optStartSeq,
    optStartTime: optStartSeq === undefined ? source.optStartTime : undefined,
    filterSubject: source.filterSubject,
  };
}

function goMs(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseGoDuration(text);
}
