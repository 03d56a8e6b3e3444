import { encodeHeaderValue, InvalidEventError } from "./attributes.ts";
import type { Event } from "./event.ts";
import { jsonBody } from "./json-body.ts";
import { scanJsonEvent } from "./json-event.ts";
import { bufferOf, decodeBase64 } from "./json-string.ts";

/** Why an event could not be delivered. */
export interface DeliveryFailure {
  /** The URI of the subscriber or reply destination, as it was given to us. */
  destination: string;
  /** Undefined when there was no response. */
  statusCode: number | undefined;
  body: Uint8Array | undefined;
  /** What went wrong, in words; used when there was no response. */
  reason: string;
}

/** Knative caps `knativeerrordata` at 1,024 characters: base64 of 768 bytes, without padding. */
const MAX_ERROR_DATA_BYTES = 768;

const ERROR_ATTRIBUTES = new Set(["knativeerrordest", "knativeerrorcode", "knativeerrordata"]);

/**
 * Makes the event that a dead-letter sink gets: the original with `knativeerrordest` (the destination verbatim),
 * `knativeerrorcode` (the status, 500 when there was no response) and `knativeerrordata` (base64 of the response body,
 * or of what went wrong when there was no response; at most 1,024 characters; left out when there is nothing). Attributes
 * of these names from an earlier failure are replaced.
 */
export function deadLetterEvent(event: Event, failure: DeliveryFailure): Event {
  const errors = errorAttributes(failure);
  const attributes = event.attributes.filter(([name]) => !ERROR_ATTRIBUTES.has(name));
  const hadErrors = attributes.length < event.attributes.length;
  for (const [name, text] of errors) {
    attributes.push([name, encodeHeaderValue(text)]);
  }
  const dead: Event = { ...event, attributes };
  if (event.structured !== undefined) {
    const { contentType, body } = event.structured;
    const spliced = hadErrors ? undefined : withMembers(body, errors);
    dead.structured = { contentType, body: spliced ?? jsonBody(dead) };
  }
  return dead;
}

/** Writes members before the closing brace of a JSON event; undefined when it would then have a member twice (one that is null there). */
function withMembers(body: Uint8Array, members: [string, string][]): Uint8Array | undefined {
  const bytes = bufferOf(body);
  const end = bytes.lastIndexOf("}");
  let text = "";
  for (const [name, value] of members) {
    text += `,"${name}":${JSON.stringify(value)}`;
  }
  const spliced = Buffer.concat([bytes.subarray(0, end), Buffer.from(text), bytes.subarray(end)]);
  try {
    scanJsonEvent(spliced);
    return spliced;
  } catch (error) {
    if (error instanceof InvalidEventError) {
      return undefined;
    }
    throw error;
  }
}

function errorAttributes(failure: DeliveryFailure): [name: string, text: string][] {
  const { destination, data } = brokerFilterFailure(failure) ?? plainFailure(failure);
  const attributes: [string, string][] = [
    ["knativeerrordest", destination],
    ["knativeerrorcode", String(failure.statusCode ?? 500)],
  ];
  if (data.length > 0) {
    const kept = bufferOf(data.subarray(0, MAX_ERROR_DATA_BYTES));
    attributes.push(["knativeerrordata", kept.toString("base64")]);
  }
  return attributes;
}

interface FailedDestination {
  destination: string;
  data: Uint8Array;
}

function plainFailure({
  destination,
  statusCode,
  body,
  reason,
}: DeliveryFailure): FailedDestination {
  const data =
    statusCode === undefined ? Buffer.from(`dispatch error: ${reason}`) : (body ?? Buffer.alloc(0));
  return { destination, data };
}

/**
 * Reads the answer of Knative's broker filter, which delivers on our behalf and tells in its body which destination
 * failed and what that answered: `{"errdestination": <URL>, "errresponsebody": <base64 or null>}`. Undefined when the
 * destination is none or the body is not that.
 */
function brokerFilterFailure({
  destination,
  body,
}: DeliveryFailure): FailedDestination | undefined {
  if (body === undefined || !/^https?:\/\/broker-filter\./i.test(destination)) {
    return undefined;
  }
  const { errdestination, errresponsebody } = parsedObject(body);
  if (typeof errdestination !== "string" || errdestination === "") {
    return undefined;
  }
  const data = typeof errresponsebody === "string" ? decodeBase64(errresponsebody) : undefined;
  return { destination: errdestination, data: data ?? Buffer.alloc(0) };
}

function parsedObject(body: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bufferOf(body).toString());
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
