/**
 * The whole operator for tests of faults: config/ on an API server, controller and dispatchers as Pods, a nats-server, a subscriber, and hands
 * that write as users and as Knative do.
 */
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { inject } from "vitest";
import { API_VERSION, KIND } from "../../../src/api/names.ts";
import { makeNamespace } from "../../support/cluster.ts";
import type { Cluster } from "../../support/control-plane.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { type Installation, install, SYSTEM_NAMESPACE } from "../../support/installation.ts";
import { createKubeClient, type KubeClient, type KubeObject } from "../../support/kube-client.ts";
import type { ObjectRef } from "../../support/kube-paths.ts";
import type { RunningPod } from "../../support/kubelet/running-pod.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";

const KNATIVE = "system:serviceaccount:knative-eventing:eventing-controller";

export const DISPATCHER = "jetstream-ch-dispatcher";

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  observedGeneration?: number;
}

/** Is a channel as the API server has it. */
export interface Channel extends KubeObject {
  status?: {
    observedGeneration?: number;
    conditions?: Condition[];
    address?: { url: string };
    stream?: { name: string };
    subscribers?: { uid: string; ready: string; observedGeneration?: number }[];
  };
}

/** Says which Pods are meant. */
export type Role = "controller" | "dispatcher";

/** Holds what the tests of faults use. */
export interface OperatorWorld {
  client: KubeClient;
  /** As Knative's own controller. */
  knative: KubeClient;
  nats: NatsServer;
  jsm: JetStreamManager;
  sink: EventSink;
  installation: Installation;
  /** Makes a namespace in which a dispatcher of its own can be configured. */
  makeNamespace(prefix: string): Promise<string>;
  pods(role: Role, namespace?: string): RunningPod[];
  stop(): Promise<void>;
}

/** Installs the operator. */
export async function startOperatorWorld(
  cluster: Cluster = inject("cluster"),
): Promise<OperatorWorld> {
  const client = createKubeClient(cluster.admin);
  const nats = await startNatsServer();
  const nc: NatsConnection = await connect({ servers: nats.url, maxReconnectAttempts: -1 });
  const sink = await startEventSink();
  const installation = await install({ cluster, client, natsUrl: nats.url });
  return {
    client,
    knative: client.as(KNATIVE),
    nats,
    jsm: await jetstreamManager(nc),
    sink,
    installation,
    async makeNamespace(prefix) {
      const namespace = await makeNamespace(client, prefix);
      await client.create({
        ...{ apiVersion: "v1", kind: "ConfigMap" },
        metadata: { namespace, name: "config-jetstream" },
        data: { "eventing-jetstream": `url: ${nats.url}\n` },
      });
      return namespace;
    },
    pods: (role, namespace) =>
      installation.kubelet.pods({
        ...(namespace === undefined ? {} : { namespace }),
        labels: { "messaging.knative.dev/role": role },
      }),
    async stop() {
      await installation.stop();
      await nc.close();
      await sink.close();
      await nats.stop();
      await client.close();
    },
  };
}

export function channelRef(namespace: string, name: string): ObjectRef {
  return { apiVersion: API_VERSION, kind: KIND, namespace, name };
}

export function dispatcherRef(
  kind: string,
  apiVersion = "v1",
  namespace = SYSTEM_NAMESPACE,
): ObjectRef {
  return { apiVersion, kind, namespace, name: DISPATCHER };
}

/** Makes a channel, served by the dispatcher of its namespace where it says so. */
export function aChannelObject(
  namespace: string,
  name: string,
  { scope = "cluster", spec = {} }: { scope?: string; spec?: object } = {},
): KubeObject {
  const annotations = { "eventing.knative.dev/scope": scope };
  return { apiVersion: API_VERSION, kind: KIND, metadata: { namespace, name, annotations }, spec };
}

/** Waits until a channel is Ready at its newest generation, with all its subscribers; gives its address. */
export async function untilReady(
  client: KubeClient,
  [namespace, name]: readonly [namespace: string, name: string],
  within = 90_000,
): Promise<string> {
  return await eventually(
    async () => {
      const { metadata, spec, status } = await client.get<Channel>(channelRef(namespace, name));
      const ready = status?.conditions?.find(({ type }) => type === "Ready");
      const entries = (spec as { subscribers?: object[] }).subscribers ?? [];
      const attached = (status?.subscribers ?? []).filter((one) => one.ready === "True");
      const isNewest = status?.observedGeneration === metadata.generation;
      if (ready?.status === "True" && isNewest && attached.length === entries.length) {
        return status?.address?.url ?? "";
      }
      throw new Error(JSON.stringify(status));
    },
    { within, what: `channel ${namespace}/${name} to be ready` },
  );
}

/** Waits until an object is gone. */
export async function untilGone(client: KubeClient, ref: ObjectRef, within = 90_000) {
  const what = `${ref.kind} ${ref.namespace ?? ""}/${ref.name} to be gone`;
  await eventually(async () => (await client.find(ref)) === undefined, { within, what });
}
