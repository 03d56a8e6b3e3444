/** Makes the values.schema.json of the chart, which knows no value that values.yaml does not have. */
import { z } from "zod";
import { DefaultsFile } from "../../src/api/dispatcher-defaults.ts";
import { NatsConfigFile } from "../../src/api/nats-config.ts";
import { POD_FIELDS } from "../../src/api/pod-settings.ts";
import type { ChartValue } from "./chart-values.ts";

type Schema = Readonly<Record<string, unknown>>;
type Properties = Readonly<Record<string, Schema>>;

// The API server has these keywords; and a default is filled in by the program, so that a later one may have another.
const DROPPED = /^(\$schema|default|x-kubernetes-.*)$/;

const fieldsOf = (schema: z.ZodType): Properties => {
  const options = { target: "draft-7", io: "input", unrepresentable: "any" } as const;
  return withoutDropped(z.toJSONSchema(schema, options) as Schema).properties as Properties;
};

// By these names values.yaml refers to them.
const SOURCES: Readonly<Record<string, Properties>> = {
  pod: fieldsOf(z.strictObject(POD_FIELDS)),
  nats: fieldsOf(NatsConfigFile),
  defaults: fieldsOf(DefaultsFile),
};

/** Gives the text of values.schema.json. */
export function valuesSchema(values: readonly ChartValue[]): string {
  const schema = { $schema: "http://json-schema.org/draft-07/schema#", ...groupOf(values) };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

function groupOf(values: readonly ChartValue[]): Schema {
  const properties = Object.fromEntries(
    values.map((value) => [value.path.replace(/^.*\./, ""), schemaOf(value)]),
  );
  return { type: "object", additionalProperties: false, properties };
}

function schemaOf(value: ChartValue): Schema {
  const { meaning, keywords, values } = value;
  const shape = values ? groupOf(values) : shapeOf(value);
  return { ...shape, ...keywords, ...(meaning === "" ? {} : { description: meaning }) };
}

function shapeOf({ path, schemaOf: source, keywords, default: given }: ChartValue): Schema {
  if (source !== undefined) return sourceSchema(path, source);
  const type = Array.isArray(given) ? "array" : typeof given;
  if (type === "number") return { type: "integer" };
  if (type !== "object") return { type };
  if (keywords.type !== undefined) return {};
  throw new Error(`${path} in values.yaml: @schema-of, or @schema with a type, expected`);
}

function sourceSchema(path: string, source: string): Schema {
  const [name = "", field = ""] = source.split(".");
  const schema = SOURCES[name]?.[field];
  if (schema !== undefined) return schema;
  throw new Error(`${path} in values.yaml: there is no @schema-of ${source}`);
}

function withoutDropped<T>(node: T): T {
  if (Array.isArray(node)) return node.map(withoutDropped) as T;
  if (typeof node !== "object" || node === null) return node;
  const kept = Object.entries(node).filter(([keyword]) => !DROPPED.test(keyword));
  return Object.fromEntries(kept.map(([key, child]) => [key, withoutDropped(child)])) as T;
}
