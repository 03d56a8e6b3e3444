/**
 * Dispatchers in cluster mode for a test: a namespace of their own on the API server of the test run, or on another, a nats-server, the
 * account and the permissions that our manifests give them, and hands that write as Knative and as users do.
 */
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { loadAll } from "js-yaml";
import { inject } from "vitest";
import { FIELD_MANAGERS } from "../../../src/api/cluster-names.ts";
import { type CloudEventClient, createCloudEventClient } from "../../support/cloud-event-client.ts";
import { kubeconfigFor } from "../../support/cluster.ts";
import type { Cluster } from "../../support/control-plane.ts";
import { type DispatcherProcess, startDispatcher } from "../../support/dispatcher-process.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import type { KubeObject } from "../../support/kube-client.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { type ChannelApi, channelApi, KNATIVE } from "../api/channel-api.ts";

const CONFIG = join(import.meta.dirname, "../../../config");
const ACCOUNT = "jetstream-ch-dispatcher";
const RBAC = "rbac.authorization.k8s.io";
/** Ends quickly: no Service has to learn of it. */
const QUICK = "dispatch: { quietPeriod: PT0.1S, gracePeriod: PT15S }";

/** Is a channel as the API server has it. */
export interface Channel extends KubeObject {
  spec?: { subscribers?: object[] };
  status?: {
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    stream?: { name: string };
    subscribers?: { uid: string; ready: string; observedGeneration: number; message?: string }[];
  };
}

interface Event extends KubeObject {
  regarding: { name: string };
  type: string;
  reason: string;
  note: string;
}

/** Holds what the tests of dispatchers in a cluster use. */
export interface ClusterWorld {
  api: ChannelApi;
  nats: NatsServer;
  nc: NatsConnection;
  sink: EventSink;
  /** Starts a replica for this namespace's channels, ready unless said; the world ends it. */
  start(options?: {
    untilReady?: boolean;
    env?: Record<string, string>;
  }): Promise<DispatcherProcess>;
  /** Makes a channel that a namespace's dispatcher serves, and decides about it. */
  create(name: string, spec?: object): Promise<void>;
  /** Makes one that no controller has seen yet. */
  createUndecided(name: string, spec?: object): Promise<void>;
  /** Says as the controller that a channel may take events. */
  decide(name: string): Promise<void>;
  read(name: string): Promise<Channel | undefined>;
  /** Writes the whole list, as Knative does: a merge patch without a resourceVersion, under its account. */
  subscribe(name: string, ...subscribers: object[]): Promise<void>;
  /** Waits until a condition of a channel has this status. */
  until(name: string, type: string, status: string): Promise<void>;
  untilReady(name: string, ...uids: string[]): Promise<void>;
  /** Gives the Events about a channel, as `Warning EventGivenUp: <note>`. */
  events(name: string): Promise<string[]>;
  client(name: string, dispatcher: DispatcherProcess): CloudEventClient;
  streams(): Promise<string[]>;
  stop(): Promise<void>;
}

/** Makes an entry of `spec.subscribers`. */
export function subscriber(uid: string, subscriberUri: string, generation = 1) {
  return { uid, generation, subscriberUri, name: uid };
}

