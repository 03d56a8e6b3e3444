/** A control plane with Knative's roles and types, a node and NATS, for releases of the chart. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { expect } from "vitest";
import { type Cluster, startControlPlane } from "../../support/control-plane.ts";
import { helm } from "../../support/helm.ts";
import { OPERATOR_IMAGES, SYSTEM_NAMESPACE } from "../../support/installation.ts";
import { knativeObjects } from "../../support/knative.ts";
import type { KubeClient } from "../../support/kube-client.ts";
import { kubectl } from "../../support/kubectl.ts";
import { startNatsServer } from "../../support/nats-server.ts";
import { type ProcessKubelet, startProcessKubelet } from "../../support/process-kubelet.ts";

/** Has the API server refuse Pods with any privilege. */
export const RESTRICTED = { "pod-security.kubernetes.io/enforce": "restricted" };

/** Holds these parts. */
export interface ReleaseWorld {
  readonly cluster: Cluster;
  readonly client: KubeClient;
  readonly kubelet: ProcessKubelet;
  readonly natsUrl: string;
  readonly jsm: JetStreamManager;
  /** Run to success and give what is printed. */
  helm(...programArguments: string[]): Promise<string>;
  kubectl(...programArguments: string[]): Promise<string>;
  /** Applies a text with kubectl, and gives what that prints. */
  apply(text: string, ...options: string[]): Promise<string>;
  stop(): Promise<void>;
}

/** Starts all parts. */
export async function startReleaseWorld(): Promise<ReleaseWorld> {
  const [{ cluster, client, stop }, nats] = await Promise.all([
    startControlPlane(),
    startNatsServer(),
  ]);
  const nc = await connect({ servers: nats.url });
  await client.create({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: SYSTEM_NAMESPACE },
  });
  for (const object of knativeObjects()) await client.apply(object);
  const kubelet = await startProcessKubelet({ cluster, images: OPERATOR_IMAGES });
  const { kubeconfigPath, folder } = cluster;
  const succeed = async (running: ReturnType<typeof kubectl>) => {
    const { exitCode, output } = await running;
    expect(exitCode, output).toBe(0);
    return output;
  };
  return {
    ...{ cluster, client, kubelet, natsUrl: nats.url, jsm: await jetstreamManager(nc) },
    helm: (...given) => succeed(helm(kubeconfigPath, ...given)),
    kubectl: (...given) => succeed(kubectl(kubeconfigPath, ...given)),
    async apply(text, ...options) {
      const path = join(folder, "applied.yaml");
      await writeFile(path, text);
      return await succeed(kubectl(kubeconfigPath, "apply", "-f", path, ...options));
    },
    async stop() {
      await kubelet.stop();
      await nc.close();
      await nats.stop();
      await stop();
    },
  };
}
