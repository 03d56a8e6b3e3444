/*
 * The Kubernetes side of the subcommands: the API server as kubectl finds it, the channels, and the Pods of dispatchers,
 * whose admin servers are asked through the API server (`pods/proxy`), so that whoever has kubectl needs nothing else.
 */

import type { Condition } from "../api/duck.ts";
import { CHANNEL_LABEL, isNamespaceScoped, KIND, ROLE_LABEL } from "../api/names.ts";
import { findAccess } from "../kube/access.ts";
import { KubeClient } from "../kube/client.ts";
import { type Pod, RESOURCES } from "../kube/objects.ts";
import { type KubeObject, pathOf, type Resource } from "../kube/resource.ts";
import { createTransport } from "../kube/transport.ts";
import type { Terminal } from "./terminal.ts";

/** Are the options of every subcommand that asks the API server. */
export const CLUSTER_OPTIONS = {
  kubeconfig: {
    value: "FILE",
    help: "Kubeconfig; unset: KUBECONFIG, ~/.kube/config, the Pod's account.",
  },
  context: { value: "NAME", help: "Context of the kubeconfig; unset: its current one." },
  "system-namespace": {
    value: "NAME",
    help: "Where the controller and the cluster's dispatcher are (default knative-eventing).",
  },
} as const;

/** Is a channel as the API server has it, as far as it is looked at here. */
export interface Channel extends KubeObject {
  spec?: { subscribers?: { uid?: string; name?: string; subscriberUri?: string }[] };
  status?: {
    conditions?: Condition[];
    address?: { url?: string };
    stream?: { name?: string; storage?: string };
    subscribers?: { uid?: string; ready?: string; message?: string }[];
  };
}

/** Describes channels. */
export const CHANNELS: Resource<Channel> = {
  group: "messaging.knative.dev",
  version: "v1alpha1",
  namespaced: true,
  kind: KIND,
  plural: "natsjetstreamchannels",
};

/** Is an API server, and what the command line says of it. */
export interface Cluster {
  readonly server: string;
  /** The namespace of the kubeconfig's context. */
  readonly namespace: string;
  readonly systemNamespace: string;
  readonly client: KubeClient;
  /** Reads a path that is no object; `what` names it for errors. */
  read<Answer>(path: string, what: string): Promise<Answer>;
  close(): Promise<void>;
}

/** For a person who waits. */
export const WAIT = { timeoutMs: 15_000, once: true } as const;

const SYSTEM_NAMESPACE = "knative-eventing";
const ADMIN_PORT = { name: "admin", number: 9090 } as const;
const USER_AGENT = "jetstream-channel";

/** Finds the API server; nothing is asked yet. */
export async function openCluster(
  terminal: Terminal,
  values: { [Name in keyof typeof CLUSTER_OPTIONS]: string | undefined },
): Promise<Cluster> {
  const { env } = terminal;
  const access = await findAccess({
    kubeconfig: values.kubeconfig ?? env.KUBECONFIG,
    context: values.context,
    home: env.HOME,
    serviceHost: env.KUBERNETES_SERVICE_HOST,
    servicePort: env.KUBERNETES_SERVICE_PORT,
  });
  const transport = createTransport({ access, userAgent: USER_AGENT });
  return {
    server: access.server,
    namespace: access.namespace ?? "default",
    systemNamespace: values["system-namespace"] ?? SYSTEM_NAMESPACE,
    client: new KubeClient({ transport }),
    read: (path, what) => transport.json({ ...WAIT, what, method: "GET", path }),
    close: () => transport.close(),
  };
}

/** Lists channels, of all namespaces where none is given. */
export async function listChannels(
  { client }: Cluster,
  namespace: string | undefined,
): Promise<Channel[]> {
  return (await client.list(CHANNELS, { namespace }, WAIT)).items;
}

/** Names the namespaces whose dispatchers serve these channels. */
export function dispatcherNamespaces(
  channels: readonly Channel[],
  systemNamespace: string,
): string[] {
  const namespaces = channels.map(({ metadata }) =>
    isNamespaceScoped(metadata?.annotations) ? (metadata?.namespace ?? "") : systemNamespace,
  );
  return [...new Set(namespaces)].sort();
}

/** Lists the Pods of a namespace's dispatcher that are not about to end. */
export async function dispatcherPods({ client }: Cluster, namespace: string): Promise<Pod[]> {
  const labelSelector = `${CHANNEL_LABEL.key}=${CHANNEL_LABEL.value},${ROLE_LABEL}=dispatcher`;
  const { items } = await client.list(RESOURCES.pods, { namespace, labelSelector }, WAIT);
  return items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
}

/** Gives the path under which the API server hands a request on to a Pod's admin server. */
export function adminPath({ metadata, spec }: Pod, page: string): string {
  const ports = (spec?.containers ?? []).flatMap(({ ports: own = [] }) => own);
  const port = ports.find(({ name }) => name === ADMIN_PORT.name)?.containerPort;
  const name = `${metadata?.name}:${port ?? ADMIN_PORT.number}`;
  return `${pathOf(RESOURCES.pods, { namespace: metadata?.namespace, name }, "proxy")}${page}`;
}

/** Tells a channel's `namespace/name`. */
export function channelKey({ metadata }: Channel): string {
  return `${metadata?.namespace}/${metadata?.name}`;
}
