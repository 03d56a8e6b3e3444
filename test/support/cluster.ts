/**
 * What an e2e test begins with: the control plane of the test run, a namespace of its own, and what a program needs to
 * act as a ServiceAccount.
 */
import { randomInt } from "node:crypto";
import { join } from "node:path";
import type { AuthenticationV1TokenRequest } from "@kubernetes/client-node";
import { type ClusterAccess, writeKubeconfig } from "./cluster-access.ts";
import type { Cluster } from "./control-plane.ts";
import type { KubeClient } from "./kube-client.ts";

/** Names a ServiceAccount. */
export interface ServiceAccount {
  namespace: string;
  name: string;
}

/** Makes a namespace with a name that begins as said and that no other test has. */
export async function makeNamespace(
  client: KubeClient,
  prefix: string,
  labels: Record<string, string> = {},
): Promise<string> {
  const name = `${prefix}-${randomInt(2 ** 32).toString(36)}`;
  await client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
  return name;
}

/** Gives the access of a ServiceAccount, with a token of the API server that lives as long as is said. */
export async function accessOf(
  client: KubeClient,
  cluster: Cluster,
  { namespace, name, expirationSeconds = 3600 }: ServiceAccount & { expirationSeconds?: number },
): Promise<ClusterAccess> {
  const { status } = await client.create<AuthenticationV1TokenRequest>(
    {
      ...{ apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: {} },
      spec: { expirationSeconds },
    },
    { apiVersion: "v1", kind: "ServiceAccount", subresource: "token", namespace, name },
  );
  const { server, ca } = cluster.admin;
  return { server, ca, token: status?.token ?? "" };
}

/** Writes a kubeconfig for a ServiceAccount, which goes with the control plane, and gives its path. */
export async function kubeconfigFor(
  client: KubeClient,
  cluster: Cluster,
  account: ServiceAccount,
): Promise<string> {
  const { namespace, name } = account;
  const path = join(cluster.folder, `${namespace}.${name}.kubeconfig`);
  await writeKubeconfig(path, await accessOf(client, cluster, account), namespace);
  return path;
}
