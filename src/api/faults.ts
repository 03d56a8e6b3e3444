import { z } from "zod";

/** Names one thing that is wrong in an object: where (`spec.stream.config.storage`) and what is allowed there. */
export interface Fault {
  path: string;
  reason: string;
}

/** Is thrown for a configuration that is not valid; its message lists the faults, a line for each. */
export class InvalidConfigError extends Error {
  readonly faults: readonly Fault[];

  constructor(what: string, faults: readonly Fault[]) {
    const lines = faults.map(({ path, reason }) => `\n  ${path || "(file)"}: ${reason}`);
    super(`${what} is not valid:${lines.join("")}`);
    this.faults = faults;
  }
}

type RawIssue = Parameters<z.core.$ZodErrorMap>[0];

const KINDS: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
  object: "an object",
  record: "an object",
  string: "a text",
};

/** Shows a value in an error sentence: quoted when it is a text, cut when it is long, and by its kind when there are others in it. */
export function shown(value: unknown): string {
  // A YAML alias can make it cyclic, which JSON cannot write.
  if (typeof value === "object" && value !== null) return shownKind(value);
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

/** Writes `"A"`, `"A" or "B"`, `"A", "B" or "C"`. */
export function alternatives(words: readonly string[]): string {
  const quoted = words.map((word) => `"${word}"`);
  const last = quoted.pop() ?? "nothing";
  return quoted.length === 0 ? last : `${quoted.join(", ")} or ${last}`;
}

/**
 * Says in one sentence what a zod issue means: what is expected and what is there.
 * Handed to `safeParse` as its error map; a schema's own sentence goes before it.
 */
export function sentenceFor(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return typeSentence(issue);
    case "too_small":
      return `${issue.inclusive === false ? "more than" : "at least"} ${limit(issue, issue.minimum)} expected${got(issue)}`;
    case "too_big":
      return `${issue.inclusive === false ? "less than" : "at most"} ${limit(issue, issue.maximum)} expected${got(issue)}`;
    case "invalid_value":
      return `${alternatives(issue.values.map(String))} expected, got ${shown(issue.input)}`;
    case "unrecognized_keys":
      return `unknown key ${alternatives(issue.keys)}; allowed: ${allowedKeys(issue)}`;
    default:
      return undefined;
  }
}

/** Lists the faults of a failed parse, each with the dotted path below `prefix`. */
export function faultsOf(error: z.ZodError, prefix: readonly PropertyKey[] = []): Fault[] {
  return error.issues.map((issue) => ({
    path: z.core.toDotPath([...prefix, ...issue.path]),
    reason: issue.message,
  }));
}

// A text is never repeated here: where an object belongs, it may be a password put in the wrong place.
function typeSentence(issue: RawIssue & { code: "invalid_type" }): string {
  const expected = KINDS[issue.expected] ?? issue.expected;
  const { input } = issue;
  if (input === undefined) return `required: ${expected}`;
  return `${expected} expected, got ${shownKind(input)}`;
}

function shownKind(value: unknown): string {
  if (value === null || typeof value === "number" || typeof value === "boolean") {
    return String(value);
  }
  return KINDS[Array.isArray(value) ? "array" : typeof value] ?? typeof value;
}

function limit(issue: { origin: string }, bound: number | bigint): string {
  if (issue.origin === "string") return `${bound} character${bound === 1 ? "" : "s"}`;
  if (issue.origin === "array") return `${bound} item${bound === 1 ? "" : "s"}`;
  return String(bound);
}

function got(issue: { origin: string; input?: unknown }): string {
  return typeof issue.input === "number" ? `, got ${issue.input}` : "";
}

function allowedKeys(issue: RawIssue): string {
  const { inst } = issue;
  return inst instanceof z.ZodObject ? Object.keys(inst.shape).join(", ") : "none";
}
