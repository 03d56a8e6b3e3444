import type { V1ObjectMeta } from "@kubernetes/client-node";

/** Turns a type of client-node into what the API server really sends: JSON, in which a time is a string. */
export type Json<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? Json<Item>[]
    : T extends object
      ? { [Key in keyof T]: Json<T[Key]> }
      : T;

/** Is the metadata of an object. */
export type ObjectMeta = Json<V1ObjectMeta>;

/** Is what every object has. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
}

/** Names a type of objects; any constant with these fields is one, `T` says what its objects look like. */
export interface Resource<T extends KubeObject = KubeObject> {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Carries the type; there is never a value. */
  readonly objectType?: T;
}

/** Names an object; `namespace` is left out for cluster-scoped ones. */
export interface ObjectName {
  namespace?: string | undefined;
  name: string;
}

/** Gives the key of an object in stores and queues: `namespace/name`, or `name`. */
export function keyOf(object: KubeObject): string {
  const { namespace, name } = nameOf(object);
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** Takes a key of `keyOf` apart. */
export function nameFromKey(key: string): ObjectName {
  const slash = key.indexOf("/");
  if (slash === -1) return { name: key };
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** Gives the name of an object as the API knows it. */
export function nameOf(object: KubeObject): ObjectName {
  const { namespace, name } = object.metadata ?? {};
  return { ...(namespace === undefined ? {} : { namespace }), name: name ?? "" };
}

/** Gives the version of an object as a number: versions of one resource can be compared, and grow. */
export function versionOf(object: KubeObject | undefined): number {
  return Number(object?.metadata?.resourceVersion ?? 0);
}

/** Gives `group/version` as an object has it. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

/** Gives the path of a collection, of one object, or of its subresource. */
export function pathOf(
  resource: Resource,
  at: { namespace?: string | undefined; name?: string },
  subresource?: string,
): string {
  const parts = resource.group === "" ? ["api"] : ["apis", resource.group];
  parts.push(resource.version);
  if (resource.namespaced && at.namespace !== undefined) parts.push("namespaces", at.namespace);
  parts.push(resource.plural);
  if (at.name !== undefined) parts.push(at.name);
  if (subresource !== undefined) parts.push(subresource);
  return parts.map((part) => `/${encodeURIComponent(part)}`).join("");
}

/** Gives a type and perhaps an object in words: `configmaps ns/name`. */
export function words(
  resource: Resource,
  at: { namespace?: string | undefined; name?: string },
): string {
  const { plural, namespaced } = resource;
  const { namespace, name } = at;
  if (name === undefined || name === "") {
    if (!namespaced) return plural;
    return namespace === undefined ? `${plural} of all namespaces` : `${plural} of ${namespace}`;
  }
  return `${plural} ${namespaced && namespace !== undefined ? `${namespace}/` : ""}${name}`;
}
