import { isUtf8 } from "node:buffer";
import { InvalidEventError } from "./attributes.ts";
import {
  CLOSE_OBJECT,
  COMMA,
  fail,
  OPEN_OBJECT,
  skipColon,
  skipSpace,
  skipString,
  skipValue,
} from "./json-grammar.ts";

/**
 * Walks the members of a JSON object that fills the given bytes, one per `next()`: the offsets say where the member's
 * name (with its quotes) and its value stand. Throws InvalidEventError where the text is not one JSON object (RFC 8259);
 * when `next()` has answered false, all of it was checked. The bytes are taken for valid UTF-8.
 */
export class JsonMembers {
  nameStart = 0;
  nameEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  next(): boolean {
    const bytes = this.#bytes;
    const at = this.valueEnd === 0 ? this.#firstName() : this.#nextName();
    if (at < 0) {
      return false;
    }
    this.nameStart = at;
    this.nameEnd = skipString(bytes, at);
    this.valueStart = skipColon(bytes, this.nameEnd);
    this.valueEnd = skipValue(bytes, this.valueStart);
    return true;
  }

  #firstName(): number {
    const bytes = this.#bytes;
    const open = skipSpace(bytes, 0);
    if (bytes[open] !== OPEN_OBJECT) {
      throw new InvalidEventError("The JSON text must be a JSON object.");
    }
    const at = skipSpace(bytes, open + 1);
    return bytes[at] === CLOSE_OBJECT ? this.#end(at) : at;
  }

  #nextName(): number {
    const bytes = this.#bytes;
    const at = skipSpace(bytes, this.valueEnd);
    if (bytes[at] === CLOSE_OBJECT) {
      return this.#end(at);
    }
    return bytes[at] === COMMA ? skipSpace(bytes, at + 1) : fail(bytes, at);
  }

  #end(close: number): -1 {
    const at = skipSpace(this.#bytes, close + 1);
    return at < this.#bytes.length ? fail(this.#bytes, at) : -1;
  }
}

/** Tells whether bytes are JSON in UTF-8 that can be spliced into a JSON event (nested at most 999 deep). */
export function isJsonText(bytes: Uint8Array): boolean {
  if (!isUtf8(bytes)) {
    return false;
  }
  try {
    return skipSpace(bytes, skipValue(bytes, skipSpace(bytes, 0))) === bytes.length;
  } catch (error) {
    if (error instanceof InvalidEventError) {
      return false;
    }
    throw error;
  }
}
