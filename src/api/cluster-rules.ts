import { alternatives } from "./faults.ts";

/**
 * What Kubernetes' API server checks by itself: keywords that travel in the metadata of a zod schema and end in the CustomResourceDefinition.
 * A rule is CEL and stands beside the check that it repeats, so that `kubectl apply` refuses what a dispatcher would refuse, in one sentence.
 */

/** Is one rule of the API server; `self` is the value, `oldSelf` what it was. The message follows the path and the value. */
export interface ClusterRule {
  rule: string;
  message: string;
  /** Names the field that is at fault where the rule is on an object: `.mirror`. */
  fieldPath?: string;
  /** Forbidden: the sentence goes without the value, which may be a secret in the wrong place. */
  reason?: "FieldValueForbidden" | "FieldValueRequired";
  /** Runs the rule on creation too, where there is no old value. */
  optionalOldSelf?: true;
}

/** Is the rule of a text, with the bound that makes its cost known. */
export interface ClusterTextRule extends ClusterRule {
  maxLength?: number;
}

/** Makes the metadata that carries rules. */
export function clusterRules(...rules: ClusterRule[]): Record<string, unknown> {
  return { "x-kubernetes-validations": rules };
}

/** Makes the metadata that carries the rule of a text. */
export function clusterTextRule({ maxLength, ...rule }: ClusterTextRule): Record<string, unknown> {
  return { ...clusterRules(rule), ...(maxLength === undefined ? {} : { maxLength }) };
}

/** Gives the rule that a text is one of these words, in any case. */
export function wordRule(words: readonly string[]): ClusterTextRule {
  const allowed = words.map((word) => `'${word.toLowerCase()}'`);
  return {
    rule: `self.lowerAscii() in ['', ${allowed.join(", ")}]`,
    message: `${alternatives(words)} expected (in any case)`,
    maxLength: 32,
  };
}

const GO_DURATION = "^(0|(([0-9]+[.]?[0-9]*|[.][0-9]+)(h|ms|m|s|us|\u00b5s|\u03bcs|ns))+)$";

/** Gives CEL that says whether a text is a duration as Go writes it, without a sign. */
export function isGoDuration(text: string): string {
  return `${text}.matches('${GO_DURATION}')`;
}

// A fraction stands in the smallest part only, and `T` before at least one part.
const ISO_TIME =
  "T(([0-9]+H)?([0-9]+M)?[0-9]+([.,][0-9]+)?S|([0-9]+H)?[0-9]+([.,][0-9]+)?M|[0-9]+([.,][0-9]+)?H)";
const ISO_DURATION = `^P(([0-9]+W)?([0-9]+D)?${ISO_TIME}|([0-9]+W)?[0-9]+([.,][0-9]+)?D|[0-9]+([.,][0-9]+)?W)$`;

/** Gives CEL that says whether a text is an ISO 8601 duration without years, months and a sign. */
export function isIsoDuration(text: string): string {
  return `${text}.matches('${ISO_DURATION}')`;
}

// White space, control characters and what only formats.
const UNSEEN = "\\p{Z}\\p{Cc}\\p{Cf}";

/** Gives CEL that says whether a text is a subject of NATS. */
export function isSubjectRule(text: string): string {
  const inner = `[^.>${UNSEEN}][^.${UNSEEN}]*|>[^.${UNSEEN}]+`;
  return `${text}.matches(r'^((${inner})[.])*[^.${UNSEEN}]+$')`;
}

/** Gives CEL that says whether a text is the name of a stream. */
export function isStreamNameRule(text: string): string {
  return `${text}.matches(r'^[^.*>/,\\\\${UNSEEN}]+$')`;
}
