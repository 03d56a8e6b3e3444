import { decodeHeaderValue, isEncodedText } from "./header-value.ts";

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
 * Throws InvalidEventError when an attribute's decoded text is not what it may be: a String of CloudEvents has no control
 * characters (U+0000-U+001F, U+007F-U+009F) and no surrogate without its other half, `time` is RFC 3339, and `subject`
 * and `dataschema` are not empty.
 */
export function checkAttributeText(name: string, text: string): void {
  throwFault(textFault(name, text));
}

/** Throws as `checkAttributeText` does, for an attribute's header form. */
export function checkHeaderText(name: string, value: string): void {
  throwFault(headerFault(name, value));
}

/** Says what is wrong with an attribute's header form; undefined when nothing is. */
export function headerFault(name: string, value: string): string | undefined {
  // What is percent-encoded and no UTF-8 must be rejected (CloudEvents HTTP binding §3.1.3.2).
  return isEncodedText(value)
    ? textFault(name, decodeHeaderValue(value))
    : `The attribute ${name} must be percent-encoded UTF-8.`;
}

/** Says what is wrong with an attribute's decoded text; undefined when nothing is. */
export function textFault(name: string, text: string): string | undefined {
  if (name === "time" && !isTimestamp(text)) {
    return `The attribute time is ${quoted(text)}: it must be an RFC 3339 timestamp such as 2018-04-05T17:31:00Z.`;
  }
  if (text === "" && mayNotBeEmpty(name)) {
    return `The attribute ${name} is empty: it must be a non-empty string where it is there.`;
  }
  // Nearly all text is printable ASCII, and one test tells.
  if (!NOT_PRINTABLE_ASCII.test(text)) {
    return undefined;
  }
  if (CONTROL_CHARACTER.test(text)) {
    return `The attribute ${name} must be text without control characters.`;
  }
  return hasLoneSurrogate(text)
    ? `The attribute ${name} must be Unicode text without lone surrogates.`
    : undefined;
}

function throwFault(fault: string | undefined): void {
  if (fault !== undefined) {
    throw new InvalidEventError(fault);
  }
}

/** Tells whether a header sets no attribute: there are senders that write a `subject` that they have not as an empty header. */
export function isUnsetHeader(name: string, value: string): boolean {
  return mayNotBeEmpty(name) && decodeHeaderValue(value) === "";
}

function mayNotBeEmpty(name: string): boolean {
  return name === "subject" || name === "dataschema";
}

/** Tells whether text has half of a surrogate pair, which JSON can escape but UTF-8 cannot express. */
export function hasLoneSurrogate(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}

/**
 * Throws InvalidEventError unless an event has what every event must have: `specversion` 1.0 or 0.3, and a non-empty
 * `id`, `type` and `source`, the source a URI-reference without spaces. `get` answers with an attribute's decoded text.
 */
export function checkRequired(get: (name: string) => string | undefined): void {
  throwFault(requiredFault(get));
}

/** Says what `checkRequired` would find; undefined when nothing is wrong. `get` answers with an attribute's header form. */
export function requiredHeadersFault(
  get: (name: string) => string | undefined,
): string | undefined {
  return requiredFault((name) => {
    const value = get(name);
    if (value === undefined) {
      return undefined;
    }
    const text = decodeHeaderValue(value);
    // A URI's own %20 comes as it is from senders that encode nothing: it is no space then.
    return name === "source" && text !== "" ? value : text;
  });
}

/** Throws as `checkRequired` does; `get` answers with an attribute's header form. */
export function checkRequiredHeaders(get: (name: string) => string | undefined): void {
  throwFault(requiredHeadersFault(get));
}

function requiredFault(get: (name: string) => string | undefined): string | undefined {
  const version = get("specversion");
  if (version === undefined) {
    return 'The attribute specversion is missing: it must be "1.0" or "0.3".';
  }
  if (version !== "1.0" && version !== "0.3") {
    return `The attribute specversion is ${quoted(version)}: it must be "1.0" or "0.3".`;
  }
  const source = get("source");
  const absent = absenceOf("id", get("id")) ?? absenceOf("type", get("type"));
  if (absent !== undefined || source === undefined || source === "") {
    return absent ?? absenceOf("source", source);
  }
  return SPACE_OR_CONTROL.test(source)
    ? `The attribute source is ${quoted(source)}: it must be a URI-reference without spaces and control characters.`
    : undefined;
}

function absenceOf(name: string, text: string | undefined): string | undefined {
  if (text !== undefined && text !== "") {
    return undefined;
  }
  return `The attribute ${name} is ${text === undefined ? "missing" : "empty"}: it must be a non-empty string.`;
}

/** Shows a name or value in an error sentence; what is long is cut, since it comes from outside. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}

const TIMESTAMP =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i;

function isTimestamp(text: string): boolean {
  if (!TIMESTAMP.test(text)) {
    return false;
  }
  const day = Number(text.slice(8, 10));
  if (day <= 28) {
    return true;
  }
  const lastOfMonth = new Date(0);
  lastOfMonth.setUTCFullYear(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0);
  return day <= lastOfMonth.getUTCDate();
}
