/**
 * An installation of the Go implementation on a control plane of its own, with channels, and with streams that have events to deliver. Its programs are
 * stood in for by one that does nothing; what they leave in the cluster and in NATS is real.
 */
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { expect } from "vitest";
import { API_VERSION, KIND } from "../../../src/api/names.ts";
import {
  addPushConsumer,
  CONSUMER,
  leaveAsGo,
  UID,
} from "../../integration/consumer/go-leftovers.ts";
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
const CONFIG = join(import.meta.dirname, "../../../config");
const MIGRATION = join(import.meta.dirname, "../../../docs/migration.md");

export const within = 60_000;

/** Are served by the cluster's dispatcher but for the last, whose namespace has one of its own. */
export const CHANNELS = [
  { namespace: "shop", name: "limits", retention: "limits", spelled: "Limits" },
  { namespace: "shop", name: "interest", retention: "interest", spelled: "Interest" },
  { namespace: "shop", name: "work", retention: "workqueue", spelled: "Work" },
  { namespace: "apart", name: "scoped", retention: "limits", spelled: "Limits" },
] as const;

interface Condition {
  type: string;
  status: string;
  reason?: string;
  observedGeneration?: number;
}

/** Is a channel as the API server has it. */
export interface Channel {
  metadata: { generation: number; uid: string; finalizers?: string[]; annotations?: object };
  status?: {
    conditions?: Condition[];
    address?: { name?: string; url: string };
    subscribers?: { uid: string; ready: string }[];
  };
}

/** Names a channel. */
export const refOf = ({ namespace, name }: { namespace: string; name: string }) => ({
  ...{ apiVersion: API_VERSION, kind: KIND, namespace, name },
});

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

async function installGo(world: GoWorld): Promise<void> {
  const { client, sink, folder, run } = world;
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
  await makeGoDispatchers(world);
  for (const { namespace, name, spelled } of CHANNELS) {
    const subscriber = { uid: UID, generation: 1, subscriberUri: `${sink.url}/${name}` };
    const spec = { stream: { config: { retention: spelled } }, subscribers: [subscriber] };
    const dispatcherNamespace = namespace === "apart" ? namespace : SYSTEM_NAMESPACE;
    await makeGoChannel(client, { namespace, name, dispatcherNamespace, spec });
  }
  for (const webhook of goWebhooks()) await client.create(webhook);
  await available(client, "jetstream-ch-dispatcher");
}

async function makeGoDispatchers({ client, natsUrl }: GoWorld): Promise<void> {
  for (const namespace of [SYSTEM_NAMESPACE, "apart"]) {
    await client.apply(goConfig(namespace, natsUrl));
    await makeGoDispatcher(client, namespace);
  }
}

/** Installs ours as docs/migration.md says, without a configuration that says where NATS is. */
export async function installOurs({ folder, run }: GoWorld): Promise<void> {
  const ours = join(folder, "config");
  await mkdir(ours);
  for (const file of await readdir(CONFIG)) {
    // It would say that NATS is somewhere else.
    if (!file.endsWith(".yaml") || file === "400-config-jetstream.yaml") continue;
    await cp(join(CONFIG, file), join(ours, file));
  }
  await run("apply", "-f", ours);
}

/** Waits until one of our dispatchers serves a channel and its subscriber, and our controller says so. */
export async function untilServed(
  { client }: GoWorld,
  channel: { namespace: string; name: string },
): Promise<Channel> {
  return await eventually(
    async () => {
      const found = await client.get<Channel>(refOf(channel));
      const { conditions = [], subscribers = [] } = found.status ?? {};
      const { generation } = found.metadata;
      const ready = conditions.find(({ type }) => type === "Ready");
      const entries = subscribers.map(({ uid, ready: isReady }) => `${uid} ${isReady}`);
      // What the Go implementation wrote has no generation.
      const isOurs = conditions.every(({ observedGeneration: seen }) => seen === generation);
      if (ready?.status === "True" && isOurs && entries.join() === `${UID} True`) return found;
      throw new Error(JSON.stringify(found.status));
    },
    { within, what: `${channel.name} to be ready with its subscriber` },
  );
}

/** Does what docs/migration.md says of going back, with the requests that its `nats` commands make. */
export async function goBackToGo(world: GoWorld): Promise<void> {
  const { client, folder, jsm, run } = world;
  const text = await readFile(MIGRATION, "utf8");
  const section = text.slice(text.indexOf("## How to go back"));
  const commands = section.split("\n").filter((line) => line.startsWith("   kubectl "));
  expect(commands).toHaveLength(5);
  const ofNamespace = commands.slice(2, 4).map((line) => line.replace("knative-eventing", "apart"));
  for (const line of [...commands, ...ofNamespace]) await run(...line.trim().split(" ").slice(1));
  for (const { namespace, name, retention } of CHANNELS) {
    const stream = `KN_${namespace}__${name}`.toUpperCase();
    const isInterest = retention === "interest";
    if (isInterest) {
      await jsm.consumers.add(stream, { durable_name: "KEEP", ack_policy: "explicit" });
    }
    await jsm.consumers.delete(stream, CONSUMER);
    await addPushConsumer(jsm, stream, `${namespace}.${name}._knative`);
    if (isInterest) await jsm.consumers.delete(stream, "KEEP");
  }
  await run("apply", "-f", join(folder, "eventing-jsm.json"));
  await makeGoDispatchers(world);
  for (const name of ["jetstream-ch-controller", "jetstream-ch-dispatcher"]) {
    await available(client, name);
  }
}

/** Gives the kubectl commands of a step of docs/migration.md, as arguments. */
export async function commandsOf(step: number): Promise<string[][]> {
  const text = await readFile(MIGRATION, "utf8");
  const [section = ""] = text.split(/^##/m).filter((part) => part.startsWith(`# ${step}. `));
  const commands = section.split("\n").filter((line) => line.startsWith("kubectl "));
  expect(commands).not.toEqual([]);
  return commands.map((line) => line.replaceAll("<ns>", "apart").split(" ").slice(1));
}
