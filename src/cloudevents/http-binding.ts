/*
 * The receiving side of the CloudEvents HTTP binding: an HTTP request's headers, and the headers of
 * the JetStream message that it becomes (CloudEvents 1.0.2 HTTP and NATS protocol bindings).
 *
 * Called by the receiver for every event: `readHead` once the headers are there, `binaryEvent` before
 * the body is read, `structuredEvent` after it. Values go from one to the other as they came; nothing
 * is decoded but what has to be checked.
 */
import { isUtf8 } from "node:buffer";
import {
  checkAttributeName,
  checkHeaderText,
  checkRequiredHeaders,
  decodeHeaderValue,
  InvalidEventError,
  isUnsetHeader,
} from "./attributes.ts";
import { isPassThroughHeader } from "./event.ts";
import { printableHeaderValue } from "./header-value.ts";
import { type JsonEvent, scanJsonEvent } from "./json-event.ts";
import { eventFormat } from "./media-type.ts";
import { messageIdFor } from "./message-id.ts";

/** What a request's headers say, read in one pass over Node's `rawHeaders`. */
export interface RequestHead {
  host: string;
  contentType: string | undefined;
  contentEncoding: string | undefined;
  contentLength: number | undefined;
  /** The event's attributes as they came, without `ce-`, names in lower case. */
  names: string[];
  values: string[];
  /** The event's type, once the event was checked. */
  type: string;
  /** Lines of a message header for what Knative passes through. */
  passThrough: string;
  /** Knative's network probe (`K-Network-Probe: probe`) and the hash that it wants to see again. */
  networkProbe: boolean;
  networkProbeHash: string | undefined;
  /** A header that may be there once and is there twice. */
  duplicate: string | undefined;
}

/** How a request carries its event, or why it cannot carry one. */
export type ContentMode =
  | { mode: "binary" | "structured" }
  | { mode: "none"; status: 400 | 415; reason: string };

const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]*)/i;
const JSON_CHARSETS = ["utf-8", "utf8", "us-ascii"];
const NOT_PRINTABLE = /[^\x20-\x7e]/;

/** Reads the headers of a request; faults are kept for whoever answers it. */
export function readHead(rawHeaders: readonly string[]): RequestHead {
  const head: RequestHead = {
    host: "",
    contentType: undefined,
    contentEncoding: undefined,
    contentLength: undefined,
    names: [],
    values: [],
    type: "",
    passThrough: "",
    networkProbe: false,
    networkProbeHash: undefined,
    duplicate: undefined,
  };
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    const value = rawHeaders[i + 1] as string;
    if (name.startsWith("ce-")) {
      head.names.push(name.slice(3));
      head.values.push(value);
    } else if (isPassThroughHeader(name)) {
      // What is not printable ASCII has no meaning in these and no place in a message header.
      if (!NOT_PRINTABLE.test(value)) head.passThrough += `${name}: ${value}\r\n`;
    } else {
      readOther(head, name, value);
    }
  }
  return head;
}

function readOther(head: RequestHead, name: string, value: string): void {
  switch (name) {
    case "host":
      if (head.host !== "") head.duplicate = name;
      head.host = value;
      break;
    case "content-type":
      if (head.contentType !== undefined) head.duplicate = name;
      head.contentType = value;
      break;
    case "content-encoding":
      head.contentEncoding =
        head.contentEncoding === undefined ? value : `${head.contentEncoding}, ${value}`;
      break;
    case "content-length":
      head.contentLength = Number(value);
      break;
    case "k-network-probe":
      head.networkProbe = value === "probe";
      break;
    case "k-network-hash":
      head.networkProbeHash = value;
      break;
  }
}

