import type { V1Container, V1Pod } from "@kubernetes/client-node";
import { containerEnvironment, expand } from "./container-environment.ts";
import type { Prepared } from "./container-run.ts";
import { commandLine, localImage } from "./local-image.ts";
import type { NodeContext } from "./node-context.ts";
import { NotStartable } from "./not-startable.ts";
import type { PodVolumes } from "./pod-volumes.ts";

const accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Says whose container it is. */
export interface PrepareContext {
  node: NodeContext;
  pod: V1Pod;
  volumes: PodVolumes;
}

/**
 * Works out the command and the environment of a container: the paths of its mounts become those of this machine, that of
 * its account's volume too, which no manifest names. Nothing of this process's own environment is in it.
 */
export async function prepareContainer(
  container: V1Container,
  { node, pod, volumes }: PrepareContext,
): Promise<Prepared> {
  const image = localImage(node.images, container);
  await volumes.link(container);
  const variables = await containerEnvironment(container, { pod, client: node.client });
  const here = (text: string) => volumes.onThisMachine(container, text);
  const [command, ...rest] = commandLine(image, container).map((part) =>
    here(expand(part, variables)),
  );
  if (command === undefined) {
    throw new NotStartable("CreateContainerError", `nothing says what ${container.image} runs`);
  }
  const { hostname, port } = new URL(node.cluster.server);
  const env: Record<string, string> = {
    HOSTNAME: pod.metadata?.name ?? "",
    KUBERNETES_SERVICE_HOST: hostname,
    KUBERNETES_SERVICE_PORT: port,
    ...image.env,
    SERVICE_ACCOUNT_PATH: here(accountFolder),
  };
  for (const [name, value] of Object.entries(variables)) env[name] = here(value);
  return { command, arguments: rest, env };
}
