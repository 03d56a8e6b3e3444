import { type DeliverySpec, type Destination, SubscriberSpec } from "./duck.ts";
import { parseIsoDuration } from "./duration.ts";
import { type Fault, faultsOf, sentenceFor, shown } from "./faults.ts";
import { isHttpUrl } from "./fields.ts";
import { consumerNameFor } from "./names.ts";
import type {
  DeliverySettings,
  DestinationSettings,
  Refusal,
  SubscriberSettings,
} from "./settings.ts";
import { BACKOFF_POLICY, FORMAT, meaningOf } from "./words.ts";

/**
 * Parses `spec.subscribers`, each entry by itself:
 *
 *   1. its fields and URIs
 *   2. its delivery, or where it has none the whole of the channel's, dead-letter sink included
 *   3. its consumer's name, which no entry before it may have
 *
 * An entry that fails is one refusal, with all its faults in it, and is left out; the others stay. Called by parse-channel.ts.
 */

/** Is what a channel gives to subscribers without a delivery of their own; `resolved` is the dead-letter sink found in its status. */
export interface ChannelDelivery {
  spec: DeliverySpec | undefined;
  resolved: DestinationSettings | undefined;
}

// A longer timer would fire at once (setTimeout keeps an int32).
const LONGEST_TIMER_MS = 2 ** 31 - 1;

type Parsed = { ok: true; subscriber: SubscriberSettings } | { ok: false; faults: Fault[] };

/** Parses the entries; a refusal's path begins with `spec.subscribers[n]`, or names the channel's dead-letter sink where that is what fails. */
export function parseSubscribers(
  entries: readonly unknown[],
  channel: ChannelDelivery,
): { subscribers: SubscriberSettings[]; refusals: Refusal[] } {
  const subscribers: SubscriberSettings[] = [];
  const refusals: Refusal[] = [];
  const taken: TakenNames = new Map();
  for (const [index, entry] of entries.entries()) {
    const parsed = parseSubscriber(entry, index, channel);
    const faults = parsed.ok ? nameFaults(parsed.subscriber.uid, index, taken) : parsed.faults;
    if (parsed.ok && faults.length === 0) {
      subscribers.push(parsed.subscriber);
    } else {
      refusals.push(refusalOf(faults, entry));
    }
  }
  return { subscribers, refusals };
}

function parseSubscriber(entry: unknown, index: number, channel: ChannelDelivery): Parsed {
  const path = ["spec", "subscribers", index];
  const parsed = SubscriberSpec.safeParse(entry, { error: sentenceFor });
  if (!parsed.success) return { ok: false, faults: faultsOf(parsed.error, path) };
  const spec = parsed.data;
  const own = spec.delivery;
  const deadLetter = own
    ? deadLetterOf(own.deadLetterSink, undefined)
    : deadLetterOf(channel.spec?.deadLetterSink, channel.resolved);
  if (typeof deadLetter === "string") {
    const at = own ? `spec.subscribers[${index}].delivery` : "spec.delivery";
    return { ok: false, faults: [{ path: `${at}.deadLetterSink`, reason: deadLetter }] };
  }
  return {
    ok: true,
    subscriber: {
      uid: spec.uid,
      name: spec.name ?? "",
      generation: spec.generation ?? 0,
      subscriber: destination(spec.subscriberUri, spec.subscriberCACerts, spec.subscriberAudience),
      reply: destination(spec.replyUri, spec.replyCACerts, spec.replyAudience),
      delivery: compileDelivery(own ?? channel.spec ?? {}, deadLetter),
    },
  };
}

/** Gives the place of a dead letter, undefined where none is wanted, or the sentence of why there is none. */
function deadLetterOf(
  sink: Destination | undefined,
  resolved: DestinationSettings | undefined,
): DestinationSettings | string | undefined {
  if (sink === undefined) return undefined;
  if (resolved !== undefined) {
    return isHttpUrl(resolved.uri)
      ? resolved
      : `an absolute http or https URL expected, status.deadLetterSinkUri has ${shown(resolved.uri)}`;
  }
  const given = destination(sink.uri, sink.CACerts, sink.audience);
  if (given !== undefined && isHttpUrl(given.uri)) return given;
  return "not resolved: a ref is resolved by the controller into status.deadLetterSinkUri; without one, give an absolute uri here";
}

function destination(
  uri: string | undefined,
  caCerts: string | undefined,
  audience: string | undefined,
): DestinationSettings | undefined {
  // Knative's own types write an unset text as "".
  if (!uri) return undefined;
  return { uri, caCerts: caCerts || undefined, audience: audience || undefined };
}

function compileDelivery(
  spec: DeliverySpec,
  deadLetter: DestinationSettings | undefined,
): DeliverySettings {
  const timeoutMs = isoMs(spec.timeout);
  return {
    deadLetter,
    retry: spec.retry,
    timeoutMs: timeoutMs === undefined ? undefined : Math.min(timeoutMs, LONGEST_TIMER_MS),
    backoffPolicy: meaningOf(BACKOFF_POLICY, spec.backoffPolicy),
    backoffDelayMs: isoMs(spec.backoffDelay),
    backoffMaxMs: isoMs(spec.backoffMax),
    retryAfterMaxMs: isoMs(spec.retryAfterMax),
    format: meaningOf(FORMAT, spec.format),
  };
}

/** Keeps the consumers' names that are taken, and by which entry. */
type TakenNames = Map<string, { name: string; index: number }[]>;

function nameFaults(uid: string, index: number, taken: TakenNames): Fault[] {
  const name = consumerNameFor(uid);
  // `<name>_<suffix>` is reserved for what belongs to that consumer. Only names with one stem can meet in this way.
  const stem = name.split("_", 3).join("_");
  const rivals = taken.get(stem) ?? [];
  const rival = rivals.find(
    (other) => `${name}_`.startsWith(`${other.name}_`) || other.name.startsWith(`${name}_`),
  );
  if (rival === undefined) {
    taken.set(stem, [...rivals, { name, index }]);
    return [];
  }
  const reason = `its consumer ${name} collides with ${rival.name} of spec.subscribers[${rival.index}]; give another uid`;
  return [{ path: `spec.subscribers[${index}].uid`, reason }];
}

function refusalOf(faults: readonly Fault[], entry: unknown): Refusal {
  const [first, ...more] = faults;
  const reasons = [first?.reason, ...more.map(({ path, reason }) => `${path}: ${reason}`)];
  const refusal: Refusal = { path: first?.path ?? "spec.subscribers", reason: reasons.join("; ") };
  const uid = typeof entry === "object" && entry !== null && "uid" in entry ? entry.uid : undefined;
  return typeof uid === "string" ? { ...refusal, subscriberUid: uid } : refusal;
}

function isoMs(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseIsoDuration(text);
}
