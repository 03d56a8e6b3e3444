/**
 * Stands in for a node on which the Pods of Deployments run as processes of this machine, so that manifests are tested
 * as they are:
 *
 *   1. register a Node
 *   2. bind to it every Pod that has no node yet (there is no scheduler)
 *   3. run each of its Pods (kubelet/pod-worker.ts)
 *   4. write volumes again when ConfigMaps and Secrets change, or tokens grow old
 *
 * Images stand for commands of this machine. Every process is told to choose its ports, which it logs, and is reached at
 * 127.0.0.1; its Pod has a made-up address. What this cannot show is in CONTRIBUTING.md.
 */
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import type { Cluster } from "./control-plane.ts";
import { createKubeClient } from "./kube-client.ts";
import { type KubeWatch, watchObjects } from "./kube-watch.ts";
import type { LocalImages } from "./kubelet/local-image.ts";
import { type NodeContext, persist } from "./kubelet/node-context.ts";
import { PodWorker } from "./kubelet/pod-worker.ts";
import type { RunningPod } from "./kubelet/running-pod.ts";

const stopWithinMs = 5_000;
const refreshEveryMs = 60_000;
const user = "process-kubelet";

/** Says what a node can run, and for whom. */
export interface ProcessKubeletOptions {
  cluster: Cluster;
  images: LocalImages;
  /** Tells whether Pods of a namespace are taken; all are unless said. */
  takes?: (namespace: string) => boolean;
}

/** Narrows the Pods that are looked for. */
export interface PodSelection {
  namespace?: string;
  labels?: Readonly<Record<string, string>>;
}

/** Holds a node whose Pods are processes. */
export interface ProcessKubelet {
  readonly nodeName: string;
  /** Gives the Pods that it runs now, the terminating ones too. */
  pods(selection?: PodSelection): RunningPod[];
  /** Gives `127.0.0.1:<port>` for a made-up address and a port of the manifest; undefined when nobody listens there. */
  addressOf(ip: string, port: number | string): string | undefined;
  /** Says in a line for each Pod what it does or waits for. */
  describe(): string;
  /** Kills all processes, and removes the Pods and the Node. */
  stop(): Promise<void>;
}

/** Starts a node and resolves when it takes Pods. */
export async function startProcessKubelet(options: ProcessKubeletOptions): Promise<ProcessKubelet> {
  const { cluster, images } = options;
  const closed = new AbortController();
  const node: NodeContext = {
    name: `process-kubelet-${randomInt(2 ** 32).toString(36)}`,
    // Under a name of its own in the audit log.
    client: createKubeClient(cluster.admin).as(user, ["system:masters"]),
    cluster: cluster.admin,
    images,
    ip: "10.0.0.1",
    folder: await mkdtemp(join(tmpdir(), "process-kubelet-")),
    closed: closed.signal,
  };
  await register(node);
  const workers = new Map<string, PodWorker>();
  const watches = startWatches(node, workers, options.takes ?? (() => true));
  await Promise.all(watches.map(({ synced }) => synced));
  const refreshing = setInterval(() => {
    for (const worker of workers.values()) worker.refresh();
  }, refreshEveryMs);
  return {
    nodeName: node.name,
    pods: (selection = {}) => [...workers.values()].filter((pod) => isSelected(pod, selection)),
    addressOf: (ip, port) => [...workers.values()].find((pod) => pod.ip === ip)?.findAddress(port),
    describe: () => [...workers.values()].map(({ summary }) => summary).join("\n"),
    async stop() {
      clearInterval(refreshing);
      await Promise.all(watches.map((watch) => watch.stop()));
      const ending = [...workers.values()].flatMap((worker) => [worker.kill(), worker.done]);
      await Promise.race([Promise.all(ending), delay(stopWithinMs)]);
      // An API server that is away does not hold us up.
      closed.abort();
      await Promise.all(ending);
      await node.client.delete({ apiVersion: "v1", kind: "Node", name: node.name }).catch(() => {});
      await node.client.close();
      await rm(node.folder, { recursive: true, force: true });
    },
  };
}

async function register({ client, name, ip }: NodeContext): Promise<void> {
  const labels = { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" };
  await client.create({ apiVersion: "v1", kind: "Node", metadata: { name, labels } });
  const now = new Date().toISOString();
  const ready = { type: "Ready", status: "True", reason: "KubeletReady", lastTransitionTime: now };
  const capacity = { cpu: "64", memory: "256Gi", pods: "1000" };
  const addresses = [{ type: "InternalIP", address: ip }];
  const status = { conditions: [ready], capacity, allocatable: capacity, addresses };
  const ref = { apiVersion: "v1", kind: "Node", name, subresource: "status" };
  await client.patch(ref, { status });
}

function startWatches(
  node: NodeContext,
  workers: Map<string, PodWorker>,
  takes: (namespace: string) => boolean,
): KubeWatch[] {
  const { client } = node;
  const nextIp = addresses();
  const run = (pod: V1Pod, uid: string) => {
    const worker = new PodWorker(pod, nextIp(), node);
    workers.set(uid, worker);
    worker.done.then(
      () => workers.delete(uid),
      // Only the disk of this machine can be the reason, and the Pod then stays as it is.
      (error) => process.stderr.write(`${worker.summary} failed: ${error}\n`),
    );
  };
  const pods = watchObjects<V1Pod>(
    client,
    { apiVersion: "v1", kind: "Pod" },
    {
      onChange(pod) {
        const { uid = "", namespace = "" } = pod.metadata ?? {};
        const worker = workers.get(uid);
        if (worker !== undefined) worker.update(pod);
        else if (pod.spec?.nodeName === node.name) run(pod, uid);
        else if (pod.spec?.nodeName === undefined && takes(namespace)) void bind(pod, node);
      },
      onDelete: (pod) => void workers.get(pod.metadata?.uid ?? "")?.kill(),
    },
  );
  const refresh = ({ metadata }: V1Pod) => {
    for (const worker of workers.values()) {
      if (worker.namespace === metadata?.namespace) worker.refresh();
    }
  };
  const sources = ["ConfigMap", "Secret"].map((kind) =>
    watchObjects<V1Pod>(
      client,
      { apiVersion: "v1", kind },
      { onChange: refresh, onDelete: refresh },
    ),
  );
  return [pods, ...sources];
}

async function bind({ metadata }: V1Pod, node: NodeContext): Promise<void> {
  const { namespace, name, uid } = metadata ?? {};
  const target = { apiVersion: "v1", kind: "Node", name: node.name };
  const binding = {
    ...{ apiVersion: "v1", kind: "Binding", target },
    metadata: { name: name ?? "", uid },
  };
  const ref = { apiVersion: "v1", kind: "Pod", namespace, name, subresource: "binding" };
  // Another node may have been quicker.
  await persist(() => node.client.create(binding, ref), node);
}

/** Hands out addresses that no other node is likely to have: EndpointSlices refuse those of the loopback device. */
function addresses(): () => string {
  let next = randomInt(2 ** 16);
  return () => {
    next = (next + 1) % 2 ** 16;
    return `10.244.${next >> 8}.${next & 0xff}`;
  };
}

function isSelected(pod: RunningPod, { namespace, labels = {} }: PodSelection): boolean {
  const hasLabels = Object.entries(labels).every(([key, value]) => pod.labels[key] === value);
  return hasLabels && (namespace === undefined || pod.namespace === namespace);
}
