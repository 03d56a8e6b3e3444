/**
 * Turns the JSON schema that zod writes into the kind that Kubernetes takes for a CustomResourceDefinition: structural, nothing beside
 * `properties`, one type for each value. What only Kubernetes knows (rules, list types) is in the metadata of the zod schemas and passes.
 */

/** Is a node of a JSON schema, as far as it is looked at here. */
export interface Schema {
  type?: string;
  format?: string;
  description?: string;
  properties?: Readonly<Record<string, Schema>>;
  items?: Schema;
  additionalProperties?: Schema;
  anyOf?: readonly Schema[];
  required?: readonly string[];
  maximum?: number;
  [keyword: string]: unknown;
}

// Nothing is filled in by the API server: what is unset is decided where it is used, and a later release may decide otherwise.
const DROPPED = ["$schema", "default", "not", "anyOf"];

const SHAPE = [
  "description",
  "type",
  "format",
  "required",
  "properties",
  "items",
  "additionalProperties",
  "x-kubernetes-preserve-unknown-fields",
];

const INT32_MAX = 2 ** 31 - 1;

/** Makes a schema structural. */
export function structuralSchema(schema: Schema): Schema {
  const result = withKeywords(schema, (keyword, value) => !isDropped(schema, keyword, value));
  // The one union there is: a number, or the same as a text.
  if (schema.anyOf !== undefined) result["x-kubernetes-int-or-string"] = true;
  if (schema.type === "integer") result.format = schema.maximum === INT32_MAX ? "int32" : "int64";
  return withChildren(result, structuralSchema);
}

/**
 * Leaves only the shape of a structural schema: no rule, no bound. For a list that another program writes as a whole, where one bad entry must
 * not keep the good ones out.
 */
export function shapeOf(schema: Schema): Schema {
  return withChildren(
    withKeywords(schema, (keyword) => SHAPE.includes(keyword)),
    shapeOf,
  );
}

function isDropped({ type }: Schema, keyword: string, value: unknown): boolean {
  // zod's word for "any further field is fine"; Kubernetes drops those, and kubectl names them.
  if (keyword === "additionalProperties") return isEmpty(value);
  // The API server drops these, and kubectl would find a change in every apply.
  if (keyword === "properties") return isEmpty(value);
  const isEveryInteger = type === "integer" && Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER;
  return DROPPED.includes(keyword) || isEveryInteger;
}

function isEmpty(value: unknown): boolean {
  return Object.keys(value ?? {}).length === 0;
}

function withKeywords(schema: Schema, isKept: (keyword: string, value: unknown) => boolean) {
  const kept = Object.entries(schema).filter(([keyword, value]) => isKept(keyword, value));
  return Object.fromEntries(kept) as Schema;
}

function withChildren(schema: Schema, change: (child: Schema) => Schema): Schema {
  const { properties, items, additionalProperties } = schema;
  return {
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, child]) => [name, change(child)]),
      ),
    }),
    ...(items && { items: change(items) }),
    ...(additionalProperties && { additionalProperties: change(additionalProperties) }),
  };
}
