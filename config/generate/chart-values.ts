/**
 * Reads the values.yaml of the chart with its comments: what a value means, and what of its schema its default does not show.
 *
 *     # How many run.                        its meaning, in one or several lines
 *     # @schema {minimum: 1}                 keywords of its JSON schema, beside the type of its default
 *     # @schema-of pod.affinity              its schema is that of a field in src/api (values-schema.ts)
 *     replicas: 1
 *
 * A map that says `@schema-of` is one value, any other map a group of values.
 */
import { load } from "js-yaml";

/** Is one value of the chart, or a group of them. */
export interface ChartValue {
  /** Is where it is: `controller.image.tag`. */
  path: string;
  default: unknown;
  meaning: string;
  keywords: Readonly<Record<string, unknown>>;
  schemaOf: string | undefined;
  /** Are the values of a group; undefined for a value. */
  values: ChartValue[] | undefined;
}

/** Lists the values and groups at the top of a values.yaml. */
export function chartValues(text: string): ChartValue[] {
  return valuesIn(load(text) as Record<string, unknown>, "", commentsIn(text));
}

/** Lists the values below others, groups left out. */
export function leavesOf(values: readonly ChartValue[]): ChartValue[] {
  return values.flatMap((value) => (value.values ? leavesOf(value.values) : [value]));
}

function valuesIn(
  group: Record<string, unknown>,
  prefix: string,
  comments: ReadonlyMap<string, readonly string[]>,
): ChartValue[] {
  return Object.entries(group).map(([key, value]) => {
    const path = `${prefix}${key}`;
    const described = descriptionIn(path, comments.get(path) ?? []);
    const isGroup = isFilledMap(value) && described.schemaOf === undefined;
    const values = isGroup ? valuesIn(value, `${path}.`, comments) : undefined;
    return { path, default: value, ...described, values };
  });
}

function isFilledMap(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length > 0
  );
}

function descriptionIn(path: string, lines: readonly string[]) {
  const words: string[] = [];
  let keywords: Record<string, unknown> = {};
  let schemaOf: string | undefined;
  for (const line of lines) {
    const [, directive, rest = ""] = /^@(\S+) (.*)$/.exec(line) ?? [];
    if (directive === undefined) words.push(line);
    else if (directive === "schema") keywords = load(rest) as Record<string, unknown>;
    else if (directive === "schema-of") schemaOf = rest;
    else
      throw new Error(`${path} in values.yaml: @schema or @schema-of expected, got @${directive}`);
  }
  return { meaning: words.join(" "), keywords, schemaOf };
}

/** Finds the comment lines directly above each key, by its path. */
function commentsIn(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let comment: string[] = [];
  let above: { indent: number; key: string }[] = [];
  for (const line of text.split("\n")) {
    const [, words] = /^\s*# ?(.*)$/.exec(line) ?? [];
    if (words !== undefined) {
      comment.push(words);
      continue;
    }
    const [, indent, key] = /^( *)([A-Za-z]\w*):/.exec(line) ?? [];
    if (indent !== undefined && key !== undefined) {
      above = [
        ...above.filter((one) => one.indent < indent.length),
        { indent: indent.length, key },
      ];
      found.set(above.map((one) => one.key).join("."), comment);
    }
    comment = [];
  }
  return found;
}
