import { z } from "zod";
import {
  type ClusterRule,
  type ClusterTextRule,
  clusterRules,
  clusterTextRule,
  isGoDuration,
  isIsoDuration,
  isStreamNameRule,
  isSubjectRule,
  wordRule,
} from "./cluster-rules.ts";
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

/** Bounds a duration: the check of its milliseconds, and the same in CEL on its text. */
interface DurationBound {
  check: Check<number>;
  rule?: string;
  expected?: string;
}

const LONGEST_DURATION = 64;

// What is too long for Go's int64 of nanoseconds is an error in CEL.
const ANY_GO: DurationBound = {
  check: () => undefined,
  rule: "duration(self) >= duration('0s')",
};

const ANY_ISO: DurationBound = { check: () => undefined };

/** Bounds an ISO 8601 duration that has to be longer than nothing. */
export const ABOVE_ZERO: DurationBound = {
  check: (ms) => (ms > 0 ? undefined : "more than 0 expected"),
  rule: "self.matches('[1-9]')",
  expected: ", more than 0",
};

/** Bounds a Go duration to 0 or what the server can measure. */
export const ZERO_OR_100_MS: DurationBound = {
  check: (ms) => (ms === 0 || ms >= 100 ? undefined : "0 or at least 100ms expected"),
  rule: "(duration(self) == duration('0s') || duration(self) >= duration('100ms'))",
  expected: ", 0 or at least 100ms",
};

/** Reports a fault of an object, at a path below it. */
export type AddFault = (path: string[], reason: string) => void;

/** Makes a text field; the check gives the sentence of what is wrong with it, the rule is the same for the API server. */
export function textThat(check: Check<string>, rule?: ClusterTextRule) {
  const field = z.string().superRefine((text, context) => {
    const message = check(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
  return rule === undefined ? field : field.meta(clusterTextRule(rule));
}

/** Makes a field that takes one of these words, in any case. An empty text counts as unset, as Go's types write it. */
export function wordOf(words: Words) {
  const names = Object.keys(words);
  return textThat(
    (text) =>
      text === "" || meaningOf(words, text) !== undefined
        ? undefined
        : `${alternatives(names)} expected, got ${shown(text)}`,
    wordRule(names),
  );
}

/** Makes a field for a duration as Go writes it (`1h30m`), within a bound. */
export function goDuration({ check, rule = "true", expected = "" }: DurationBound = ANY_GO) {
  return textThat((text) => durationFault(text, parseGoDuration, check), {
    rule: `${isGoDuration("self")} && ${rule}`,
    message: `a duration like "1h30m" expected (units h, m, s, ms, us, ns)${expected}`,
    maxLength: LONGEST_DURATION,
  });
}

/** Makes a field for an ISO 8601 duration (`PT1H30M`), within a bound. */
export function isoDuration({ check, rule = "true", expected = "" }: DurationBound = ANY_ISO) {
  return textThat((text) => durationFault(text, parseIsoDuration, check), {
    rule: `${isIsoDuration("self")} && ${rule}`,
    message: `an ISO 8601 duration like "PT10S" expected (weeks, days, hours, minutes, seconds)${expected}`,
    maxLength: LONGEST_DURATION,
  });
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

/**
 * Adds a rule on an object as a whole, and the same for the API server. It runs on faulty objects too, so that all faults come together: it
 * must not trust a type.
 */
export function withRule<S extends z.ZodObject>(
  schema: S,
  rule: (value: Readonly<Record<string, unknown>>, addFault: AddFault) => void,
  ...cluster: ClusterRule[]
): S {
  const checked = schema.superRefine(
    (value, context) => {
      if (typeof value !== "object" || value === null) return;
      rule(value as Record<string, unknown>, (path, message) => {
        context.addIssue({ code: "custom", path, message });
      });
    },
    { when: () => true },
  );
  return cluster.length === 0 ? checked : checked.meta(clusterRules(...cluster));
}

/** Makes a field that exists in NATS, with this type, but makes no sense in a channel: its presence is the fault. */
export function refusedField(reason: string, type: Readonly<Record<string, unknown>>) {
  return z
    .never({ error: reason })
    .optional()
    .meta({ ...type, ...clusterRules({ rule: "false", message: reason }) });
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

const STREAM_NAME =
  "a stream's name (no white space, none of . * > / \\ , and at most 255 characters) expected";

/** A name that NATS takes for a stream. */
export const StreamName = textThat(
  (text) => (isStreamName(text) ? undefined : `${STREAM_NAME}, got ${shown(text)}`),
  { rule: isStreamNameRule("self"), message: STREAM_NAME, maxLength: 255 },
);

const SUBJECT = 'a subject (tokens between dots, no white space, ">" only at the end) expected';

/** A subject, wildcards allowed. */
export const Subject = textThat(
  (text) => (isSubject(text) ? undefined : `${SUBJECT}, got ${shown(text)}`),
  { rule: isSubjectRule("self"), message: SUBJECT, maxLength: 1024 },
);

const TIME = 'a time like "2026-01-31T12:00:00Z" expected';

/** A time as Kubernetes writes it: RFC 3339 (`2026-01-31T12:00:00Z`). */
export const Timestamp = textThat(
  (text) =>
    z.iso.datetime({ offset: true }).safeParse(text).success
      ? undefined
      : `${TIME}, got ${shown(text)}`,
  {
    // The pattern refuses leap seconds and the like, the conversion the 31st of a month that has 30 days.
    rule: "self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$') && timestamp(self) == timestamp(self)",
    message: TIME,
    maxLength: 64,
  },
);

/** A stream sequence, as a number or a text: as long as JavaScript, and so the NATS client, keeps its digits. */
export const Sequence = z
  .union([z.string(), z.number()], {
    error: "a stream sequence (a number, or its digits as text) expected",
  })
  .superRefine((value, context) => {
    if (!isSequence(value)) {
      const message = `a stream sequence from 0 to 9007199254740991 expected, got ${shown(value)}`;
      context.addIssue({ code: "custom", message });
    }
  })
  .meta({ pattern: "^[0-9]{1,16}$", minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

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

const NO_CERTIFICATE = "at least one certificate in PEM form expected, found none";

/** PEM text with at least one certificate; an empty text counts as unset. */
export const CaCertificates = textThat(
  (text) =>
    text === "" ||
    /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/.test(text)
      ? undefined
      : NO_CERTIFICATE,
  {
    rule: "self == '' || self.matches('-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=[:space:]]+-----END CERTIFICATE-----')",
    message: NO_CERTIFICATE,
  },
);

function isSequence(value: string | number): boolean {
  const isWritten = typeof value === "number" || /^\d{1,16}$/.test(value);
  return isWritten && Number.isSafeInteger(Number(value)) && Number(value) >= 0;
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
