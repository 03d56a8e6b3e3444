/** An installation as the API server would have it, in a stand-in that tests break: every object that `doctor` looks at. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KubeObject } from "../../../src/kube/resource.ts";
import { ApiStandIn, sendStatus } from "../../support/api-stand-in.ts";
import { manifests } from "../../support/manifests.ts";

const SYSTEM = "knative-eventing";
const REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const COLLECTION =
  /\/(customresourcedefinitions|deployments|leases|configmaps|pods|natsjetstreamchannels|\w+webhookconfigurations)$/;

/** Are the paths of the collections that the objects are in. */
export const COLLECTIONS = {
  crds: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
  deployments: `/apis/apps/v1/namespaces/${SYSTEM}/deployments`,
  leases: `/apis/coordination.k8s.io/v1/namespaces/${SYSTEM}/leases`,
  configMaps: `/api/v1/namespaces/${SYSTEM}/configmaps`,
  channels: "/apis/messaging.knative.dev/v1alpha1/namespaces/default/natsjetstreamchannels",
  webhooks: "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
} as const;

/** Makes or replaces an object of the system namespace. */
export function put(
  api: ApiStandIn,
  collection: keyof typeof COLLECTIONS,
  object: { name: string; namespace?: string; [field: string]: unknown },
): void {
  const { name, namespace = SYSTEM, ...fields } = object;
  api.put(COLLECTIONS[collection], { ...fields, metadata: { name, namespace } } as KubeObject);
}

/** Starts an API server with the channel default/orders and all that it needs, changed by the test; `mayRead` answers for permissions. */
export async function startInstallation(options: {
  folder: string;
  change?: ((api: ApiStandIn) => unknown) | undefined;
  mayRead?: boolean;
}): Promise<{ api: ApiStandIn; env: Record<string, string> }> {
  const { folder, change, mayRead = true } = options;
  const api = new ApiStandIn();
  await api.start();
  fill(api);
  api.fault = ({ method, path }, response) => {
    const answer = (value: object) => response.end(JSON.stringify(value));
    if (path === "/version") answer({ gitVersion: "v1.36.3" });
    else if (method === "POST" && path === REVIEWS) answer({ status: { allowed: mayRead } });
    else if (api.get(path) !== undefined || COLLECTION.test(path)) return false;
    else sendStatus(response, 404, "NotFound");
    return true;
  };
  await change?.(api);
  const path = join(folder, `${api.port}.kubeconfig`);
  const cluster = { server: `http://127.0.0.1:${api.port}`, "insecure-skip-tls-verify": true };
  const kubeconfig = {
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  await writeFile(path, JSON.stringify(kubeconfig));
  return { api, env: { KUBECONFIG: path } };
}

function fill(api: ApiStandIn): void {
  api.put(COLLECTIONS.crds, manifests("300")[0] as KubeObject);
  for (const name of ["jetstream-ch-controller", "jetstream-ch-dispatcher"]) {
    put(api, "deployments", { name, spec: { replicas: 2 }, status: { availableReplicas: 2 } });
  }
  const renewTime = new Date().toISOString();
  for (const name of ["jetstream-channel-controller", "jetstream-channel-dispatcher"]) {
    put(api, "leases", { name, spec: { holderIdentity: "pod_1", renewTime } });
  }
  const data = { "eventing-jetstream": "url: nats://nats:4222" };
  put(api, "configMaps", { name: "config-jetstream", data });
  const defaults = { "jetstream-dispatcher-config": "clusterDefault: {}" };
  put(api, "configMaps", { name: "config-ch-jetstream-defaults", data: defaults });
  const status = { conditions: [{ type: "Ready", status: "True" }] };
  put(api, "channels", { name: "orders", namespace: "default", status });
}
