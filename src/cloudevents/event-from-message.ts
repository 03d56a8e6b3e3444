import {
  headerFault,
  InvalidEventError,
  isAttributeName,
  isUnsetHeader,
  requiredHeadersFault,
  textFault,
} from "./attributes.ts";
import { attributeOf, type Event, isPassThroughHeader } from "./event.ts";
import { eventFromStructured } from "./event-from-structured.ts";
import { looksLikeJsonEvent } from "./json-event.ts";
import { eventFormat, JSON_EVENT_TYPE } from "./media-type.ts";
import { nativeEvent } from "./native-message.ts";

/*
 * Makes an event of whatever a stream holds, so that nothing stored is ever dropped. In this order:
 *
 *   1. content type application/cloudevents+json: a structured event
 *   2. `ce-*` headers with all that an event needs: a binary event (CloudEvents NATS binding)
 *   3. a JSON object with `specversion`: a structured event without headers, as the Go implementation stored them
 *   4. anything else, the first three when they turn out to be invalid included: a native NATS message, wrapped
 *
 * Called for every delivery. A header that can be no attribute, by its name or its value, stays behind, as do `Nats-*` and
 * all unknown ones. What it returns may still hold hostile text of native producers in its pass-through headers;
 * `httpMessageFor` is the gate before HTTP.
 */

/** A message as a stream holds it. */
export interface StoredMessage {
  subject: string;
  headers: Iterable<[string, string[]]> | undefined;
  data: Uint8Array;
  stream: string;
  sequence: number;
  /** When the server stored it, as RFC 3339; only asked for native messages. */
  storedAt: () => string;
}

/** The headers of a stored message, sorted by what they mean. */
export interface MessageHeaders {
  contentType: string | undefined;
  dataContentType: string | undefined;
  attributes: Event["attributes"];
  passThrough: Event["passThrough"];
}

/** Makes an event of a stored message; never throws, and never refuses. */
export function eventFromMessage(message: StoredMessage): Event {
  const headers = sortHeaders(message.headers);
  const { contentType, dataContentType, attributes, passThrough } = headers;
  const format = contentType === undefined ? undefined : eventFormat(contentType);
  if (format === undefined && isComplete(attributes)) {
    return {
      attributes,
      contentType: dataContentType ?? contentType,
      data: message.data,
      structured: undefined,
      passThrough,
    };
  }
  const structuredType = format === "json" ? contentType : undefined;
  const isStructured =
    structuredType !== undefined || (format === undefined && looksLikeJsonEvent(message.data));
  const event = isStructured
    ? structuredIfValid(message.data, structuredType ?? JSON_EVENT_TYPE, passThrough)
    : undefined;
  return event ?? nativeEvent(message, headers);
}

function sortHeaders(headers: StoredMessage["headers"]): MessageHeaders {
  const sorted: MessageHeaders = {
    contentType: undefined,
    dataContentType: undefined,
    attributes: [],
    passThrough: [],
  };
  if (headers === undefined) {
    return sorted;
  }
  // Names are case-sensitive in NATS, so one of ours may be there in several spellings: the first counts.
  const seen = new Set<string>();
  for (const [name, values] of headers) {
    const lowerName = name.toLowerCase();
    if (values[0] !== undefined && !seen.has(lowerName)) {
      seen.add(lowerName);
      sortHeader(sorted, lowerName, values);
    }
  }
  return sorted;
}

function sortHeader(sorted: MessageHeaders, name: string, values: string[]): void {
  const value = values[0] as string;
  if (name.startsWith("ce-")) {
    const attribute = name.slice(3);
    if (attribute === "datacontenttype") {
      sorted.dataContentType = contentTypeIn(value);
    } else if (isAttribute(attribute, value)) {
      sorted.attributes.push([attribute, value]);
    }
  } else if (name === "content-type") {
    sorted.contentType = contentTypeIn(value);
  } else if (isPassThroughHeader(name)) {
    for (const each of values) {
      sorted.passThrough.push([name, each]);
    }
  }
}

function isAttribute(name: string, value: string): boolean {
  return (
    isAttributeName(name) && !isUnsetHeader(name, value) && headerFault(name, value) === undefined
  );
}

function contentTypeIn(value: string): string | undefined {
  const type = value.trim();
  return type === "" || textFault("datacontenttype", type) !== undefined ? undefined : type;
}

/** Tells whether the attributes, each valid in itself, hold what every event must have. */
function isComplete(attributes: Event["attributes"]): boolean {
  return requiredHeadersFault((name) => attributeOf(attributes, name)) === undefined;
}

function structuredIfValid(
  body: Uint8Array,
  contentType: string,
  passThrough: Event["passThrough"],
): Event | undefined {
  try {
    return eventFromStructured(body, contentType, passThrough);
  } catch (error) {
    if (error instanceof InvalidEventError) {
      return undefined;
    }
    throw error;
  }
}
