import { InvalidEventError, isAttributeName } from "./attributes.ts";
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
 * Called for every delivery. What it returns may still hold hostile text of native producers in its header values and
 * pass-through names; `httpMessageFor` is the gate before HTTP. `Nats-*` and all unknown headers stay behind.
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
      sorted.dataContentType = value.trim() || undefined;
    } else if (isAttributeName(attribute)) {
      sorted.attributes.push([attribute, value]);
    }
  } else if (name === "content-type") {
    sorted.contentType = value.trim() || undefined;
  } else if (isPassThroughHeader(name)) {
    for (const each of values) {
      sorted.passThrough.push([name, each]);
    }
  }
}

/** Tells whether the attributes hold what every event must have; what else may be wrong with them is the subscriber's to judge. */
function isComplete(attributes: Event["attributes"]): boolean {
  const version = attributeOf(attributes, "specversion");
  return (
    (version === "1.0" || version === "0.3") &&
    Boolean(attributeOf(attributes, "id")) &&
    Boolean(attributeOf(attributes, "source")) &&
    Boolean(attributeOf(attributes, "type"))
  );
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
