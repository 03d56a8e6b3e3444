import { CONTROLLER_NAME } from "../api/cluster-names.ts";
import type { KubeClient } from "../kube/client.ts";
import { isForbidden, isNotFound } from "../kube/kube-error.ts";
import { RESOURCES } from "../kube/objects.ts";
import type { KubeObject } from "../kube/resource.ts";

/** Gives the controller's own Deployment for Events about it: without its uid `kubectl describe` does not show them. */
export async function ownDeployment({
  client,
  environment: { systemNamespace: namespace },
}: {
  client: Pick<KubeClient, "get">;
  environment: { systemNamespace: string };
}): Promise<KubeObject> {
  const type = { apiVersion: "apps/v1", kind: "Deployment" };
  const name = { namespace, name: CONTROLLER_NAME };
  try {
    const { metadata } = await client.get(RESOURCES.deployments, name);
    return { ...type, metadata: { ...name, ...metadata } };
  } catch (error) {
    // It may run in another way.
    if (isNotFound(error) || isForbidden(error)) return { ...type, metadata: name };
    throw error;
  }
}
