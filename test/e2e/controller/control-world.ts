/**
 * The cluster that the controller's tests work on: config/ as it is (but for the controller's own Deployment), what the controller needs of Knative,
 * and a node on which dispatchers are a program that is ready at once. The controller acts as its service account.
 *
 * The dispatcher's part of a status is written here as it would, by its field manager.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inject } from "vitest";
import { FIELD_MANAGERS } from "../../../src/api/cluster-names.ts";
import { API_VERSION, KIND } from "../../../src/api/names.ts";
import { Controller } from "../../../src/controller/controller.ts";
import { DefaultsFile } from "../../../src/controller/defaults-file.ts";
import type { Channel } from "../../../src/controller/kinds.ts";
import { ownSettings } from "../../../src/controller/own-settings.ts";
import { findAccess } from "../../../src/kube/access.ts";
import { KubeClient as ControllersClient } from "../../../src/kube/client.ts";
import { EventRecorder } from "../../../src/kube/event-recorder.ts";
import { createLogger } from "../../../src/runtime/logger.ts";
import { kubeconfigFor, makeNamespace } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";
import { knativeObjects, openType } from "../../support/knative.ts";
import { createKubeClient, type KubeClient, type KubeObject } from "../../support/kube-client.ts";
import type { ObjectRef } from "../../support/kube-paths.ts";
import { manifests, refOf } from "../../support/manifests.ts";
import { type ProcessKubelet, startProcessKubelet } from "../../support/process-kubelet.ts";

export const SYSTEM = "knative-eventing";
export const DISPATCHER = "jetstream-ch-dispatcher";
export const DISPATCHER_IMAGE = "jetstream-channel-dispatcher:0.1.0";
const CONTROLLER_IMAGE = "jetstream-channel-controller:0.1.0";
export const within = 30_000;

/** Are the waits of a controller under test. */
export const SHORT_WAITS = {
  ...{ collectMs: 1_000, betweenChecksMs: 1_000, leaveBehindMs: 1_000 },
  silentMs: 300,
};

const CONTROLLER_PROGRAM = join(import.meta.dirname, "../../../src/controller/main.ts");
const TINY_PROGRAM = join(import.meta.dirname, "../tiny-program/main.ts");

/** Holds what a test uses. */
export class ControlWorld {
  readonly client: KubeClient;
  readonly kubelet: ProcessKubelet;
  #controller: { stop(): Promise<void> } | undefined;

  constructor(client: KubeClient, kubelet: ProcessKubelet) {
    this.client = client;
    this.kubelet = kubelet;
  }

