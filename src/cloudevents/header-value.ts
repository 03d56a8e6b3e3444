const PERCENT_ENCODED = Array.from(
  { length: 256 },
  (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
);

const NOT_PRINTABLE = /[^ -~]/;
/** All but U+0021-U+007E, and of those `"` and `%`. */
const NOT_PLAIN = /[^!#$&-~]/;

/**
 * Decodes an attribute's header form to its text: double-quoted strings are unescaped (RFC 7230 §3.2.6), then one round
 * of percent-decoding as UTF-8 (CloudEvents HTTP binding §3.1.3.2). What is no valid sequence stays as it is.
 */
export function decodeHeaderValue(value: string): string {
  const unquoted = value.includes('"') ? unescapeQuotedStrings(value) : value;
  return unquoted.includes("%") ? percentDecoded(unquoted) : unquoted;
}

/** Tells whether what is percent-encoded in an attribute's header form is UTF-8; a `%` that begins no escape stands for itself. */
export function isEncodedText(value: string): boolean {
  if (!value.includes("%")) {
    return true;
  }
  const unquoted = value.includes('"') ? unescapeQuotedStrings(value) : value;
  for (const [escapes] of unquoted.matchAll(/(?:%[\da-f]{2})+/gi)) {
    try {
      decodeURIComponent(escapes);
    } catch {
      return false;
    }
  }
  return true;
}

/** Encodes an attribute's text for a header: space, `"`, `%` and all outside U+0021-U+007E as %XX of UTF-8 (CloudEvents HTTP binding §3.1.3.2). */
export function encodeHeaderValue(text: string): string {
  return NOT_PLAIN.test(text) ? percentEncoded(text, NOT_PLAIN) : text;
}

/**
 * Makes a header value safe to send: control characters (line ends first of all) and everything that is not ASCII become
 * %XX of UTF-8, the rest stays as it is. The last gate before HTTP, for values of producers that never spoke HTTP.
 */
export function printableHeaderValue(value: string): string {
  return NOT_PRINTABLE.test(value) ? percentEncoded(value, NOT_PRINTABLE) : value;
}

/** Tells whether a name may be an HTTP header's: a token of RFC 7230 §3.2.6, lower case. */
export function isHeaderName(lowerName: string): boolean {
  return /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(lowerName);
}

function percentEncoded(text: string, encode: RegExp): string {
  let encoded = "";
  for (const byte of Buffer.from(text)) {
    const character = String.fromCharCode(byte);
    encoded += encode.test(character) ? PERCENT_ENCODED[byte] : character;
  }
  return encoded;
}

function percentDecoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value.replace(
      /%[0-7][\da-f]|%[cd][\da-f]%[89ab][\da-f]|%e[\da-f](?:%[89ab][\da-f]){2}|%f[0-7](?:%[89ab][\da-f]){3}/gi,
      decodedIfValid,
    );
  }
}

function decodedIfValid(sequence: string): string {
  try {
    return decodeURIComponent(sequence);
  } catch {
    return sequence;
  }
}

function unescapeQuotedStrings(value: string): string {
  return value.replace(/"((?:[^"\\]|\\.)*)"/gs, (_, inner: string) =>
    inner.replace(/\\(.)/gs, "$1"),
  );
}
