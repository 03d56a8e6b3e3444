import { JetStreamApiError } from "@nats-io/jetstream";

/** JetStream's error codes (`err_code`) that we act on, by NATS' names. */
const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND = 10014;
const STREAM_NAME_IN_USE = 10058;

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

/**
 * Tells whether JetStream itself refused the request, so that asking again changes nothing. Its 500
 * is one, too (replicas beyond the servers there are, a change that it never makes); 503 is an outage.
 */
export function isRefusal(error: unknown): error is JetStreamApiError {
  return error instanceof JetStreamApiError && error.status >= 400 && error.status <= 500;
}

/** Gives JetStream's words with its codes: `maximum consumers limit reached (400/10026)`. */
export function refusalSentence(error: JetStreamApiError): string {
  return `${error.message} (${error.status}/${error.code})`;
}
