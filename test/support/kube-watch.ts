/**
 * Follows the objects of one kind: a list, then a watch from there, and again from the start whenever the watch ends or
 * breaks; what is gone by then is told as deleted. Used by the process kubelet and by tests that look at changes.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { KubeClient, KubeList, Selection } from "./kube-client.ts";
import type { ObjectRef } from "./kube-paths.ts";

const againAfterMs = 250;
const watchSeconds = "290";

/** Says what is done with what is seen; what throws in here begins the watch anew. */
export interface WatchHandlers<T> {
  onChange(object: T): void;
  onDelete(object: T): void;
}

/** Holds a watch that goes on until it is stopped. */
export interface KubeWatch {
  /** Resolves after the first list. */
  readonly synced: Promise<void>;
  stop(): Promise<void>;
}

interface Watched {
  metadata?: { uid?: string; resourceVersion?: string };
}

interface WatchEvent<T> {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: T;
}

/** Starts to follow objects. Failures of the API server are waited out. */
export function watchObjects<T extends Watched>(
  client: KubeClient,
  { selection = {}, ...ref }: ObjectRef & { selection?: Selection },
  handlers: WatchHandlers<T>,
): KubeWatch {
  const stopping = new AbortController();
  const known = new Map<string, T>();
  let isSynced = () => {};
  const synced = new Promise<void>((resolve) => {
    isSynced = resolve;
  });
  const run = async () => {
    while (!stopping.signal.aborted) {
      try {
        const list = await client.list<T>(ref, selection);
        takeList(known, list, handlers);
        isSynced();
        const query = { ...selection, resourceVersion: list.metadata.resourceVersion };
        await follow({ client, ref, query, known, handlers, signal: stopping.signal });
      } catch {
        // Whatever it was, the next list shows the state of things.
      }
      await delay(againAfterMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };
  const running = run();
  return {
    synced,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function takeList<T extends Watched>(
  known: Map<string, T>,
  list: KubeList<T>,
  handlers: WatchHandlers<T>,
): void {
  const present = new Set(list.items.map(uidOf));
  for (const [uid, object] of known) {
    if (!present.has(uid)) {
      known.delete(uid);
      handlers.onDelete(object);
    }
  }
  for (const object of list.items) {
    const before = known.get(uidOf(object));
    known.set(uidOf(object), object);
    if (before?.metadata?.resourceVersion !== object.metadata?.resourceVersion) {
      handlers.onChange(object);
    }
  }
}

interface Following<T> {
  client: KubeClient;
  ref: ObjectRef;
  query: Record<string, string>;
  known: Map<string, T>;
  handlers: WatchHandlers<T>;
  signal: AbortSignal;
}

async function follow<T extends Watched>({
  client,
  ref,
  query,
  known,
  handlers,
  signal,
}: Following<T>): Promise<void> {
  const watch = { watch: "1", allowWatchBookmarks: "true", timeoutSeconds: watchSeconds };
  const chunks = await client.watchLines(ref, { ...query, ...watch }, signal);
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const { type, object } = JSON.parse(line) as WatchEvent<T>;
      if (type === "ERROR") {
        return;
      }
      if (type === "DELETED") {
        known.delete(uidOf(object));
        handlers.onDelete(object);
      } else if (type !== "BOOKMARK") {
        known.set(uidOf(object), object);
        handlers.onChange(object);
      }
    }
  }
}

function uidOf({ metadata }: Watched): string {
  return metadata?.uid ?? "";
}
