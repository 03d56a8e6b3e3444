import { isNamespaceScoped } from "../api/names.ts";
import { type KubeObject, keyOf } from "../kube/resource.ts";

/** Names whose channels a dispatcher serves: the cluster's, or those of one namespace. */
export interface Scope {
  /** `cluster` or `namespace/orders`. */
  key: string;
  isNamespaced: boolean;
  /** Where its dispatcher is. */
  namespace: string;
}

/** Is the key of the cluster's scope. */
export const CLUSTER_SCOPE = "cluster";
const NAMESPACE_PREFIX = "namespace/";

/** Gives the key of the scope that a channel asks for. */
export function scopeKeyOf({ metadata }: KubeObject): string {
  return isNamespaceScoped(metadata?.annotations)
    ? namespaceScope(metadata?.namespace ?? "")
    : CLUSTER_SCOPE;
}

/** Gives the key of a namespace's own scope. */
export function namespaceScope(namespace: string): string {
  return `${NAMESPACE_PREFIX}${namespace}`;
}

/** Takes a key apart. */
export function scopeFor(key: string, systemNamespace: string): Scope {
  const isNamespaced = key.startsWith(NAMESPACE_PREFIX);
  const namespace = isNamespaced ? key.slice(NAMESPACE_PREFIX.length) : systemNamespace;
  return { key, isNamespaced, namespace };
}

/** Finds the oldest of objects; of the same second the first by name, so that it is the same one each time. */
export function oldestOf<T extends KubeObject>(objects: readonly T[]): T | undefined {
  const ageOf = (object: T) => `${object.metadata?.creationTimestamp ?? "9"} ${keyOf(object)}`;
  let oldest = objects[0];
  for (const object of objects) {
    if (oldest !== undefined && ageOf(object) < ageOf(oldest)) oldest = object;
  }
  return oldest;
}
