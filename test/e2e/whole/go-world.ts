/**
 * An installation of the Go implementation on a control plane of its own, with channels, and with streams that have events to deliver. Its programs are
 * stood in for by one that does nothing; what they leave in the cluster and in NATS is real.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { expect } from "vitest";
import { API_VERSION, KIND } from "../../../src/api/names.ts";
import { leaveAsGo, UID } from "../../integration/consumer/go-leftovers.ts";
import { startControlPlane } from "../../support/control-plane.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { GO_IMAGES, goConfig, goManifests, goWebhooks } from "../../support/go-installation.ts";
import { makeGoChannel, makeGoDispatcher } from "../../support/go-made-objects.ts";
import { available, OPERATOR_IMAGES, SYSTEM_NAMESPACE } from "../../support/installation.ts";
import { knativeObjects } from "../../support/knative.ts";
import type { KubeClient } from "../../support/kube-client.ts";
import { kubectl } from "../../support/kubectl.ts";
import { startNatsServer } from "../../support/nats-server.ts";
import { type ProcessKubelet, startProcessKubelet } from "../../support/process-kubelet.ts";

const TINY_PROGRAM = join(import.meta.dirname, "../tiny-program/main.ts");
const MIGRATION = join(import.meta.dirname, "../../../docs/migration.md");

export const within = 60_000;

/** Are served by the cluster's dispatcher but for the last, whose namespace has one of its own. */
export const CHANNELS = [
  { namespace: "shop", name: "limits", retention: "limits", spelled: "Limits" },
  { namespace: "shop", name: "interest", retention: "interest", spelled: "Interest" },
  { namespace: "shop", name: "work", retention: "workqueue", spelled: "Work" },
  { namespace: "apart", name: "scoped", retention: "limits", spelled: "Limits" },
] as const;

/** Holds what the tests use. */
export interface GoWorld {
  readonly client: KubeClient;
  readonly kubelet: ProcessKubelet;
  readonly jsm: JetStreamManager;
  readonly natsUrl: string;
  readonly sink: EventSink;
  /** Is for files, and goes with the control plane. */
  readonly folder: string;
  /** Runs kubectl and gives what it prints; a failure of it is one of the test. */
  run(...programArguments: string[]): Promise<string>;
  stop(): Promise<void>;
}

/** Starts all parts, and installs the Go implementation. */
export async function startGoWorld(): Promise<GoWorld> {
  const { cluster, client, stop } = await startControlPlane();
  const nats = await startNatsServer();
  const nc = await connect({ servers: nats.url });
  const jsm = await jetstreamManager(nc);
  const sink = await startEventSink();
  const tiny = {
    entrypoint: [process.execPath, TINY_PROGRAM],
    env: { HTTP_PORT: "0", ADMIN_PORT: "0" },
  };
  const gos = Object.fromEntries(Object.values(GO_IMAGES).map((image) => [image, tiny]));
  const kubelet = await startProcessKubelet({ cluster, images: { ...OPERATOR_IMAGES, ...gos } });
  const world: GoWorld = {
    ...{ client, kubelet, jsm, natsUrl: nats.url, sink, folder: cluster.folder },
    async run(...programArguments) {
      const { exitCode, output } = await kubectl(cluster.kubeconfigPath, ...programArguments);
      expect(exitCode, output).toBe(0);
      return output;
    },
    async stop() {
      await kubelet.stop();
      await sink.close();
      await nc.close();
      await nats.stop();
      await stop();
    },
  };
  await installGo(world);
  for (const { namespace, name, retention } of CHANNELS) {
    const stream = `KN_${namespace}__${name}`.toUpperCase();
    const subject = `${namespace}.${name}._knative`;
    await leaveAsGo(nc, jsm, { channel: name, stream, subject, retention });
  }
  return world;
}

async function installGo({ client, natsUrl, sink, folder, run }: GoWorld): Promise<void> {
  for (const name of [SYSTEM_NAMESPACE, "shop", "apart"]) {
    await client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }
  const logging = { name: "config-logging", namespace: SYSTEM_NAMESPACE };
  await client.create({ apiVersion: "v1", kind: "ConfigMap", metadata: logging });
  for (const object of knativeObjects()) await client.apply(object);
  const path = join(folder, "eventing-jsm.json");
  const list = { apiVersion: "v1", kind: "List", items: goManifests() };
  await writeFile(path, JSON.stringify(list));
  await run("apply", "-f", path);
  const types = { apiVersion: API_VERSION, kind: KIND };
  await eventually(() => client.list(types), { within, what: "channels to be served" });
  for (const namespace of [SYSTEM_NAMESPACE, "apart"]) {
    await client.create(goConfig(namespace, natsUrl));
    await makeGoDispatcher(client, namespace);
  }
  for (const { namespace, name, spelled } of CHANNELS) {
    const subscriber = { uid: UID, generation: 1, subscriberUri: `${sink.url}/${name}` };
    const spec = { stream: { config: { retention: spelled } }, subscribers: [subscriber] };
    const dispatcherNamespace = namespace === "apart" ? namespace : SYSTEM_NAMESPACE;
    await makeGoChannel(client, { namespace, name, dispatcherNamespace, spec });
  }
  for (const webhook of goWebhooks()) await client.create(webhook);
  await available(client, "jetstream-ch-dispatcher");
}

/** Gives the kubectl commands of a step of docs/migration.md, as arguments. */
export async function commandsOf(step: number): Promise<string[][]> {
  const text = await readFile(MIGRATION, "utf8");
  const [section = ""] = text.split(/^##/m).filter((part) => part.startsWith(`# ${step}. `));
  const commands = section.split("\n").filter((line) => line.startsWith("kubectl "));
  expect(commands).not.toEqual([]);
  return commands.map((line) => line.replaceAll("<ns>", "apart").split(" ").slice(1));
}
