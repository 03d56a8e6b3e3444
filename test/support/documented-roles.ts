/** Gives a test somebody who has the roles of docs/cli.md and nothing else. */
import { documentedRoles } from "./cli-page.ts";
import { kubeconfigFor, type ServiceAccount } from "./cluster.ts";
import type { Cluster } from "./control-plane.ts";
import type { KubeClient, KubeObject } from "./kube-client.ts";
import { refOf } from "./manifests.ts";

const RBAC = "rbac.authorization.k8s.io";

/** Is somebody with a kubeconfig; `remove` takes the roles away that are of the whole cluster. */
export interface Somebody {
  env: Record<string, string>;
  remove(): Promise<void>;
}

/**
 * Makes a ServiceAccount with documented roles, under names of this test's own. `systemNamespace` is where Roles go that the page has in
 * knative-eventing; with `everywhere` ClusterRoles count in every namespace, else in the account's.
 */
export async function somebody(
  { client, cluster }: { client: KubeClient; cluster: Cluster },
  account: ServiceAccount & { systemNamespace: string; everywhere?: boolean },
  roles: readonly string[],
): Promise<Somebody> {
  const { namespace, name, systemNamespace, everywhere = false } = account;
  const made: KubeObject[] = [];
  const make = async (object: KubeObject) => {
    await client.create(object);
    made.unshift(object);
  };
  await make({ apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name } });
  for (const { metadata, ...role } of roles.flatMap(documentedRoles)) {
    const isWide = role.kind === "ClusterRole";
    const own = `${metadata.name}-${namespace}-${name}`;
    const bound = isWide && everywhere ? "ClusterRole" : "Role";
    const at = isWide ? namespace : systemNamespace;
    await make({ ...role, metadata: { name: own, ...(!isWide && { namespace: at }) } });
    await make({
      apiVersion: `${RBAC}/v1`,
      kind: `${bound}Binding`,
      metadata: { name: own, ...(bound === "Role" && { namespace: at }) },
      roleRef: { apiGroup: RBAC, kind: role.kind, name: own },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    });
  }
  return {
    env: { KUBECONFIG: await kubeconfigFor(client, cluster, { namespace, name }) },
    async remove() {
      for (const object of made) await client.delete(refOf(object));
    },
  };
}
