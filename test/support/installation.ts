/**
 * The whole operator on an API server: `kubectl apply -f config/`, and a node on which its Pods run as local processes with the real
 * programs. For the demonstration in a cluster, and for tests of the whole path.
 */
import { join } from "node:path";
import type { V1Deployment } from "@kubernetes/client-node";
import type { Cluster } from "./control-plane.ts";
import { eventually } from "./eventually.ts";
import { knativeObjects } from "./knative.ts";
import type { KubeClient, KubeObject } from "./kube-client.ts";
import { manifests, refOf } from "./manifests.ts";
import { type ProcessKubelet, startProcessKubelet } from "./process-kubelet.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Is where the operator is installed, as in every cluster with Knative Eventing. */
export const SYSTEM_NAMESPACE = "knative-eventing";

const program = (name: string) => ({
  entrypoint: [process.execPath, join(ROOT, `src/${name}/main.ts`)],
  cmd: [],
});

/** Stand for the operator's images. */
export const OPERATOR_IMAGES = {
  "jetstream-channel-controller:0.1.0": program("controller"),
  "jetstream-channel-dispatcher:0.1.0": program("dispatcher"),
};

/** Holds an installed operator. */
export interface Installation {
  readonly kubelet: ProcessKubelet;
  /** Takes away what `kubectl delete -f config/` does but for the types, and ends the node. */
  stop(): Promise<void>;
}

/** Installs the operator and waits until its controller is ready. */
export async function install(options: {
  cluster: Cluster;
  client: KubeClient;
  natsUrl: string;
}): Promise<Installation> {
  const { cluster, client, natsUrl } = options;
  await client.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: SYSTEM_NAMESPACE } });
  const objects = manifests().map((object) => withNatsUrl(object, natsUrl));
  for (const object of [...knativeObjects(), ...objects]) {
    await client.apply(object, { force: true });
  }
  const kubelet = await startProcessKubelet({ cluster, images: OPERATOR_IMAGES });
  await available(client, "jetstream-ch-controller").catch(async (cause: unknown) => {
    const lines = kubelet.pods().flatMap((pod) => pod.lastLines.slice(-5));
    const pods = [kubelet.describe(), ...lines].join("\n");
    await kubelet.stop();
    throw new Error(`the controller does not become available:\n${pods}`, { cause });
  });
  return {
    kubelet,
    async stop() {
      const kept = ["CustomResourceDefinition", "Namespace"];
      for (const object of objects.filter(({ kind }) => !kept.includes(kind ?? "")).reverse()) {
        await client.delete(refOf(object));
      }
      await eventually(() => kubelet.pods({ namespace: SYSTEM_NAMESPACE }).length === 0, {
        within: 90_000,
        what: "the Pods of the operator to end",
      });
      await kubelet.stop();
    },
  };
}

/** Waits until a Deployment of the operator has all its Pods. */
export async function available(client: KubeClient, name: string): Promise<void> {
  const ref = { apiVersion: "apps/v1", kind: "Deployment", namespace: SYSTEM_NAMESPACE, name };
  await eventually(
    async () => {
      const { spec, status } = (await client.find<V1Deployment>(ref)) ?? {};
      return status?.availableReplicas === (spec?.replicas ?? 1);
    },
    { within: 30_000, what: `Deployment ${name} to be available` },
  );
}

function withNatsUrl(object: KubeObject, url: string): KubeObject {
  if (object.kind !== "ConfigMap" || object.metadata.name !== "config-jetstream") return object;
  return { ...object, data: { "eventing-jetstream": `url: ${url}\n` } } as KubeObject;
}
