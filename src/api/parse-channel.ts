import { z } from "zod";
import { ChannelSpec, NatsJetStreamChannel } from "./channel.ts";
import { compileConsumer } from "./compile-consumer.ts";
import { compileStream } from "./compile-stream.ts";
import { type Fault, faultsOf, sentenceFor } from "./faults.ts";
import { compileAuth } from "./login.ts";
import {
  ALLOW_DROPPING_EVENTS_ANNOTATION,
  SCOPE_ANNOTATION,
  streamNameFor,
  subjectFor,
  TAKE_OVER_ANNOTATION,
} from "./names.ts";
import { parseSubscribers } from "./parse-subscribers.ts";
import type {
  ChannelSettings,
  DestinationSettings,
  JetStreamNaming,
  ParsedChannel,
} from "./settings.ts";
import { isSubject, subjectsOverlap } from "./subjects.ts";
import { withoutNulls } from "./without-nulls.ts";

/**
 * Turns an object that somebody wrote into the settings of a channel. Whoever brings channels in calls it, once per version of an object:
 *
 *   1. nulls go, as Kubernetes drops them
 *   2. the channel's own fields are checked, then the subscribers one by one (parse-subscribers.ts): all faults, not only the first
 *   3. what passed is compiled: milliseconds, NATS' words, derived names
 *
 * It knows nothing of servers: what only a NATS server can refuse is refused there.
 */

// Subscribers are parsed one by one, so that a bad one does not refuse the channel. The status was written by programs: what of it cannot be
// read is no fault of the user's, and only the resolved dead-letter sink is needed.
const ChannelInput = NatsJetStreamChannel.extend({
  spec: ChannelSpec.extend({ subscribers: z.array(z.unknown()).optional() }).optional(),
  status: z
    .looseObject({
      deadLetterSinkUri: z.string().optional(),
      deadLetterSinkCACerts: z.string().optional(),
      deadLetterSinkAudience: z.string().optional(),
    })
    .optional()
    .catch(undefined),
});
type ChannelInput = z.infer<typeof ChannelInput>;

// Reads what it can from an object of any form.
const Glimpse = z.looseObject({
  metadata: z
    .looseObject({ name: z.string().min(1), namespace: z.string().min(1).default("default") })
    .optional()
    .catch(undefined),
  spec: z
    .looseObject({
      subscribers: z.array(z.unknown()).catch([]),
      stream: z
        .looseObject({
          overrideName: z.string().optional().catch(undefined),
          config: z.looseObject({
            additionalSubjects: z.array(z.unknown()).catch([]),
            template: z.string().optional().catch(undefined),
          }),
        })
        .optional()
        .catch(undefined),
    })
    .optional()
    .catch(undefined),
});
type Glimpse = z.infer<typeof Glimpse>;

/**
 * Parses one channel. A faulty field of the channel refuses it as a whole; a faulty subscriber is refused alone. All faults are reported,
 * each with its path and a sentence that says what is allowed; nothing is thrown, whatever the value is.
 */
export function parseChannel(
  value: unknown,
  options: { jetstream: JetStreamNaming },
): ParsedChannel {
  const object = withoutNulls(value);
  const parsed = ChannelInput.safeParse(object, { error: sentenceFor });
  const glimpse: Glimpse = Glimpse.safeParse(object).data ?? {};
  const faults = [
    ...(parsed.success ? [] : faultsOf(parsed.error)),
    ...ownSubjectFaults(glimpse, options.jetstream),
    ...ownTemplateFaults(glimpse, options.jetstream),
  ];
  const { subscribers, refusals } = parseSubscribers(glimpse.spec?.subscribers ?? [], {
    spec: parsed.data?.spec?.delivery,
    resolved: resolvedDeadLetter(parsed.data?.status),
  });
  if (!parsed.success || faults.length > 0) {
    return { ok: false, key: keyOf(glimpse), refusals: [...faults, ...refusals] };
  }
  const channel = compileChannel(parsed.data, options.jetstream);
  return { ok: true, channel: { ...channel, subscribers }, refusals };
}

function compileChannel(
  { metadata, spec }: ChannelInput,
  naming: JetStreamNaming,
): Omit<ChannelSettings, "subscribers"> {
  const { namespace, name } = metadata;
  const auth = compileAuth(spec?.auth);
  return {
    key: `${namespace}/${name}`,
    namespace,
    name,
    uid: metadata.uid ?? "",
    generation: metadata.generation ?? 0,
    annotations: decisiveAnnotations(metadata.annotations),
    login: auth === undefined ? undefined : { auth, tls: undefined },
    stream: compileStream({ namespace, name }, spec?.stream ?? {}, naming),
    consumer: compileConsumer(spec?.consumerConfigTemplate ?? {}),
  };
}

/** Programs and people mark objects with further ones, which decide nothing. */
function decisiveAnnotations(annotations: Record<string, string> = {}): Record<string, string> {
  const decisive = [SCOPE_ANNOTATION, TAKE_OVER_ANNOTATION, ALLOW_DROPPING_EVENTS_ANNOTATION];
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => decisive.includes(key)));
}

function resolvedDeadLetter(status: ChannelInput["status"]): DestinationSettings | undefined {
  if (!status?.deadLetterSinkUri) return undefined;
  return {
    uri: status.deadLetterSinkUri,
    caCerts: status.deadLetterSinkCACerts || undefined,
    audience: status.deadLetterSinkAudience || undefined,
  };
}

function keyOf({ metadata }: Glimpse): string | undefined {
  return metadata === undefined ? undefined : `${metadata.namespace}/${metadata.name}`;
}

function ownSubjectFaults({ metadata, spec }: Glimpse, naming: JetStreamNaming): Fault[] {
  if (metadata === undefined) return [];
  const own = subjectFor(metadata, naming);
  const additional = spec?.stream?.config.additionalSubjects ?? [];
  return additional.flatMap((subject, index) => {
    if (typeof subject !== "string" || !isSubject(subject)) return [];
    const what = subjectsOverlap(subject, own)
      ? "overlaps with the channel's own subject"
      : subjectsOverlap(subject, `${own}.>`) &&
        "is reserved, as all subjects below the channel's own";
    if (what === false) return [];
    const path = `spec.stream.config.additionalSubjects[${index}]`;
    return [{ path, reason: `"${subject}" ${what} "${own}"` }];
  });
}

function ownTemplateFaults({ metadata, spec }: Glimpse, naming: JetStreamNaming): Fault[] {
  const { overrideName, config } = spec?.stream ?? {};
  if (metadata === undefined || config?.template === undefined) return [];
  if (config.template !== (overrideName ?? streamNameFor(metadata, naming))) return [];
  const reason = `another stream expected, got "${config.template}", which is the channel's own`;
  return [{ path: "spec.stream.config.template", reason }];
}