/** Starts everything but a dispatcher. */
export async function startClusterWorld(
  cluster: Cluster = inject("cluster"),
): Promise<ClusterWorld> {
  const api = await channelApi(cluster);
  const { client, namespace } = api;
  const kubeconfig = await makeAccount(api, cluster);
  const configPath = join(cluster.folder, `${namespace}.nats.yaml`);
  await writeFile(configPath, QUICK);
  const nats = await startNatsServer();
  const nc = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const sink = await startEventSink();
  const dispatchers: DispatcherProcess[] = [];
  const clients: CloudEventClient[] = [];
  const knative = client.as(KNATIVE);
  const read = (name: string) => client.find<Channel>(api.ref(name));
  const until = (name: string, type: string, status: string) =>
    eventually(
      async () => {
        const { conditions = [] } = (await read(name))?.status ?? {};
        return conditions.find((one) => one.type === type)?.status === status;
      },
      { within: 30_000, what: `${type}=${status} of ${name}` },
    );
  const createUndecided = async (name: string, spec: object = {}) => {
    const annotations = { "eventing.knative.dev/scope": "namespace" };
    await client.create(api.channel(name, { metadata: { annotations }, spec }));
  };
  const decide = async (name: string) => {
    const lastTransitionTime = "2026-01-01T00:00:00Z";
    const conditions = [{ type: "Addressable", status: "True", lastTransitionTime }];
    const decided = { ...api.channel(name), status: { conditions } };
    const as = { subresource: "status", fieldManager: FIELD_MANAGERS.controller } as const;
    await client.apply(decided, as);
  };
  return {
    api,
    nats,
    nc,
    sink,
    read,
    async start({ untilReady = true, env = {} } = {}) {
      const dispatcher = await startDispatcher({
        channelsPath: "",
        natsUrl: nats.url,
        untilReady,
        env: {
          KUBECONFIG: kubeconfig,
          NAMESPACE: namespace,
          POD_NAMESPACE: namespace,
          POD_NAME: `dispatcher-${dispatchers.length}`,
          CLUSTER_ID: "e2e",
          NATS_CONFIG_PATH: configPath,
          ...env,
        },
      });
      dispatchers.push(dispatcher);
      return dispatcher;
    },
    async create(name, spec) {
      await createUndecided(name, spec);
      await decide(name);
    },
    createUndecided,
    decide,
    async subscribe(name, ...subscribers) {
      await knative.patch(api.ref(name), { spec: { subscribers } });
    },
    async until(name, type, status) {
      await until(name, type, status);
    },
    async untilReady(name, ...uids) {
      await until(name, "StreamReady", "True");
      await eventually(
        async () => {
          const { subscribers = [] } = (await read(name))?.status ?? {};
          return uids.every((uid) => subscribers.find((one) => one.uid === uid)?.ready === "True");
        },
        { within: 30_000, what: `subscribers ${uids} of ${name} to be ready` },
      );
    },
    async events(name) {
      const ref = { apiVersion: "events.k8s.io/v1", kind: "Event", namespace };
      const { items } = await client.list<Event>(ref);
      return items
        .filter(({ regarding }) => regarding.name === name)
        .map(({ type, reason, note }) => `${type} ${reason}: ${note}`);
    },
    client(name, { httpPort }) {
      const host = `${name}-kn-jsm-channel.${namespace}.svc.cluster.local`;
      const made = createCloudEventClient({ port: httpPort, host });
      clients.push(made);
      return made;
    },
    async streams() {
      return (await (await jetstreamManager(nc)).streams.names().next()).sort();
    },
    async stop() {
      for (const each of clients) each.close();
      for (const dispatcher of dispatchers) await dispatcher.kill("SIGKILL");
      await nc.close();
      await sink.close();
      await nats.stop();
    },
  };
}

/** Makes the dispatcher's account with what our manifests allow it in its namespace; gives its kubeconfig. */
async function makeAccount({ client, namespace }: ChannelApi, cluster: Cluster): Promise<string> {
  const files = readdirSync(CONFIG).filter((file) => /^200-dispatcher/.test(file));
  const roles = files.flatMap((file) => loadAll(readFileSync(join(CONFIG, file), "utf8")));
  const account = { name: ACCOUNT, namespace };
  await client.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: account });
  for (const role of roles as KubeObject[]) {
    await client.apply(role, { force: true });
    const { name } = role.metadata;
    await client.create({
      apiVersion: `${RBAC}/v1`,
      kind: "RoleBinding",
      metadata: { name, namespace },
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", ...account }],
    } as KubeObject);
  }
  return await kubeconfigFor(client, cluster, account);
}
