/*
 * What the demonstration in a cluster runs: a control plane, a nats-server, the operator, and a subscriber in this process. Everything
 * ends in the reverse order.
 */
import { API_VERSION, KIND } from "../../src/api/names.ts";
import { startControlPlane } from "../../test/support/control-plane.ts";
import { type EventSink, startEventSink } from "../../test/support/event-sink.ts";
import { eventually } from "../../test/support/eventually.ts";
import {
  available,
  type Installation,
  install,
  SYSTEM_NAMESPACE,
} from "../../test/support/installation.ts";
import type { KubeClient } from "../../test/support/kube-client.ts";
import { kubectl } from "../../test/support/kubectl.ts";
import { startNatsServer } from "../../test/support/nats-server.ts";
import { serviceAddresses } from "../../test/support/service-addresses.ts";
import { findTools } from "../../test/support/tools/find-tool.ts";

/** Holds the running parts. */
export interface ClusterDemonstration {
  readonly kubeconfigPath: string;
  readonly sink: EventSink;
  readonly channel: DemonstratedChannel;
  /** Runs kubectl and prints what it prints. */
  show(...kubectlArguments: string[]): Promise<void>;
  /** Has two dispatchers run from now on. */
  scale(): Promise<void>;
  /** Kills one of the dispatchers with SIGKILL. */
  killOne(): void;
  stop(): Promise<void>;
}

/** Is the channel of examples/channel.yaml. */
export interface DemonstratedChannel {
  /** Waits until Knative could use it; gives how long that took. */
  untilReady(): Promise<number>;
  /** Writes the subscriber as Knative's controller writes it, and waits until events reach it. */
  subscribe(): Promise<void>;
  /** Gives its host, and a `127.0.0.1:<port>` of a ready dispatcher behind it; undefined while there is none. */
  address(): Promise<{ host: string; target: string | undefined }>;
}

const CHANNEL = { apiVersion: API_VERSION, kind: KIND, namespace: "default", name: "orders" };
const KNATIVE = "system:serviceaccount:knative-eventing:eventing-controller";
const SUBSCRIBER = "7d4f1f6e-demo";

interface Channel {
  status?: {
    address?: { url: string };
    conditions?: { type: string; status: string }[];
    subscribers?: { uid: string; ready: string }[];
  };
}

/** Starts all parts. When one does not start, or the demonstration is stopped, ends those that did and rejects. */
export async function startClusterDemonstration(options: {
  say: (sentence: string) => void;
  stopping: AbortSignal;
}): Promise<ClusterDemonstration> {
  const { say, stopping } = options;
  const ends: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    await findTools([
      "etcd",
      "kube-apiserver",
      "kube-controller-manager",
      "kubectl",
      "nats-server",
    ]);
    stopping.throwIfAborted();
    say("etcd, kube-apiserver, kube-controller-manager and nats-server are started");
    const { cluster, client, ...controlPlane } = await startControlPlane();
    ends.push(controlPlane.stop);
    const nats = await startNatsServer();
    ends.push(nats.stop);
    const sink = await startEventSink({ record: "ids" });
    ends.push(sink.close);
    stopping.throwIfAborted();
    say("kubectl apply -f config/");
    const installation = await install({ cluster, client, natsUrl: nats.url });
    ends.push(installation.kubelet.stop);
    stopping.throwIfAborted();
    const { kubeconfigPath } = cluster;
    return {
      kubeconfigPath,
      sink,
      channel: demonstratedChannel({ client, installation, sink }),
      async show(...kubectlArguments) {
        const { output } = await kubectl(kubeconfigPath, ...kubectlArguments);
        say(`\n$ kubectl ${kubectlArguments.join(" ")}\n${output.trimEnd()}\n`);
      },
      async scale() {
        await scaleToTwo(client);
        await available(client, "jetstream-ch-dispatcher");
      },
      killOne: () => dispatchers(installation)[0]?.signal("SIGKILL"),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function demonstratedChannel(parts: {
  client: KubeClient;
  installation: Installation;
  sink: EventSink;
}): DemonstratedChannel {
  const { client, installation, sink } = parts;
  const status = async () => (await client.get<Channel>(CHANNEL)).status ?? {};
  return {
    async untilReady() {
      const startedAt = performance.now();
      await eventually(
        async () => {
          const { conditions = [] } = await status();
          return conditions.some(({ type, status }) => type === "Ready" && status === "True");
        },
        { within: 60_000, what: "the channel to be ready" },
      );
      return performance.now() - startedAt;
    },
    async subscribe() {
      const subscribers = [{ uid: SUBSCRIBER, generation: 1, subscriberUri: sink.url }];
      await client.as(KNATIVE).patch(CHANNEL, { spec: { subscribers } });
      await eventually(
        async () => (await status()).subscribers?.some(({ ready }) => ready === "True") === true,
        { within: 60_000, what: "the subscriber to be ready" },
      );
    },
    async address() {
      const { address } = await status();
      const url = address?.url ?? "";
      const targets = await serviceAddresses(client, installation.kubelet, url);
      const target = targets[Math.floor(Math.random() * targets.length)];
      return { host: new URL(url).host, target };
    },
  };
}

function dispatchers({ kubelet }: Installation) {
  return kubelet
    .pods({ namespace: SYSTEM_NAMESPACE })
    .filter(({ labels }) => labels["messaging.knative.dev/role"] === "dispatcher");
}

async function scaleToTwo(client: KubeClient): Promise<void> {
  const text = "clusterDefault: { configName: config-jetstream, replicas: 2 }\n";
  const defaults = { apiVersion: "v1", kind: "ConfigMap", namespace: SYSTEM_NAMESPACE };
  await client.patch(
    { ...defaults, name: "config-ch-jetstream-defaults" },
    { data: { "jetstream-dispatcher-config": text } },
  );
  const deployment = { apiVersion: "apps/v1", kind: "Deployment", namespace: SYSTEM_NAMESPACE };
  await eventually(
    async () => {
      const ref = { ...deployment, name: "jetstream-ch-dispatcher" };
      return (await client.get<{ spec: { replicas: number } }>(ref)).spec.replicas === 2;
    },
    { within: 60_000, what: "the controller to scale the dispatcher" },
  );
}
