import { isAttributeName } from "./attributes.ts";
import { type Event, isPassThroughHeader } from "./event.ts";
import { isHeaderName, printableHeaderValue } from "./header-value.ts";
import { jsonBody } from "./json-body.ts";
import { eventFormat, JSON_EVENT_TYPE } from "./media-type.ts";

/** What is sent over HTTP for an event; whoever sends it adds its own headers and the length. */
export interface HttpMessage {
  /** Name, value, name, value, …: `ce-*`, `content-type` and the pass-through headers, names in lower case. */
  headers: string[];
  body: Uint8Array;
}

/**
 * Makes the HTTP message that delivers an event (CloudEvents HTTP binding §3), in binary mode unless `format` says
 * `json`; then an event that is stored in structured mode leaves with its very bytes. An event whose data are CloudEvents
 * themselves always leaves in structured mode: in binary mode its content type would be read as the event's own.
 * Nothing in a stored message can break out of a header: control characters and what is not ASCII are percent-encoded,
 * and what is no header name is left out.
 */
export function httpMessageFor(event: Event, format: "binary" | "json"): HttpMessage {
  const { contentType, structured } = event;
  const isStructured =
    format === "json" || (contentType !== undefined && eventFormat(contentType) !== undefined);
  const headers: string[] = [];
  if (isStructured) {
    headers.push("content-type", printableHeaderValue(structured?.contentType ?? JSON_EVENT_TYPE));
  } else {
    addBinaryHeaders(headers, event);
  }
  for (const [name, value] of event.passThrough) {
    if (isPassThroughHeader(name) && isHeaderName(name)) {
      headers.push(name, printableHeaderValue(value));
    }
  }
  return { headers, body: isStructured ? (structured?.body ?? jsonBody(event)) : event.data };
}

function addBinaryHeaders(headers: string[], { attributes, contentType }: Event): void {
  for (const [name, value] of attributes) {
    if (isAttributeName(name)) {
      headers.push(`ce-${name}`, printableHeaderValue(value));
    }
  }
  if (contentType !== undefined) {
    headers.push("content-type", printableHeaderValue(contentType));
  }
}
