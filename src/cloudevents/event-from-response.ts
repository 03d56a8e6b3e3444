import { isUtf8 } from "node:buffer";
import {
  checkAttributeName,
  checkAttributeText,
  checkHeaderText,
  checkRequiredHeaders,
  InvalidEventError,
  isUnsetHeader,
} from "./attributes.ts";
import { attributeOf, type Event, isPassThroughHeader } from "./event.ts";
import { eventFromStructured } from "./event-from-structured.ts";
import { eventFormat } from "./media-type.ts";

/** The headers of a response, sorted by what they mean. */
interface ResponseHeaders {
  contentType: string | undefined;
  attributes: Event["attributes"];
  passThrough: Event["passThrough"];
}

/**
 * Reads the event that a subscriber answers with (CloudEvents HTTP binding §3, binary or structured mode) and the
 * response's own pass-through headers. Undefined when the response carries none: neither `ce-specversion` nor a
 * CloudEvents content type. What is meant as an event but is none, a batch included, comes back as InvalidEventError.
 * `headers` are name, value, name, value, … as they came.
 */
export function eventFromResponse(
  headers: string[],
  body: Uint8Array,
): Event | undefined | InvalidEventError {
  const { contentType, attributes, passThrough } = sortHeaders(headers);
  const format = contentType === undefined ? undefined : eventFormat(contentType);
  try {
    if (contentType !== undefined && format !== undefined) {
      if (format !== "json") {
        throw new InvalidEventError(
          `The content type ${contentType} cannot be a reply: one event in the JSON format or in binary mode is allowed.`,
        );
      }
      return eventFromStructured(body, contentType, passThrough);
    }
    if (!attributes.some(([name]) => name === "specversion")) {
      return undefined;
    }
    checkBinary(attributes);
    if (contentType !== undefined) {
      checkAttributeText("datacontenttype", contentType);
    }
    return { attributes, contentType, data: body, structured: undefined, passThrough };
  } catch (error) {
    if (error instanceof InvalidEventError) {
      return error;
    }
    throw error;
  }
}

function sortHeaders(headers: string[]): ResponseHeaders {
  const sorted: ResponseHeaders = { contentType: undefined, attributes: [], passThrough: [] };
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    const value = utf8OfLatin1(headers[i + 1] as string);
    if (name === "content-type") {
      sorted.contentType ??= value.trim() || undefined;
    } else if (name.startsWith("ce-")) {
      addAttribute(sorted, name.slice(3), value);
    } else if (isPassThroughHeader(name)) {
      sorted.passThrough.push([name, value]);
    }
  }
  return sorted;
}

function addAttribute({ attributes }: ResponseHeaders, name: string, value: string): void {
  // The content type of the data has a header of its own; the binding forbids this one beside it (§3.1.1).
  if (name !== "datacontenttype" && !isUnsetHeader(name, value)) {
    attributes.push([name, value]);
  }
}

function checkBinary(attributes: Event["attributes"]): void {
  const names = new Set<string>();
  for (const [name, value] of attributes) {
    checkAttributeName(name);
    if (names.has(name)) {
      throw new InvalidEventError(`The attribute ${name} is there twice: once is allowed.`);
    }
    checkHeaderText(name, value);
    names.add(name);
  }
  checkRequiredHeaders((name) => attributeOf(attributes, name));
}

/** Reads a header's bytes, which HTTP hands over as Latin-1, as the UTF-8 they are for senders that did not percent-encode. */
function utf8OfLatin1(value: string): string {
  for (let i = 0; i < value.length; i++) {
    if (value.charCodeAt(i) > 0x7f) {
      const bytes = Buffer.from(value, "latin1");
      return isUtf8(bytes) ? bytes.toString() : value;
    }
  }
  return value;
}
