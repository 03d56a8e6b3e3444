/*
 * Asks dispatchers what they do: their pages `/channels` and `/streams`, through the API server for Pods of a cluster, or at a
 * url (a port-forward, or a dispatcher on this machine). What cannot be asked is a fault of that replica, never thrown.
 */
import type { ChannelsPage, StreamsPage } from "../api/dispatcher-pages.ts";
import { errorMessage } from "../runtime/errors.ts";
import { adminPath, type Cluster, dispatcherPods } from "./cluster.ts";

/** Are the options of the subcommands that ask dispatchers. */
export const DISPATCHER_OPTIONS = {
  "dispatcher-url": {
    value: "URL",
    multiple: true,
    help: "Ask the dispatcher's admin server there (kubectl port-forward) instead of every Pod through the API server; once for each replica.",
  },
  standalone: {
    help: "No Kubernetes: the channels of a dispatcher that reads them from files, at http://127.0.0.1:9090 unless --dispatcher-url says where.",
  },
} as const;

/** Is what one replica says. */
export interface Replica {
  /** `namespace/pod`, or the url. */
  name: string;
  channels: ChannelsPage | undefined;
  streams: StreamsPage | undefined;
  /** Why a page is missing. */
  faults: string[];
}

/** Is what there is of replicas, and why there are not more of them. */
export interface Replicas {
  replicas: Replica[];
  faults: string[];
}

const STANDALONE_URL = "http://127.0.0.1:9090";
const ANSWER_WITHIN_MS = 15_000;

type Read = <Page>(page: "/channels" | "/streams") => Promise<Page>;

/** Asks the dispatchers at urls; at the usual one where none is given. */
export async function askUrls(urls: readonly string[] = [STANDALONE_URL]): Promise<Replicas> {
  const replicas = await Promise.all(
    urls.map((url) => ask(url, (page) => fetchPage(`${url.replace(/\/$/, "")}${page}`))),
  );
  return { replicas, faults: [] };
}

/** Asks every Pod of the dispatchers of some namespaces. */
export async function askPods(cluster: Cluster, namespaces: readonly string[]): Promise<Replicas> {
  const faults: string[] = [];
  const asked = namespaces.map(async (namespace) => {
    try {
      const pods = await dispatcherPods(cluster, namespace);
      if (pods.length === 0) faults.push(`no Pod of a dispatcher in namespace ${namespace}`);
      return await Promise.all(
        pods.map((pod) => {
          const name = `${namespace}/${pod.metadata?.name}`;
          return ask(name, (page) =>
            cluster.read(adminPath(pod, page), `get ${page} of Pod ${name}`),
          );
        }),
      );
    } catch (error) {
      faults.push(errorMessage(error));
      return [];
    }
  });
  return { replicas: (await Promise.all(asked)).flat(), faults };
}

async function ask(name: string, read: Read): Promise<Replica> {
  const faults: string[] = [];
  const page = async <Page>(path: "/channels" | "/streams"): Promise<Page | undefined> => {
    try {
      return await read<Page>(path);
    } catch (error) {
      faults.push(errorMessage(error));
      return undefined;
    }
  };
  const [channels, streams] = await Promise.all([
    page<ChannelsPage>("/channels"),
    page<StreamsPage>("/streams"),
  ]);
  return { name, channels, streams, faults };
}

async function fetchPage<Page>(url: string): Promise<Page> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    if (!response.ok) throw new Error(`it answers ${response.status}`);
    return (await response.json()) as Page;
  } catch (cause) {
    throw new Error(`cannot get ${url}`, { cause });
  }
}
