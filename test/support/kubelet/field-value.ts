import type { V1Pod } from "@kubernetes/client-node";
import { NotStartable } from "./not-startable.ts";

/** Gives what a fieldRef of the downward API names; maps are written as `key="value"` lines. */
export function fieldValue(pod: V1Pod, fieldPath: string): string {
  const [, map, key] = /^metadata\.(labels|annotations)(?:\['(.+)'\])?$/.exec(fieldPath) ?? [];
  if (map !== undefined) {
    const values = (map === "labels" ? pod.metadata?.labels : pod.metadata?.annotations) ?? {};
    return key === undefined ? lines(values) : (values[key] ?? "");
  }
  const read = fields[fieldPath];
  if (read === undefined) {
    throw new NotStartable("CreateContainerConfigError", `unknown field ${fieldPath}`);
  }
  return read(pod) ?? "";
}

const fields: Readonly<Record<string, (pod: V1Pod) => string | undefined>> = {
  "metadata.name": ({ metadata }) => metadata?.name,
  "metadata.namespace": ({ metadata }) => metadata?.namespace,
  "metadata.uid": ({ metadata }) => metadata?.uid,
  "spec.nodeName": ({ spec }) => spec?.nodeName,
  "spec.serviceAccountName": ({ spec }) => spec?.serviceAccountName,
  "status.hostIP": ({ status }) => status?.hostIP,
  "status.podIP": ({ status }) => status?.podIP,
  "status.podIPs": ({ status }) => status?.podIPs?.map(({ ip }) => ip).join(","),
};

function lines(values: Record<string, string>): string {
  const entries = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, value]) => `${key}=${JSON.stringify(value)}\n`).join("");
}
