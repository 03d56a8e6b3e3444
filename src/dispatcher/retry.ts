/*
 * Which outcomes of a delivery are tried again, how often, and after how long: pure.
 *
 * Sources: the CloudEvents delivery table of Knative's data plane spec ("Retry"), the DeliverySpec of
 * its control plane spec, and docs/delivery.md, which says what this project makes of them.
 */
import type { DeliverySettings } from "../api/settings.ts";

/** What a destination's answer means for the event. */
export type Outcome = "success" | "retriable" | "final";

const RETRIABLE_4XX = new Set([404, 408, 409, 429]);

/**
 * Sorts a status code; undefined stands for no answer (connection error, deadline). 2xx is success;
 * 404, 408, 409, 429, 5xx and codes out of the table are retriable; other 4xx and 3xx are final
 * (redirects are not followed), as is 1xx, which no well-behaved server leaves as its last word.
 */
export function outcomeFor(status: number | undefined): Outcome {
  if (status === undefined) return "retriable";
  if (status >= 200 && status < 300) return "success";
  if (RETRIABLE_4XX.has(status) || status >= 500) return "retriable";
  return "final";
}

/** Used for what a delivery spec leaves open: 2 s, doubled each time, 5 minutes at the most. */
const DEFAULT_BACKOFF_DELAY_MS = 2_000;
const DEFAULT_BACKOFF_MAX_MS = 300_000;
/** Longer than anybody waits, and well inside the nanoseconds of a nak's delay. */
const LONGEST_DELAY_MS = 7 * 86_400_000;
/** A millisecond doubled this often is beyond every limit, and still a finite number. */
const MOST_DOUBLINGS = 52;

/**
 * Tells how many attempts an event has in all; Infinity for "until success, a final answer, or the
 * stream's limits". `maxDeliver` is the user's cap from the consumer template.
 */
export function maxAttemptsFor(delivery: DeliverySettings, maxDeliver: number | undefined): number {
  const cap = maxDeliver === undefined || maxDeliver <= 0 ? Infinity : maxDeliver;
  return Math.min(cap, 1 + retriesFor(delivery));
}

/** Tells how many re-attempts a reply or dead letter has: `retry`; unset, 0 with a sink to fall back on. */
export function retriesFor(delivery: DeliverySettings): number {
  return delivery.retry ?? (delivery.deadLetter === undefined ? Infinity : 0);
}

/**
 * Tells how long to wait before re-attempt k (1, 2, …), in milliseconds: linear d·k, exponential
 * d·2^(k−1), at most `backoffMax`; a `Retry-After` raises it, up to `retryAfterMax`. Nothing waits
 * for longer than a week.
 */
export function retryDelayMs(
  delivery: DeliverySettings,
  reattempt: number,
  retryAfterMs: number | undefined,
): number {
  const delayMs = delivery.backoffDelayMs ?? DEFAULT_BACKOFF_DELAY_MS;
  const factor =
    delivery.backoffPolicy === "linear" ? reattempt : 2 ** Math.min(reattempt - 1, MOST_DOUBLINGS);
  const backoffMs = Math.min(delayMs * factor, backoffMaxMsFor(delivery));
  const askedMs = Math.min(retryAfterMs ?? 0, delivery.retryAfterMaxMs ?? 0);
  return Math.min(Math.max(backoffMs, askedMs), LONGEST_DELAY_MS);
}

/** Gives the longest back-off: `backoffMax`; without it a count of retries ends the growth by itself. */
function backoffMaxMsFor(delivery: DeliverySettings): number {
  const { backoffMaxMs, backoffDelayMs } = delivery;
  if (backoffMaxMs !== undefined) return backoffMaxMs;
  if (backoffDelayMs === undefined) return DEFAULT_BACKOFF_MAX_MS;
  // An endless series must not grow until nobody notices any more that the subscriber is back.
  const isEndless = retriesFor(delivery) === Infinity;
  return isEndless ? Math.max(DEFAULT_BACKOFF_MAX_MS, backoffDelayMs) : Infinity;
}

/** Tells when an event whose dead-letter sink is away starts over, in milliseconds. */
export function deadLetterDelayMs(delivery: DeliverySettings): number {
  return Math.min(delivery.backoffMaxMs ?? DEFAULT_BACKOFF_MAX_MS, DEFAULT_BACKOFF_MAX_MS);
}

/** The three forms of an HTTP date (RFC 9110 §5.6.7); only the last one, asctime's, does not name GMT. */
const HTTP_DATE =
  /^(?:[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT|[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4})$/;

/**
 * Reads a `Retry-After` header of a 429 or 503 (RFC 9110 §10.2.3: seconds or an HTTP date) as
 * milliseconds from `nowMs` (a Unix time); undefined when it is absent or makes no sense.
 */
export function retryAfterMsFor(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  if (!HTTP_DATE.test(text)) return undefined;
  const at = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