  /** Starts a controller in this process, as its service account. */
  async startController(
    defaultsPath = join(inject("cluster").folder, "no-defaults"),
  ): Promise<void> {
    const cluster = inject("cluster");
    const account = { namespace: SYSTEM, name: "jetstream-ch-controller" };
    const kubeconfig = await kubeconfigFor(this.client, cluster, account);
    const log = createLogger({ name: "controller", level: "silent" });
    const access = await findAccess({ kubeconfig });
    const client = new ControllersClient({ access, userAgent: "jetstream-channel-controller" });
    const events = new EventRecorder({ client, component: "controller", instance: "test", log });
    const environment = {
      systemNamespace: SYSTEM,
      knativeNamespace: SYSTEM,
      image: DISPATCHER_IMAGE,
      clusterId: "test",
      clusterDomain: "cluster.local",
    };
    const controller = new Controller({
      client,
      events,
      defaults: new DefaultsFile({ path: defaultsPath, log }),
      environment,
      log,
      settings: ownSettings({ log, isLevelGiven: true }),
      onOutcome: () => undefined,
      waits: SHORT_WAITS,
    });
    await controller.follow();
    await controller.lead();
    this.#controller = {
      async stop() {
        await controller.stop();
        await events.stop();
        await client.close();
      },
    };
  }

  async stopController(): Promise<void> {
    await this.#controller?.stop();
    this.#controller = undefined;
  }

  /** Ends everything, and removes the cluster's dispatcher with what it is owned by. */
  async stop(): Promise<void> {
    await this.stopController();
    for (const object of manifests("400")) await this.client.delete(refOf(object));
    await eventually(
      async () => (await this.client.find(this.dispatcher("Deployment", "apps/v1"))) === undefined,
      { within, what: "the cluster's dispatcher to go with its owner" },
    );
    await this.kubelet.stop();
    await this.client.close();
  }

  /** Names an object of the cluster's dispatcher, or of a namespace's. */
  dispatcher(kind: string, apiVersion = "v1", namespace = SYSTEM): ObjectRef {
    return { apiVersion, kind, namespace, name: DISPATCHER };
  }

  async makeNamespace(prefix = "channels"): Promise<string> {
    return await makeNamespace(this.client, prefix);
  }

  /** Makes a channel. */
  async createChannel(
    namespace: string,
    name: string,
    { metadata = {}, spec = {} }: { metadata?: object; spec?: object } = {},
  ): Promise<void> {
    const object = { apiVersion: API_VERSION, kind: KIND, spec };
    await this.client.create({ ...object, metadata: { ...metadata, namespace, name } });
  }

  async channel(namespace: string, name: string): Promise<Channel> {
    return await this.client.get<Channel>(channelRef(namespace, name));
  }

  /** Says as the dispatcher that a channel's stream is there, for its present generation unless another is given. */
  async streamReady(namespace: string, name: string, generation?: number): Promise<void> {
    const { metadata } = await this.channel(namespace, name);
    const condition = {
      type: "StreamReady",
      status: "True",
      lastTransitionTime: "2026-01-01T00:00:00Z",
      observedGeneration: generation ?? metadata?.generation,
    };
    const status = { conditions: [condition], stream: { name: `STREAM_${name}` } };
    await this.client.apply(
      { apiVersion: API_VERSION, kind: KIND, metadata: { namespace, name }, status },
      { subresource: "status", fieldManager: FIELD_MANAGERS.dispatcher },
    );
  }

  /** Waits until a channel has a condition, with this status and reason. */
  async condition(
    channel: readonly [namespace: string, name: string],
    type: string,
    expected: { status: string; reason?: string },
  ) {
    return await eventually(
      async () => {
        const { status } = await this.channel(...channel);
        const found = status?.conditions?.find((condition) => condition.type === type);
        if (found?.status === expected.status && found.reason === expected.reason) return found;
        throw new Error(`${JSON.stringify(status?.conditions, undefined, 1)}`);
      },
      { within, what: `${type} of ${channel.join("/")} to be ${JSON.stringify(expected)}` },
    );
  }

  /** Waits until an object is as a check wants it. */
  async object<T = KubeObject>(ref: ObjectRef, check: (object: T) => void): Promise<T> {
    const what = `${ref.kind} ${ref.namespace}/${ref.name} to be as it should`;
    const get = async () => {
      const object = await this.client.get<T>(ref);
      check(object);
      return object;
    };
    return (await eventually(get, { within, what })) as T;
  }

  async gone(ref: ObjectRef): Promise<void> {
    const what = `${ref.kind} ${ref.namespace}/${ref.name} to be gone`;
    await eventually(async () => (await this.client.find(ref)) === undefined, { within, what });
  }
}

export function channelRef(namespace: string, name: string): ObjectRef {
  return { apiVersion: API_VERSION, kind: KIND, namespace, name };
}

/** Writes a file of dispatchers' defaults that goes with the control plane, and gives its path. */
export async function writeDefaults(name: string, text: string): Promise<string> {
  const path = join(inject("cluster").folder, name);
  await writeFile(path, text);
  return path;
}

/** Starts the node, and has config/ applied. */
export async function startControlWorld(): Promise<ControlWorld> {
  const cluster = inject("cluster");
  const client = createKubeClient(cluster.admin);
  await client.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: SYSTEM } });
  const objects = [...knative(), ...manifests("100", "200", "201", "300", "310", "400")];
  for (const object of objects) await client.apply(object, { force: true });
  for (const object of objects.filter(({ kind }) => kind === "CustomResourceDefinition")) {
    await established(client, object);
  }
  const images = {
    [DISPATCHER_IMAGE]: { entrypoint: [process.execPath, TINY_PROGRAM] },
    [CONTROLLER_IMAGE]: { entrypoint: [process.execPath, CONTROLLER_PROGRAM] },
  };
  const kubelet = await startProcessKubelet({ cluster, images });
  return new ControlWorld(client, kubelet);
}

async function established(client: KubeClient, crd: KubeObject): Promise<void> {
  const { group, names, versions } = crd.spec as {
    group: string;
    names: { kind: string };
    versions: { name: string }[];
  };
  const ref = { apiVersion: `${group}/${versions[0]?.name}`, kind: names.kind };
  await eventually(async () => await client.list(ref), {
    within,
    what: `${names.kind} to be served`,
  });
}

/** Gives what of Knative the controller meets, and types of sinks: those that Knative knows how to address, and one that it does not. */
function knative(): KubeObject[] {
  const sinks = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "sinks-addressable", labels: { "duck.knative.dev/addressable": "true" } },
    rules: [{ apiGroups: ["example.dev"], resources: ["sinks"], verbs: ["get", "list", "watch"] }],
  };
  return [
    ...knativeObjects(),
    sinks,
    openType("example.dev", "v1", "Sink"),
    openType("secret.example.dev", "v1", "Hidden"),
  ];
}
