import { encodeHeaderValue } from "./attributes.ts";
import type { Event } from "./event.ts";
import { scanJsonEvent } from "./json-event.ts";

/**
 * Makes an event of a structured-mode body and the content type it came with: its binary-mode form beside the very
 * bytes. Throws InvalidEventError where the body is no valid event in the JSON format.
 */
export function eventFromStructured(
  body: Uint8Array,
  contentType: string,
  passThrough: Event["passThrough"],
): Event {
  const { attributes, deliveredContentType, data } = scanJsonEvent(body);
  for (const attribute of attributes) {
    attribute[1] = encodeHeaderValue(attribute[1]);
  }
  return {
    attributes,
    contentType: deliveredContentType,
    data,
    structured: { contentType, body },
    passThrough,
  };
}
