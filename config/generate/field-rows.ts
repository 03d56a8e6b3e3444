import { alternatives } from "../../src/api/faults.ts";
import type { Schema } from "./structural-schema.ts";

/**
 * Is one field as its schema has it: the sentence that is read where a value is not `expected`, and those of its group's rules that name it.
 */
export interface FieldRow {
  path: string;
  meaning: string;
  default: unknown;
  expected: string;
  rules: string[];
}

interface Rule {
  message: string;
  fieldPath?: string;
}

/**
 * Lists the fields below a schema, each group before what is in it; entries of a list have `[]` in their path. A path of `stopAt` is one row,
 * whatever is below it.
 */
export function fieldRows(
  schema: Schema,
  path: string,
  stopAt: readonly string[] = [],
): FieldRow[] {
  const isRequired = (name: string) => schema.required?.includes(name) === true;
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const childPath = path === "" ? name : `${path}.${name}`;
    const ofGroup = rulesOf(schema).filter(({ fieldPath }) => fieldPath === `.${name}`);
    const row = {
      path: childPath,
      meaning: child.description ?? "",
      default: isRequired(name) ? "(required)" : child.default,
      expected: expectedOf(child),
      rules: ofGroup.map(({ message }) => message),
    };
    if (stopAt.includes(childPath)) return [row];
    const below = child.items?.properties
      ? fieldRows(child.items, `${childPath}[]`, stopAt)
      : fieldRows(child, childPath, stopAt);
    return [row, ...below];
  });
}

function expectedOf(schema: Schema): string {
  const rules = rulesOf(schema).filter(({ fieldPath }) => fieldPath === undefined);
  if (rules.length > 0) return rules.map(({ message }) => message).join("; ");
  if (Array.isArray(schema.enum)) return `${alternatives(schema.enum.map(String))} expected`;
  switch (schema.type) {
    case "integer":
      return `a whole number${boundsOf(schema)} expected`;
    case "boolean":
      return "true or false expected";
    case "array":
      return listOf(schema);
    case "object":
      return schema.additionalProperties?.type === "string"
        ? "an object of texts expected"
        : "an object expected";
    default:
      return typeof schema.maxLength === "number"
        ? `a text of at most ${schema.maxLength} characters expected`
        : "a text expected";
  }
}

function listOf({ items = {}, maxItems }: Schema): string {
  const most = typeof maxItems === "number" ? ` of at most ${maxItems}` : "";
  return `a list${most} expected${items.properties ? "" : `; of each: ${expectedOf(items)}`}`;
}

function boundsOf({ minimum, maximum }: Schema): string {
  const [from, to] = [minimum, maximum].map((bound) =>
    typeof bound === "number" && Math.abs(bound) !== Number.MAX_SAFE_INTEGER ? bound : undefined,
  );
  if (from !== undefined && to !== undefined) return ` from ${from} to ${to}`;
  return from === undefined ? "" : `, at least ${from},`;
}

function rulesOf(schema: Schema): Rule[] {
  return (schema["x-kubernetes-validations"] ?? []) as Rule[];
}
