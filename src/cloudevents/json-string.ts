import { isAscii } from "node:buffer";

/** Up to this size a body is decoded at once, and its strings are substrings of it: cheaper than one by one. */
const DECODE_AT_ONCE_BYTES = 16_384;

/** A JSON text whose strings are read by their place. */
export interface JsonSource {
  bytes: Buffer;
  /** The whole text when it is small and ASCII, so that its offsets are those of the bytes. */
  text: string | undefined;
}

/** Makes bytes, which must be valid UTF-8, a source of strings; nothing is copied but the text of a small body. */
export function jsonSource(bytes: Uint8Array): JsonSource {
  const isSmallAscii = bytes.length <= DECODE_AT_ONCE_BYTES && isAscii(bytes);
  const buffer = bufferOf(bytes);
  return { bytes: buffer, text: isSmallAscii ? buffer.toString("latin1") : undefined };
}

/** Gives the text between two offsets as it stands. */
export function textAt({ bytes, text }: JsonSource, start: number, end: number): string {
  return text === undefined ? bytes.toString("utf8", start, end) : text.slice(start, end);
}

/** Decodes the JSON string that stands, quotes included, between two offsets and is known to be well-formed. */
export function stringAt(source: JsonSource, start: number, end: number): string {
  const inner = textAt(source, start + 1, end - 1);
  return inner.includes("\\") ? (JSON.parse(`"${inner}"`) as string) : inner;
}

/** Decodes base64 in the standard alphabet, with or without padding (RFC 4648 §4); undefined when it is not that. */
export function decodeBase64(text: string): Buffer | undefined {
  // Buffer itself takes almost anything, the URL-safe alphabet and the low bytes of other letters included.
  const padding = /^[A-Za-z0-9+/]*(={0,2})$/.exec(text)?.[1];
  if (padding === undefined) {
    return undefined;
  }
  const isWhole = padding === "" ? text.length % 4 !== 1 : text.length % 4 === 0;
  return isWhole ? Buffer.from(text, "base64") : undefined;
}

/** Gives the same bytes as a Buffer, without a copy. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
