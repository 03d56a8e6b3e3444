import { API_VERSION, KIND } from "../src/api/names.ts";
import type { KubeClient } from "../test/support/kube-client.ts";
import { watchObjects } from "../test/support/kube-watch.ts";

/** Knows of every channel of a namespace whether it is Ready, and how many of its subscribers are. */
export interface Readiness {
  isReady(name: string, subscribers: number): boolean;
  stop(): Promise<void>;
}

interface Channel {
  metadata: { name: string; uid?: string };
  status?: {
    conditions?: { type: string; status: string }[];
    subscribers?: { ready: string }[];
  };
}

/** Begins to watch the channels of a namespace: asking for them would be load of its own. */
export function followReadiness(client: KubeClient, namespace: string): Readiness {
  const ready = new Map<string, number>();
  const take = ({ metadata, status }: Channel) => {
    const isReady = status?.conditions?.some(
      (one) => one.type === "Ready" && one.status === "True",
    );
    const attached = status?.subscribers?.filter((one) => one.ready === "True").length ?? 0;
    ready.set(metadata.name, isReady === true ? attached : -1);
  };
  const { stop } = watchObjects<Channel>(
    client,
    { apiVersion: API_VERSION, kind: KIND, namespace },
    { onChange: take, onDelete: ({ metadata }) => ready.delete(metadata.name) },
  );
  return { isReady: (name, subscribers) => (ready.get(name) ?? -1) >= subscribers, stop };
}
