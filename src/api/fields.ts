import { z } from "zod";
import { parseGoDuration, parseIsoDuration } from "./duration.ts";
import { alternatives, shown } from "./faults.ts";
import { isStreamName, isSubject } from "./subjects.ts";
import { meaningOf, type Words } from "./words.ts";

/**
 * The kinds of field that our objects are made of. Each is checked and left as it was written, so that a parsed object is still the
 * object that Kubernetes holds; the sentence of a fault says what is expected and what is there.
 */

/** Says what is wrong with a value, or nothing. */
type Check<T> = (value: T) => string | undefined;

/** Reports a fault of an object, at a path below it. */
export type AddFault = (path: string[], reason: string) => void;

/** Makes a text field; the check gives the sentence of what is wrong with it. */
export function textThat(check: Check<string>) {
  return z.string().superRefine((text, context) => {
    const message = check(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
}

/** Makes a field that takes one of these words, in any case. */
export function wordOf(words: Words) {
  return textThat((text) =>
    meaningOf(words, text) === undefined
      ? `${alternatives(Object.keys(words))} expected, got ${shown(text)}`
      : undefined,
  );
}

/** Makes a field for a duration as Go writes it (`1h30m`), with a further check of its milliseconds. */
export function goDuration(check: Check<number> = () => undefined) {
  return textThat((text) => durationFault(text, parseGoDuration, check));
}

/** Makes a field for an ISO 8601 duration (`PT1H30M`), with a further check of its milliseconds. */
export function isoDuration(check: Check<number> = () => undefined) {
  return textThat((text) => durationFault(text, parseIsoDuration, check));
}

/** Checks that a duration is longer than nothing. */
export function aboveZero(ms: number): string | undefined {
  return ms > 0 ? undefined : "more than 0 expected";
}

/** Checks that a duration is 0 or what the server can measure. */
export function zeroOr100Ms(ms: number): string | undefined {
  return ms === 0 || ms >= 100 ? undefined : "0 or at least 100ms expected";
}

/** Reads a duration for a rule that compares it: 0 when it is absent or faulty, which its own field reports. */
export function goMsOrZero(text: unknown): number {
  if (typeof text !== "string" || durationFault(text, parseGoDuration, () => undefined)) return 0;
  return parseGoDuration(text);
}

/** Reads an ISO 8601 duration in the same way. */
export function isoMsOrZero(text: unknown): number {
  if (typeof text !== "string" || durationFault(text, parseIsoDuration, () => undefined)) return 0;
  return parseIsoDuration(text);
}

/** Adds a rule on an object as a whole. It runs on faulty objects too, so that all faults come together: it must not trust a type. */
export function withRule<S extends z.ZodObject>(
  schema: S,
  rule: (value: Readonly<Record<string, unknown>>, addFault: AddFault) => void,
): S {
  return schema.superRefine(
    (value, context) => {
      if (typeof value !== "object" || value === null) return;
      rule(value as Record<string, unknown>, (path, message) => {
        context.addIssue({ code: "custom", path, message });
      });
    },
    { when: () => true },
  );
}

/** Makes a field that exists in NATS but makes no sense in a channel: its presence is the fault. */
export function refusedField(reason: string) {
  return z.never({ error: reason }).optional();
}

/** A name that may be a Service's name: lower-case letters, digits and dashes, a letter first, at most 63 characters. */
export const Dns1035Label = textThat((text) =>
  /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)
    ? undefined
    : `a DNS-1035 label (a-z, 0-9, "-", a letter first, at most 63 characters) expected, got ${shown(text)}`,
);

/** A namespace's name: lower-case letters, digits and dashes, at most 63 characters. */
export const Dns1123Label = textThat((text) =>
  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)
    ? undefined
    : `a DNS-1123 label (a-z, 0-9, "-", at most 63 characters) expected, got ${shown(text)}`,
);

/** A name that NATS takes for a stream. */
export const StreamName = textThat((text) =>
  isStreamName(text)
    ? undefined
    : `a stream's name (no white space, none of . * > / \\ , and at most 255 characters) expected, got ${shown(text)}`,
);

/** A subject, wildcards allowed. */
export const Subject = textThat((text) =>
  isSubject(text)
    ? undefined
    : `a subject (tokens between dots, no white space, ">" only at the end) expected, got ${shown(text)}`,
);

/** A time as Kubernetes writes it: RFC 3339 (`2026-01-31T12:00:00Z`). */
export const Timestamp = textThat((text) =>
  z.iso.datetime({ offset: true }).safeParse(text).success
    ? undefined
    : `a time like "2026-01-31T12:00:00Z" expected, got ${shown(text)}`,
);

/** A stream sequence: an uint64 as text, or a number as long as JavaScript keeps its digits. */
export const Sequence = z
  .union([z.string(), z.number()], { error: "a stream sequence (an uint64 as text) expected" })
  .superRefine((value, context) => {
    if (!isSequence(value)) {
      const message = `a stream sequence from 0 to 18446744073709551615 (above 9007199254740991 as text) expected, got ${shown(value)}`;
      context.addIssue({ code: "custom", message });
    }
  });

/** Says whether the text is an absolute URL of http or https with a host, without white space. */
export function isHttpUrl(text: string): boolean {
  return /^https?:\/\/[^/?#]/i.test(text) && !/[\s\p{Cc}]/u.test(text) && URL.canParse(text);
}

/** An absolute http or https URL. An empty text counts as unset, as Knative's own types have it. */
export const HttpUrl = textThat((text) =>
  text === "" || isHttpUrl(text)
    ? undefined
    : `an absolute http or https URL expected, got ${shown(text)}`,
);

/** PEM text with at least one certificate; an empty text counts as unset. */
export const CaCertificates = textThat((text) =>
  text === "" || /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/.test(text)
    ? undefined
    : "at least one certificate in PEM form expected, found none",
);

function isSequence(value: string | number): boolean {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0;
  return /^\d{1,20}$/.test(value) && BigInt(value) < 2n ** 64n;
}

function durationFault(
  text: string,
  parse: (text: string) => number,
  check: Check<number>,
): string | undefined {
  try {
    const fault = check(parse(text));
    return fault === undefined ? undefined : `${fault}, got ${shown(text)}`;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}