/** Tells a request's content mode (HTTP binding §3): by its media type first, then by `ce-specversion`. */
export function contentModeOf(head: RequestHead): ContentMode {
  const { contentType = "", contentEncoding, duplicate } = head;
  if (duplicate !== undefined) {
    return { mode: "none", status: 400, reason: `The header ${duplicate} is there twice.` };
  }
  if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== "identity") {
    const reason = `Content-Encoding ${shown(contentEncoding)} is not taken: send the data as they are.`;
    return { mode: "none", status: 415, reason };
  }
  const format = eventFormat(contentType);
  const charset = CHARSET.exec(contentType)?.[1]?.toLowerCase() ?? "utf-8";
  if (format === "json" && JSON_CHARSETS.includes(charset)) return { mode: "structured" };
  if (format !== undefined) {
    const reason = `Content-Type ${shown(contentType)} is not taken: a structured event is application/cloudevents+json in UTF-8, and the events of a batch are to be sent one by one.`;
    return { mode: "none", status: 415, reason };
  }
  if (head.names.includes("specversion")) return { mode: "binary" };
  const reason =
    "The request is not a CloudEvent: it has neither the header ce-specversion nor the Content-Type application/cloudevents+json.";
  return { mode: "none", status: 400, reason };
}

/** Checks a binary-mode event; gives the message's header block. Throws InvalidEventError. */
export function binaryEvent(head: RequestHead): Uint8Array {
  const { names, values } = head;
  let lines = "";
  for (const [index, name] of names.entries()) {
    checkAttributeName(name);
    if (names.indexOf(name) !== index) {
      throw new InvalidEventError(`The attribute ${name} is there twice.`);
    }
    if (name === "datacontenttype") {
      throw new InvalidEventError(
        "The attribute datacontenttype is not a header of its own in binary mode: it is the Content-Type.",
      );
    }
    let value = values[index] as string;
    if (NOT_PRINTABLE.test(value)) {
      value = repaired(name, value);
      values[index] = value;
    }
    if (isUnsetHeader(name, value)) continue;
    checkHeaderText(name, value);
    lines += `ce-${name}: ${value}\r\n`;
  }
  const header = (name: string): string | undefined => {
    const index = names.indexOf(name);
    return index === -1 ? undefined : values[index];
  };
  checkRequiredHeaders(header);
  head.type = header("type") ?? "";
  const { contentType } = head;
  if (contentType !== undefined && contentType !== "") {
    if (NOT_PRINTABLE.test(contentType)) {
      throw new InvalidEventError("The Content-Type must be printable ASCII.");
    }
    lines += `ce-datacontenttype: ${contentType}\r\n`;
  }
  const attribute = (name: string): string | undefined => {
    const value = header(name);
    return value === undefined ? undefined : decodeHeaderValue(value);
  };
  return headerBlock(attribute, lines + head.passThrough);
}

/** Checks a structured event's body; gives the message's header block. Throws InvalidEventError. */
export function structuredEvent(head: RequestHead, body: Uint8Array): Uint8Array {
  const event: JsonEvent = scanJsonEvent(body);
  const attribute = (name: string): string | undefined =>
    event.attributes.find(([each]) => each === name)?.[1];
  const contentType = head.contentType ?? "";
  if (NOT_PRINTABLE.test(contentType)) {
    throw new InvalidEventError("The Content-Type must be printable ASCII.");
  }
  head.type = attribute("type") ?? "";
  return headerBlock(attribute, `content-type: ${contentType}\r\n${head.passThrough}`);
}

function headerBlock(attribute: (name: string) => string | undefined, lines: string): Uint8Array {
  const id = messageIdFor({
    source: attribute("source") ?? "",
    id: attribute("id") ?? "",
    knativeerrordest: attribute("knativeerrordest"),
    knativebrokerttl: attribute("knativebrokerttl"),
  });
  return Buffer.from(`NATS/1.0\r\nNats-Msg-Id: ${id}\r\n${lines}\r\n`, "latin1");
}

/** Puts raw UTF-8 into its percent-encoded form: not allowed in headers, but it is clear what it means. */
function repaired(name: string, value: string): string {
  const bytes = Buffer.from(value, "latin1");
  if (!isUtf8(bytes)) {
    throw new InvalidEventError(`The attribute ${name} must be percent-encoded UTF-8.`);
  }
  return printableHeaderValue(bytes.toString("utf8"));
}

function shown(value: string): string {
  return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value);
}
