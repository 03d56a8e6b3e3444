export { decodeHeaderValue, encodeHeaderValue } from "./header-value.ts";

const NOT_PRINTABLE_ASCII = /[^ -~]/;
const CONTROL_CHARACTER = /\p{Control}/u;
const SPACE_OR_CONTROL = /[\s\p{Control}]/u;

/** Says in one sentence which attribute of an event, or which part of its form, is wrong and what is allowed. */
export class InvalidEventError extends Error {
  override name = "InvalidEventError";
}

/** Tells whether a name can be an attribute's: one or more of a-z and 0-9, and not `data` (CloudEvents 1.0.2, Naming Conventions). */
export function isAttributeName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    const isLetter = code >= 0x61 && code <= 0x7a;
    const isDigit = code >= 0x30 && code <= 0x39;
    if (!isLetter && !isDigit) {
      return false;
    }
  }
  return name.length > 0 && name !== "data";
}

/** Throws InvalidEventError unless the name can be an attribute's; upper case is refused too, so lower-case HTTP header names first. */
export function checkAttributeName(name: string): void {
  if (!isAttributeName(name)) {
    throw new InvalidEventError(
      `The attribute name ${quoted(name)} is not allowed: a name is one or more of the letters a-z and digits 0-9, and not "data".`,
    );
  }
}

/**
 * Throws InvalidEventError when an attribute's decoded text has what the CloudEvents type String forbids: control
 * characters (U+0000-U+001F, U+007F-U+009F) or a surrogate without its other half.
 */
export function checkAttributeText(name: string, text: string): void {
  // Nearly all text is printable ASCII, and one test tells.
  if (!NOT_PRINTABLE_ASCII.test(text)) {
    return;
  }
  if (CONTROL_CHARACTER.test(text)) {
    throw new InvalidEventError(`The attribute ${name} must be text without control characters.`);
  }
  if (hasLoneSurrogate(text)) {
    throw new InvalidEventError(
      `The attribute ${name} must be Unicode text without lone surrogates.`,
    );
  }
}

/** Tells whether text has half of a surrogate pair, which JSON can escape but UTF-8 cannot express. */
export function hasLoneSurrogate(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}

/**
 * Throws InvalidEventError unless an event has what every event must have: `specversion` 1.0 or 0.3, a non-empty `id`,
 * `type` and `source`, the source a URI-reference without spaces, and `time`, where present, as RFC 3339. `get` answers
 * with an attribute's decoded text.
 */
export function checkRequired(get: (name: string) => string | undefined): void {
  const version = get("specversion");
  if (version !== "1.0" && version !== "0.3") {
    throw new InvalidEventError(
      version === undefined
        ? 'The attribute specversion is missing: it must be "1.0" or "0.3".'
        : `The attribute specversion is ${quoted(version)}: it must be "1.0" or "0.3".`,
    );
  }
  checkPresent("id", get("id"));
  checkPresent("type", get("type"));
  const source = get("source");
  checkPresent("source", source);
  if (SPACE_OR_CONTROL.test(source)) {
    throw new InvalidEventError(
      `The attribute source is ${quoted(source)}: it must be a URI-reference without spaces and control characters.`,
    );
  }
  const time = get("time");
  if (time !== undefined && !isTimestamp(time)) {
    throw new InvalidEventError(
      `The attribute time is ${quoted(time)}: it must be an RFC 3339 timestamp such as 2018-04-05T17:31:00Z.`,
    );
  }
}

function checkPresent(name: string, text: string | undefined): asserts text is string {
  if (text === undefined || text === "") {
    throw new InvalidEventError(
      `The attribute ${name} is ${text === undefined ? "missing" : "empty"}: it must be a non-empty string.`,
    );
  }
}

/** Shows a name or value in an error sentence; what is long is cut, since it comes from outside. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}

const TIMESTAMP =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;

function isTimestamp(text: string): boolean {
  const parts = TIMESTAMP.exec(text);
  if (parts === null) {
    return false;
  }
  const day = Number(parts[3]);
  if (day <= 28) {
    return true;
  }
  const lastOfMonth = new Date(0);
  lastOfMonth.setUTCFullYear(Number(parts[1]), Number(parts[2]), 0);
  return day <= lastOfMonth.getUTCDate();
}
