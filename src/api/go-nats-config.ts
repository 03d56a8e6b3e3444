/**
 * Understands the configuration of the Go implementation (`eventing-nats`): before the file is checked, its spellings are turned into
 * ours, each with a warning that says what to write instead. What is spelled both ways stays as it is, and is refused as any unknown key.
 */

/** Is the file in our spelling. `pathGiven` turns the path of a fault back into what the user wrote. */
export interface Translation {
  value: unknown;
  warnings: string[];
  pathGiven(path: string): string;
}

type Fields = Readonly<Record<string, unknown>>;

const RENAMED = [
  ["auth.credentialFile.secret.name", "auth.credentialFile.secret.secretName"],
  ["auth.tls.secret.name", "tls.secretName"],
  // It had nothing but ca.crt read, even where tls.crt is beside it.
  ["tls.secret.name", "tls.caSecret.secretName"],
] as const;

const CONN_OPTS =
  "connOpts: ignored, and nothing is lost: a connection that is lost or cannot be made is tried again for ever, with short and jittered waits";
const CA_BUNDLE =
  'tls.caBundle: understood; write tls.caConfigMap: { name: …, key: "ca.crt" } instead, which can be changed without a change of this file';

/** Turns what is known of the Go implementation's shape into ours. Nothing is thrown, and no value repeated. */
export function translateGoShape(given: unknown): Translation {
  const warnings: string[] = [];
  let value = given;
  const moved: (readonly [string, string])[] = [];
  for (const [from, to] of RENAMED) {
    const next = renamed(value, from.split("."), to.split("."));
    if (next === undefined) continue;
    value = next;
    moved.push([from, to]);
    warnings.push(`${from}: understood; write ${to} instead`);
  }
  if (valueAt(value, ["tls", "caBundle"]) !== undefined) warnings.push(CA_BUNDLE);
  if (valueAt(value, ["connOpts"]) !== undefined) {
    value = without(value as Fields, ["connOpts"]);
    warnings.push(CONN_OPTS);
  }
  const pathGiven = (path: string) => moved.find(([, to]) => to === path)?.[0] ?? path;
  return { value, warnings, pathGiven };
}

function renamed(value: unknown, from: string[], to: string[]): unknown {
  const field = valueAt(value, from);
  if (!isFields(value) || field === undefined || valueAt(value, to) !== undefined) return undefined;
  return withValue(without(value, from), to, field);
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const key of path) {
    if (!isFields(at) || !Object.hasOwn(at, key)) return undefined;
    at = at[key];
  }
  return at;
}

/** Copies the objects along the path without its field, and without the objects that are empty then. */
function without(fields: Fields, [key = "", ...below]: readonly string[]): Fields {
  const { [key]: field, ...others } = fields;
  if (below.length === 0 || !isFields(field)) return others;
  const rest = without(field, below);
  return Object.keys(rest).length === 0 ? others : { ...others, [key]: rest };
}

/** Copies the objects along the path with its field; undefined where something else than an object is in the way. */
function withValue(value: unknown, [key, ...below]: readonly string[], field: unknown): unknown {
  if (key === undefined) return field;
  if (value !== undefined && !isFields(value)) return undefined;
  const inner = withValue(value?.[key], below, field);
  return inner === undefined ? undefined : { ...value, [key]: inner };
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
