import { isUtf8 } from "node:buffer";
import { checkAttributeName, checkRequired, InvalidEventError, quoted } from "./attributes.ts";
import { attributeOf } from "./event.ts";
import { readAttribute } from "./json-attribute.ts";
import { type DataMembers, dataOf, readBase64 } from "./json-data.ts";
import { JsonMembers } from "./json-members.ts";
import { bufferOf, jsonSource, stringAt } from "./json-string.ts";

/*
 * Reads an event in the JSON format (CloudEvents JSON format §2 and §3; 0.3 likewise) out of the bytes it came in:
 *
 *   1. the whole must be UTF-8 and one JSON object, whose members are walked in one pass
 *   2. each attribute is decoded and checked; `data` is only remembered by its place
 *   3. when all members are known, the required ones are checked and the data are cut out
 *
 * The receiver calls it to refuse what is invalid, delivery to turn a stored structured event into binary mode. Data are
 * never parsed into values: JSON data are a slice of the given bytes, so that no digit and no escape changes.
 */

/** An event read from the JSON format. */
export interface JsonEvent {
  specversion: "1.0" | "0.3";
  /** Decoded text of all context attributes but `datacontenttype` and, in 0.3, `datacontentencoding`. */
  attributes: [name: string, text: string][];
  dataContentType: string | undefined;
  /** What a binary-mode delivery says: `dataContentType`, or the application/json that its absence implies for `data`. */
  deliveredContentType: string | undefined;
  /** The bytes that a binary-mode delivery carries, a slice of the scanned ones where possible; empty when there are none. */
  data: Uint8Array;
}

/** The members of one event while they are collected. */
interface Envelope extends DataMembers {
  names: Set<string>;
  attributes: [name: string, text: string][];
  specversion: string | undefined;
}

/**
 * Reads an event in the JSON format, or throws InvalidEventError: not one JSON object in UTF-8, nested deeper than 1,000
 * levels, a member twice, `data` beside `data_base64`, wrong base64, an attribute of a wrong name, type or text, or a
 * required one missing.
 */
export function scanJsonEvent(bytes: Uint8Array): JsonEvent {
  if (!isUtf8(bytes)) {
    throw new InvalidEventError("The JSON text must be encoded as UTF-8.");
  }
  const envelope: Envelope = {
    source: jsonSource(bytes),
    names: new Set(),
    attributes: [],
    specversion: undefined,
    dataContentType: undefined,
    dataContentEncoding: undefined,
    dataStart: -1,
    dataEnd: -1,
    base64: undefined,
  };
  const members = new JsonMembers(bytes);
  while (members.next()) {
    readMember(envelope, members);
  }
  return jsonEvent(envelope);
}

/**
 * Tells whether bytes are a JSON object with a member `specversion` at its top level, by which a structured event
 * without headers is known. Never throws; looks no further than that member.
 */
export function looksLikeJsonEvent(bytes: Uint8Array): boolean {
  const body = bufferOf(bytes);
  if (!body.includes('"specversion"')) {
    return false;
  }
  try {
    const members = new JsonMembers(body);
    while (members.next()) {
      if (body.toString("latin1", members.nameStart, members.nameEnd) === '"specversion"') {
        return true;
      }
    }
    return false;
  } catch (error) {
    if (error instanceof InvalidEventError) {
      return false;
    }
    throw error;
  }
}

function readMember(envelope: Envelope, members: JsonMembers): void {
  const { source, names } = envelope;
  const name = stringAt(source, members.nameStart, members.nameEnd);
  if (names.has(name)) {
    throw new InvalidEventError(`The member ${quoted(name)} is there twice: once is allowed.`);
  }
  names.add(name);
  if (name === "data") {
    envelope.dataStart = members.valueStart;
    envelope.dataEnd = members.valueEnd;
  } else if (name === "data_base64") {
    envelope.base64 = readBase64(source, members);
  } else {
    checkAttributeName(name);
    const text = readAttribute(source, members, name);
    if (text !== undefined) {
      addAttribute(envelope, name, text);
    }
  }
}

function addAttribute(envelope: Envelope, name: string, text: string): void {
  switch (name) {
    case "datacontenttype":
      // Some producers write an unset content type as an empty string.
      envelope.dataContentType = text === "" ? undefined : text;
      return;
    case "datacontentencoding":
      // Whether this is an extension is known when specversion is.
      envelope.dataContentEncoding = text;
      return;
    case "specversion":
      envelope.specversion = text;
      break;
  }
  envelope.attributes.push([name, text]);
}

function jsonEvent(envelope: Envelope): JsonEvent {
  const { attributes, dataContentType, dataContentEncoding } = envelope;
  checkRequired((name) => attributeOf(attributes, name));
  const specversion = envelope.specversion as "1.0" | "0.3";
  if (specversion === "1.0" && dataContentEncoding !== undefined) {
    attributes.push(["datacontentencoding", dataContentEncoding]);
  }
  return {
    specversion,
    attributes,
    dataContentType,
    deliveredContentType:
      dataContentType ?? (envelope.dataStart < 0 ? undefined : "application/json"),
    data: dataOf(envelope, specversion),
  };
}
