import { InvalidEventError } from "./attributes.ts";

/*
 * The grammar of JSON (RFC 8259) over bytes. Each skip function takes the offset where a thing begins, checks the thing
 * and returns the offset behind it, so nothing is decoded, copied or recursed into; an offset at or past the end fails
 * like a wrong byte. Used by the scanner of structured events and where data are spliced into one. It does not check
 * that strings are UTF-8: callers ask `isUtf8` once for the whole.
 */

export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;

const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");
const NULL = Buffer.from("null");
const ESCAPES = Buffer.from('"\\/bfnrt');

/** How deep a value may be nested; in the event around it that makes 1,000. */
const MAX_DEPTH = 999;

/** How many levels are open, and the closing bracket that each waits for; kept here since no call is interrupted. */
let depth = 0;
const closers = new Uint8Array(MAX_DEPTH + 1);

/** Throws the error of a byte that cannot stand where it does, or of a text that ends there. */
export function fail(bytes: Uint8Array, at: number): never {
  throw new InvalidEventError(
    at >= bytes.length
      ? "The JSON text ends too early: it must be complete JSON (RFC 8259)."
      : `The JSON text has an unexpected byte at offset ${at}: it must be JSON (RFC 8259).`,
  );
}

/** Skips spaces, tabs and line ends. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  let i = at;
  while (i < bytes.length) {
    const byte = bytes[i];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) {
      break;
    }
    i++;
  }
  return i;
}

/** Skips one value of any kind, nested at most 999 deep; throws InvalidEventError where the text is not JSON. */
export function skipValue(bytes: Uint8Array, start: number): number {
  let at = start;
  depth = 0;
  do {
    const byte = at < bytes.length ? bytes[at] : undefined;
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      at = enter(bytes, at);
      if (at >= bytes.length || bytes[at] !== closers[depth]) {
        at = byte === OPEN_OBJECT ? skipName(bytes, at) : at;
        continue;
      }
    } else {
      at = skipScalar(bytes, at);
    }
    at = leave(bytes, at);
  } while (depth > 0);
  return at;
}

/** Goes one level down, to the first thing inside. */
function enter(bytes: Uint8Array, at: number): number {
  if (depth === MAX_DEPTH) {
    throw new InvalidEventError("The JSON text is nested too deeply: 1,000 levels are allowed.");
  }
  closers[++depth] = (bytes[at] as number) + 2;
  return skipSpace(bytes, at + 1);
}

/** Goes on from behind a value: up as many levels as close here, then to the next value if there is one. */
function leave(bytes: Uint8Array, start: number): number {
  let at = start;
  while (depth > 0) {
    at = skipSpace(bytes, at);
    const byte = at < bytes.length ? bytes[at] : undefined;
    if (byte === COMMA) {
      at = skipSpace(bytes, at + 1);
      return closers[depth] === CLOSE_OBJECT ? skipName(bytes, at) : at;
    }
    if (byte !== closers[depth]) {
      fail(bytes, at);
    }
    depth--;
    at++;
  }
  return at;
}

/** Skips a member's name, the colon and the spaces around it, up to where its value begins. */
function skipName(bytes: Uint8Array, at: number): number {
  return skipColon(bytes, skipString(bytes, at));
}

/** Skips a colon and the spaces around it. */
export function skipColon(bytes: Uint8Array, at: number): number {
  const colon = skipSpace(bytes, at);
  if (colon >= bytes.length || bytes[colon] !== COLON) {
    fail(bytes, colon);
  }
  return skipSpace(bytes, colon + 1);
}

/** Skips a string with both its quotes. */
export function skipString(bytes: Uint8Array, at: number): number {
  if (at >= bytes.length || bytes[at] !== QUOTE) {
    fail(bytes, at);
  }
  for (let i = at + 1; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE) {
      return i + 1;
    }
    if (byte === BACKSLASH) {
      i = skipEscape(bytes, i + 1);
    } else if (byte < 0x20) {
      fail(bytes, i);
    }
  }
  return fail(bytes, bytes.length);
}

/** Checks an escape from behind its backslash, and answers with the offset of its last byte. */
function skipEscape(bytes: Uint8Array, at: number): number {
  if (at < bytes.length && bytes[at] === 0x75) {
    for (let i = at + 1; i <= at + 4; i++) {
      if (!isHexDigit(i < bytes.length ? bytes[i] : undefined)) {
        fail(bytes, i);
      }
    }
    return at + 4;
  }
  if (at >= bytes.length || !ESCAPES.includes(bytes[at] as number)) {
    fail(bytes, at);
  }
  return at;
}

function isHexDigit(byte: number | undefined): boolean {
  if (byte === undefined) {
    return false;
  }
  const lower = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x66);
}

function skipScalar(bytes: Uint8Array, at: number): number {
  switch (at < bytes.length ? bytes[at] : undefined) {
    case QUOTE:
      return skipString(bytes, at);
    case TRUE[0]:
      return skipLiteral(bytes, at, TRUE);
    case FALSE[0]:
      return skipLiteral(bytes, at, FALSE);
    case NULL[0]:
      return skipLiteral(bytes, at, NULL);
    default:
      return skipNumber(bytes, at);
  }
}

function skipLiteral(bytes: Uint8Array, at: number, literal: Uint8Array): number {
  for (let i = 0; i < literal.length; i++) {
    if (at + i >= bytes.length || bytes[at + i] !== literal[i]) {
      fail(bytes, at + i);
    }
  }
  return at + literal.length;
}

function skipNumber(bytes: Uint8Array, start: number): number {
  let at = start < bytes.length && bytes[start] === MINUS ? start + 1 : start;
  at = at < bytes.length && bytes[at] === ZERO ? at + 1 : skipDigits(bytes, at);
  if (at < bytes.length && bytes[at] === POINT) {
    at = skipDigits(bytes, at + 1);
  }
  if (at < bytes.length && ((bytes[at] as number) | 0x20) === 0x65) {
    const sign = at + 1 < bytes.length ? bytes[at + 1] : undefined;
    at = skipDigits(bytes, sign === MINUS || sign === 0x2b ? at + 2 : at + 1);
  }
  return at;
}

function skipDigits(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && (bytes[at] as number) >= ZERO && (bytes[at] as number) <= 0x39) {
    at++;
  }
  return at > start ? at : fail(bytes, at);
}
