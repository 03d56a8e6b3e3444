import { JetStreamApiError } from "@nats-io/jetstream";

/** JetStream's error codes (`err_code`) that we act on, by NATS' names. */
const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND = 10014;
const STREAM_NAME_IN_USE = 10058;
const SUBJECTS_OVERLAP = 10065;
/** No servers for the placement and the replicas; replicas without a cluster. */
const LACK_OF_SERVERS = [10005, 10074];
const MORE_SERVERS = "ask for fewer replicas or another placement, or give NATS such servers";

/** Tells whether JetStream said that there is no such stream. */
export function isStreamNotFound(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND;
}

/** Tells whether JetStream said that there is no such consumer, or not even its stream. */
export function isConsumerNotFound(error: unknown): boolean {
  return (
    isStreamNotFound(error) ||
    (error instanceof JetStreamApiError && error.code === CONSUMER_NOT_FOUND)
  );
}

/** Tells whether a stream of that name was there already, with another configuration. */
export function isStreamNameInUse(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === STREAM_NAME_IN_USE;
}

/** Tells whether a stream was refused because another one has one of its subjects. */
export function isSubjectOverlap(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === SUBJECTS_OVERLAP;
}

/**
 * Tells whether JetStream itself refused the request, so that asking again changes nothing. Its 500
 * is one, too (replicas beyond the servers there are, a change that it never makes); 503 is an outage.
 */
export function isRefusal(error: unknown): error is JetStreamApiError {
  return error instanceof JetStreamApiError && error.status >= 400 && error.status <= 500;
}

/**
 * Gives JetStream's words with its codes, and what to do where they do not say it:
 * `maximum consumers limit reached (400/10026)`.
 */
export function refusalSentence(error: JetStreamApiError): string {
  const sentence = `${error.message} (${error.status}/${error.code})`;
  return LACK_OF_SERVERS.includes(error.code) ? `${sentence}; ${MORE_SERVERS}` : sentence;
}
