import type { V1Container, V1Pod, V1PodSpec, V1Probe } from "@kubernetes/client-node";

const volumeSources = ["configMap", "secret", "projected", "emptyDir", "downwardAPI"];

/** Names what a Pod asks for and what would be left out without a word if it ran as a process, in one sentence. */
export function unsupportedIn({ spec }: V1Pod): string | undefined {
  const found = spec === undefined ? ["a Pod without a spec"] : inSpec(spec);
  return found.length === 0 ? undefined : `the process kubelet cannot do ${found.join(", ")}`;
}

function inSpec(spec: V1PodSpec): string[] {
  const found: string[] = [];
  if ((spec.restartPolicy ?? "Always") !== "Always") found.push(`restartPolicy other than Always`);
  if (spec.initContainers !== undefined) found.push("initContainers");
  if (spec.readinessGates !== undefined) found.push("readinessGates");
  for (const volume of spec.volumes ?? []) {
    const { name, ...sources } = volume;
    for (const source of Object.keys(sources)) {
      if (!volumeSources.includes(source)) found.push(`the ${source} volume ${name}`);
    }
  }
  return [...found, ...spec.containers.flatMap(inContainer)];
}

function inContainer(container: V1Container): string[] {
  const found: string[] = [];
  if (container.lifecycle !== undefined) found.push("lifecycle hooks");
  if (container.workingDir !== undefined) found.push("workingDir");
  for (const { subPath, subPathExpr, name } of container.volumeMounts ?? []) {
    if ((subPath ?? subPathExpr) !== undefined) found.push(`a subPath of the volume ${name}`);
  }
  for (const { name, valueFrom } of container.env ?? []) {
    if (valueFrom?.resourceFieldRef !== undefined) found.push(`resourceFieldRef for ${name}`);
  }
  const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe];
  return [...found, ...probes.flatMap(inProbe)];
}

function inProbe(probe: V1Probe | undefined): string[] {
  if (probe === undefined) return [];
  if (probe.httpGet === undefined) return ["probes other than httpGet"];
  return probe.httpGet.scheme === "HTTPS" ? ["probes over HTTPS"] : [];
}
