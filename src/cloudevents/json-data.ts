import { hasLoneSurrogate, InvalidEventError } from "./attributes.ts";
import { QUOTE } from "./json-grammar.ts";
import type { JsonMembers } from "./json-members.ts";
import { decodeBase64, type JsonSource, stringAt, textAt } from "./json-string.ts";
import { isJsonType } from "./media-type.ts";

/** What decides about the data of an event in the JSON format. */
export interface DataMembers {
  source: JsonSource;
  /** Where the value of `data` stands; -1 when there is none. */
  dataStart: number;
  dataEnd: number;
  /** The text of `data_base64`. */
  base64: string | undefined;
  dataContentType: string | undefined;
  dataContentEncoding: string | undefined;
}

const NO_DATA = new Uint8Array(0);

/** Reads the value of `data_base64`; undefined for null. */
export function readBase64(
  source: JsonSource,
  { valueStart, valueEnd }: JsonMembers,
): string | undefined {
  if (source.bytes[valueStart] === QUOTE) {
    return stringAt(source, valueStart, valueEnd);
  }
  if (textAt(source, valueStart, valueEnd) === "null") {
    return undefined;
  }
  throw new InvalidEventError("The member data_base64 must be a JSON string in base64.");
}

/**
 * Gives the bytes that a binary-mode delivery carries (JSON format §3.1.2; 0.3 JSON format §3.1): JSON data as they stand,
 * strings of another content type and base64 decoded. Throws InvalidEventError where that cannot be done.
 */
export function dataOf(members: DataMembers, specversion: string): Uint8Array {
  const { source, dataStart, dataEnd, base64 } = members;
  if (base64 !== undefined) {
    if (dataStart >= 0) {
      throw new InvalidEventError(
        "The members data and data_base64 are both there: one is allowed.",
      );
    }
    return base64Data(base64, "data_base64");
  }
  if (dataStart < 0) {
    return NO_DATA;
  }
  const isString = source.bytes[dataStart] === QUOTE;
  const isEncoded =
    specversion === "0.3" && members.dataContentEncoding?.toLowerCase() === "base64";
  if (isString && isEncoded) {
    return base64Data(stringAt(source, dataStart, dataEnd), "data");
  }
  return isString && !isJsonType(members.dataContentType)
    ? stringData(source, dataStart, dataEnd)
    : source.bytes.subarray(dataStart, dataEnd);
}

function base64Data(text: string, member: string): Uint8Array {
  const bytes = decodeBase64(text);
  if (bytes === undefined) {
    throw new InvalidEventError(
      `The member ${member} must be base64 in the standard alphabet (RFC 4648 §4).`,
    );
  }
  return bytes;
}

function stringData({ bytes }: JsonSource, start: number, end: number): Uint8Array {
  const inner = bytes.subarray(start + 1, end - 1);
  if (!inner.includes(0x5c)) {
    return inner;
  }
  const text = JSON.parse(bytes.toString("utf8", start, end)) as string;
  if (hasLoneSurrogate(text)) {
    throw new InvalidEventError("The member data must be Unicode text without lone surrogates.");
  }
  return Buffer.from(text);
}
