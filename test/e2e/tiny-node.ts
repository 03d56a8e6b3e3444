/** A Deployment of the tiny program on a node of its own, for the tests of the process kubelet. */
import { join } from "node:path";
import type { V1Deployment } from "@kubernetes/client-node";
import { expect } from "vitest";
import { makeNamespace } from "../support/cluster.ts";
import type { Cluster } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { createKubeClient, type KubeClient, type KubeObject } from "../support/kube-client.ts";
import type { ObjectRef } from "../support/kube-paths.ts";
import type { RunningPod } from "../support/kubelet/running-pod.ts";
import { type ProcessKubelet, startProcessKubelet } from "../support/process-kubelet.ts";

export const within = 30_000;
export const labels = { app: "tiny" };

/** Holds a node and a client, and the namespace of the present test. */
export class TinyNode {
  readonly client: KubeClient;
  readonly kubelet: ProcessKubelet;
  namespace = "";

  constructor(client: KubeClient, kubelet: ProcessKubelet) {
    this.client = client;
    this.kubelet = kubelet;
  }

  /** Begins a test in a namespace of its own; the one before goes meanwhile. */
  async begin(): Promise<void> {
    const before = this.namespace;
    this.namespace = await makeNamespace(this.client, "kubelet");
    if (before === "") return;
    await this.client.delete({ apiVersion: "v1", kind: "Namespace", name: before });
  }

  named(kind: string, name: string, apiVersion = "v1"): ObjectRef {
    return { apiVersion, kind, namespace: this.namespace, name };
  }

  object(kind: string, name: string, fields: object, apiVersion = "v1"): KubeObject {
    return { apiVersion, kind, metadata: { name, namespace: this.namespace }, ...fields };
  }

  /** Makes the Deployment `tiny`, with further fields in its container and in the spec of its Pods. */
  deployment(container: object = {}, podSpec: object = {}): KubeObject {
    const tiny = {
      ...{ name: "tiny", image: "tiny:1" },
      ports: [
        { name: "http", containerPort: 8080 },
        { name: "admin", containerPort: 9090 },
      ],
      readinessProbe: { httpGet: { path: "/readyz", port: "admin" }, periodSeconds: 1 },
      ...container,
    };
    const template = { metadata: { labels }, spec: { containers: [tiny], ...podSpec } };
    const spec = { selector: { matchLabels: labels }, template };
    return this.object("Deployment", "tiny", { spec }, "apps/v1");
  }

  async apply(...objects: KubeObject[]): Promise<void> {
    for (const object of objects) await this.client.apply(object);
  }

  /** Waits until a rollout has come to its end: nothing of an older template is there. */
  async available(): Promise<void> {
    const ref = this.named("Deployment", "tiny", "apps/v1");
    const isAvailable = async () => {
      const { metadata, spec, status } = await this.client.get<V1Deployment>(ref);
      expect(status, this.kubelet.describe()).toMatchObject({
        observedGeneration: metadata?.generation,
        updatedReplicas: spec?.replicas,
        availableReplicas: spec?.replicas,
        replicas: spec?.replicas,
      });
      expect(status?.terminatingReplicas ?? 0).toBe(0);
    };
    await eventually(isAvailable, { within, what: "the Deployment to be available" });
  }

  onlyPod(): RunningPod {
    const [pod, ...others] = this.kubelet.pods({ namespace: this.namespace, labels });
    expect(others).toEqual([]);
    if (pod === undefined) throw new Error("there is no Pod");
    return pod;
  }

  /** Asks the only Pod, and gives the text of the answer. */
  async ask(path: string): Promise<string> {
    const answer = await fetch(`http://${this.onlyPod().addressOf(8080)}${path}`);
    return await answer.text();
  }

  async stop(): Promise<void> {
    await this.kubelet.stop();
    await this.client.close();
  }
}

/** Starts a node that runs the tiny program as the image `tiny:1`. */
export async function startTinyNode(cluster: Cluster): Promise<TinyNode> {
  const entrypoint = [process.execPath, join(import.meta.dirname, "tiny-program/main.ts")];
  const images = { "tiny:1": { entrypoint, cmd: ["usual"], env: { FROM_IMAGE: "yes" } } };
  let node: TinyNode | undefined;
  const takes = (namespace: string) => namespace === node?.namespace;
  const kubelet = await startProcessKubelet({ cluster, images, takes });
  node = new TinyNode(createKubeClient(cluster.admin), kubelet);
  return node;
}
