import { z } from "zod";
import { ChannelSpec } from "./channel.ts";
import { alternatives, type Fault } from "./faults.ts";
import { withoutNulls } from "./without-nulls.ts";

/**
 * The fields that a channel's `spec` may have. Parsing lets unknown ones pass, as the API server does that drops them: for a person who has
 * misspelt one, and for a CRD that is older than this program, here is which ones are known.
 */

const OPEN = "x-kubernetes-preserve-unknown-fields";

/** Is a JSON schema, as far as it names fields; a CustomResourceDefinition's is one. */
export interface FieldSchema {
  properties?: Readonly<Record<string, FieldSchema>>;
  items?: FieldSchema;
  additionalProperties?: unknown;
  [OPEN]?: boolean;
}

let known: FieldSchema | undefined;

/** Gives the fields of `spec`. */
export function specFields(): FieldSchema {
  const options = { target: "openapi-3.0", io: "input", unrepresentable: "any" } as const;
  known ??= z.toJSONSchema(ChannelSpec, options) as FieldSchema;
  return known;
}

/** Is a fault about fields that have no effect; `isKept` where the API server keeps them, since Knative may know what they are. */
export interface UnknownFields extends Fault {
  isKept: boolean;
}

/** Lists the fields of a channel's `spec` that are not known; nothing where it is no object. */
export function unknownFields(spec: unknown): UnknownFields[] {
  return unknownIn(withoutNulls(spec), specFields(), "spec");
}

/** Lists the paths of a schema's fields that another one lacks; what is below a missing field is not listed. */
export function fieldsLacking(wanted: FieldSchema, given: FieldSchema, path: string): string[] {
  if (given[OPEN] === true) return [];
  const ofItems = wanted.items ? fieldsLacking(wanted.items, given.items ?? {}, `${path}[]`) : [];
  const ofFields = Object.entries(wanted.properties ?? {}).flatMap(([name, child]) => {
    const theirs = given.properties?.[name];
    const at = `${path}.${name}`;
    return theirs === undefined ? [at] : fieldsLacking(child, theirs, at);
  });
  return [...ofItems, ...ofFields];
}

function unknownIn(value: unknown, schema: FieldSchema, path: string): UnknownFields[] {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return [];
    return value.flatMap((item, index) => unknownIn(item, items, `${path}[${index}]`));
  }
  const { properties = {} } = schema;
  // One that names no field takes any.
  const isAny = Object.keys(properties).length === 0;
  if (typeof value !== "object" || value === null || isAny) return [];
  const entries = Object.entries(value);
  const strangers = entries
    .map(([name]) => name)
    .filter((name) => !Object.hasOwn(properties, name));
  const below = entries.flatMap(([name, field]) => {
    const child = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return child === undefined ? [] : unknownIn(field, child, `${path}.${name}`);
  });
  if (strangers.length === 0) return below;
  const allowed = Object.keys(properties).join(", ");
  const reason = `unknown key ${alternatives(strangers)}; allowed: ${allowed}`;
  return [{ path, reason, isKept: schema[OPEN] === true }, ...below];
}
