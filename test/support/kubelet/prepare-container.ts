import { join } from "node:path";
import type { V1Container, V1Pod } from "@kubernetes/client-node";
import { writeKubeconfig } from "../cluster-access.ts";
import { containerEnvironment, expand } from "./container-environment.ts";
import type { Prepared } from "./container-run.ts";
import { commandLine, localImage } from "./local-image.ts";
import type { NodeContext } from "./node-context.ts";
import { NotStartable } from "./not-startable.ts";
import type { PodVolumes } from "./pod-volumes.ts";

const tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** Says whose container it is. */
export interface PrepareContext {
  node: NodeContext;
  pod: V1Pod;
  volumes: PodVolumes;
  /** The folder of the Pod. */
  root: string;
}

/**
 * Works out the command and the environment of a container: the paths of its mounts become those of this machine, and a
 * ServiceAccount token that is mounted becomes a kubeconfig. Nothing of this process's own environment is in it.
 */
export async function prepareContainer(
  container: V1Container,
  { node, pod, volumes, root }: PrepareContext,
): Promise<Prepared> {
  const image = localImage(node.images, container);
  const variables = await containerEnvironment(container, { pod, client: node.client });
  const here = (text: string) => volumes.onThisMachine(container, text);
  const [command, ...rest] = commandLine(image, container).map((part) =>
    here(expand(part, variables)),
  );
  if (command === undefined) {
    throw new NotStartable("CreateContainerError", `nothing says what ${container.image} runs`);
  }
  const env: Record<string, string> = { HOSTNAME: pod.metadata?.name ?? "", ...image.env };
  for (const [name, value] of Object.entries(variables)) env[name] = here(value);
  const tokenFile = here(tokenPath);
  if (tokenFile !== tokenPath) {
    const { server, ca } = node.cluster;
    env.KUBECONFIG = join(root, `${container.name}.kubeconfig`);
    await writeKubeconfig(env.KUBECONFIG, { server, ca, tokenFile }, pod.metadata?.namespace);
  }
  return { command, arguments: rest, env };
}
