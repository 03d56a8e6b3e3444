/** Works out the environment of a container from its manifest, as the kubelet does: envFrom, then env, then `$(NAME)`. */
import type {
  V1ConfigMap,
  V1Container,
  V1EnvVar,
  V1EnvVarSource,
  V1Pod,
  V1Secret,
} from "@kubernetes/client-node";
import type { KubeClient } from "../kube-client.ts";
import { fieldValue } from "./field-value.ts";
import { NotStartable } from "./not-startable.ts";
import { contents } from "./volume-files.ts";

const configError = "CreateContainerConfigError";

/** Says whose environment it is, and where ConfigMaps and Secrets are read. */
export interface EnvironmentContext {
  pod: V1Pod;
  client: KubeClient;
}

/** Gives the variables of a container. Rejects while something that they name is missing. */
export async function containerEnvironment(
  container: V1Container,
  context: EnvironmentContext,
): Promise<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const { prefix = "", configMapRef, secretRef } of container.envFrom ?? []) {
    const kind = configMapRef === undefined ? "Secret" : "ConfigMap";
    const { name = "", optional = false } = configMapRef ?? secretRef ?? {};
    const values = await valuesOf({ kind, name, optional }, context);
    for (const [key, value] of values) variables[prefix + key] = value.toString("utf8");
  }
  for (const variable of container.env ?? []) {
    const value = await variableValue(variable, variables, context);
    if (value !== undefined) variables[variable.name] = value;
  }
  return variables;
}

/** Puts variables in for `$(NAME)`; an unknown name stays as it is, and `$$(NAME)` is the way to write one. */
export function expand(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^)]+)\)/g, (whole, name: string | undefined) => {
    if (name === undefined) return "$";
    return variables[name] ?? whole;
  });
}

async function variableValue(
  { value, valueFrom }: V1EnvVar,
  variables: Readonly<Record<string, string>>,
  context: EnvironmentContext,
): Promise<string | undefined> {
  if (valueFrom === undefined) return expand(value ?? "", variables);
  if (valueFrom.fieldRef !== undefined) {
    return fieldValue(context.pod, valueFrom.fieldRef.fieldPath);
  }
  return await keyValue(valueFrom, context);
}

async function keyValue(
  { configMapKeyRef, secretKeyRef }: V1EnvVarSource,
  context: EnvironmentContext,
): Promise<string | undefined> {
  const ref = configMapKeyRef ?? secretKeyRef;
  if (ref === undefined) {
    throw new NotStartable(configError, "an environment variable has a source that is unknown");
  }
  const kind = configMapKeyRef === undefined ? "Secret" : "ConfigMap";
  const { name = "", key, optional = false } = ref;
  const value = (await valuesOf({ kind, name, optional }, context)).get(key);
  if (value === undefined && !optional) {
    throw new NotStartable(configError, `couldn't find key ${key} in ${kind} ${name}`);
  }
  return value?.toString("utf8");
}

async function valuesOf(
  { kind, name, optional }: { kind: "ConfigMap" | "Secret"; name: string; optional: boolean },
  { pod, client }: EnvironmentContext,
): Promise<Map<string, Buffer>> {
  const namespace = pod.metadata?.namespace;
  const ref = { apiVersion: "v1", kind, namespace, name };
  const object = await client.find<V1ConfigMap & V1Secret>(ref);
  if (object === undefined && !optional) {
    throw new NotStartable(configError, `${kind.toLowerCase()} "${name}" not found`);
  }
  return object === undefined ? new Map() : contents(kind, object);
}
