/*
 * Keeps a copy of a selection of objects up to date, for as long as the program runs:
 *
 *   1. list all of them, in pages, and tell what differs from the copy
 *   2. watch from there; bookmarks move the place on while nothing changes
 *   3. when the watch ends, watch again from the last place. Where the server does not know that place
 *      any more (410, also as an event in an answer that began with 200) or refuses it: from 1
 *
 * Failures are tried again for ever, with growing, jittered pauses. Bookmarks come about every minute,
 * unless etcd does not tell the server of its progress (its default, not kubeadm's) and nothing of that
 * type changes. So silence is no failure, but reason to watch anew: only when that fails was it an outage.
 * Does not decide what a change means: control loops do.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import type { KubeClient, Selection } from "./client.ts";
import { isForbidden, isNotFound, KubeError } from "./kube-error.ts";
import { type KubeObject, type Resource, words } from "./resource.ts";
import { type ChangeHandler, type Store, WatchedStore } from "./store.ts";

/** Says what is reflected; see the head of this file. */
export interface ReflectorOptions<T extends KubeObject> {
  client: Pick<KubeClient, "list" | "watch">;
  resource: Resource<T>;
  selection?: Selection;
  log: Logger;
  /** Sees each object before it is kept, and may drop what nobody needs. */
  transform?: (object: T) => T;
  /** After this long without a byte a watch is begun anew; more than the minute between bookmarks. */
  silentMs?: number;
}

const SILENT_MS = 85_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** Until somebody installs the type, or allows to read it. */
const LONGEST_REFUSED_PAUSE_MS = 60_000;
/** Not all watches end at the same time. */
const SHORTEST_WATCH_SECONDS = 300;
/** A watch that ends sooner is not counted as one that worked. */
const WORKED_MS = 5_000;

/** Reflects a selection of objects; see the head of this file. */
export class Reflector<T extends KubeObject> {
  /** What is known. */
  readonly store: Store<T>;
  readonly #store: WatchedStore<T>;
  readonly #options: ReflectorOptions<T>;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #whenSynced: Promise<void>;
  #synced: () => void = () => undefined;
  readonly #whenTried: Promise<void>;
  #tried: () => void = () => undefined;
  #knowledge: "nothing" | "objects" | "no such API" = "nothing";
  readonly #failureHandlers: (() => void)[] = [];
  #running: Promise<void> | undefined;
  #resourceVersion: string | undefined;
  #failure: KubeError | undefined;
  #failures = 0;
  /** Since when there is no watch; undefined while there is one. */
  #downSince: number | undefined = performance.now();
  #heardAt = performance.now();
  /** When a watch was last heard of that went silent, until the next one shows that all is well. */
  #silentSince: number | undefined;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    const what = words(options.resource, { namespace: options.selection?.namespace });
    this.#log = options.log.child({ watched: what });
    this.#store = new WatchedStore<T>({ log: this.#log });
    this.store = this.#store;
    this.#whenSynced = new Promise((resolve) => {
      this.#synced = resolve;
    });
    this.#whenTried = new Promise((resolve) => {
      this.#tried = resolve;
    });
  }

  /** Begins; handlers may be added before and after. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Calls a handler for what is known already and for every change. */
  onChange(handler: ChangeHandler<T>): void {
    this.#store.onChange(handler);
  }

  /** Calls a handler when the watch goes down, and when it stays down for another reason. */
  onFailure(handler: () => void): void {
    this.#failureHandlers.push(handler);
  }

  /** Resolves when the first list is in the store and its handlers were called; not at all after a stop. */
  hasSynced(): Promise<void> {
    return this.#whenSynced;
  }

  /** Resolves when the first list was answered or has failed; not at all after a stop. */
  hasTried(): Promise<void> {
    return this.#whenTried;
  }

  /** Tells what an object that is not in the store means: nothing is known yet, there is none, or there cannot be any. */
  knowledge(): "nothing" | "objects" | "no such API" {
    return this.#knowledge;
  }

  /** For how long the watch has been down, in milliseconds; 0 while it runs. */
  downForMs(): number {
    return this.#downSince === undefined ? 0 : performance.now() - this.#downSince;
  }

  /** Why the watch is down; undefined while it runs. */
  failure(): KubeError | undefined {
    return this.#downSince === undefined ? undefined : this.#failure;
  }

  /** Ends it; the store keeps what it has. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        if (this.#resourceVersion === undefined) await this.#list();
        await this.#watch();
      } catch (error) {
        if (!this.#isStopped) this.#failed(error);
      }
      await this.#pause();
    }
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #list(): Promise<void> {
    const { client, resource, selection, transform } = this.#options;
    const { signal } = this.#stopping;
    const options = { signal, once: true };
    const list = await client.list(resource, { ...selection, transform }, options);
    this.#store.replace(list.items);
    this.#resourceVersion = list.resourceVersion;
    this.#knowledge = "objects";
    this.#synced();
    this.#tried();
    this.#log.debug({ objects: this.#store.size }, "listed");
  }

  async #watch(): Promise<void> {
    const { client, resource, selection, silentMs = SILENT_MS } = this.#options;
    const events = await client.watch(resource, {
      ...selection,
      resourceVersion: this.#resourceVersion ?? "",
      timeoutSeconds: Math.round(SHORTEST_WATCH_SECONDS * (1 + Math.random())),
      silentMs,
      signal: this.#stopping.signal,
    });
    const began = performance.now();
    this.#isUp();
    try {
      for await (const { type, object } of events) {
        this.#heardAt = performance.now();
        this.#failures = 0;
        this.#take(type, object);
      }
    } catch (error) {
      if (!(error instanceof KubeError && error.reason === "Timeout")) throw error;
      this.#silentSince = this.#heardAt;
    } finally {
      this.#downSince = performance.now();
    }
    // A server that ends every watch at once is not asked again without a pause.
    if (performance.now() - began < WORKED_MS) this.#failures += 1;
    else this.#failures = 0;
  }

  #isUp(): void {
    if (this.#failure !== undefined) this.#log.info("watching again");
    this.#failure = undefined;
    this.#downSince = undefined;
    this.#silentSince = undefined;
    this.#heardAt = performance.now();
  }

  #take(type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK", object: T): void {
    this.#resourceVersion = object.metadata?.resourceVersion ?? this.#resourceVersion;
    if (type === "BOOKMARK") return;
    const { transform = (same: T) => same } = this.#options;
    if (type === "DELETED") this.#store.remove(transform(object));
    else this.#store.put(transform(object));
  }

  #failed(error: unknown): void {
    const failure =
      error instanceof KubeError
        ? error
        : new KubeError(errorMessage(error), { reason: "Unexpected", cause: error });
    if (this.#silentSince !== undefined) this.#downSince = this.#silentSince;
    // A watch is only begun where a list was answered, so it is the type that is not there.
    if (isNotFound(failure)) this.#knowledge = "no such API";
    else if (this.#knowledge === "no such API") this.#knowledge = "nothing";
    this.#tried();
    if (!keepsPlace(failure)) this.#resourceVersion = undefined;
    const isNews = this.#failure?.reason !== failure.reason;
    // After a restart of the server it is what happens, and the list mends it.
    if (isNews && failure.code !== 410) {
      this.#log.warn({ error: errorMessage(failure) }, "the watch is down, trying again");
    }
    this.#failure = failure;
    this.#failures += 1;
    if (isNews) for (const handler of this.#failureHandlers) handler();
  }

  async #pause(): Promise<void> {
    const { signal } = this.#stopping;
    const backOff = FIRST_PAUSE_MS * 2 ** Math.min(Math.max(this.#failures - 1, 0), 10);
    const longestMs = isRefused(this.#failure) ? LONGEST_REFUSED_PAUSE_MS : LONGEST_PAUSE_MS;
    const pauseMs = Math.min(backOff, longestMs) * (0.5 + Math.random() / 2);
    // It rejects only because of the stop, which the loop sees by itself.
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Tells whether it takes a person to mend it. */
function isRefused(failure: KubeError | undefined): boolean {
  return isNotFound(failure) || isForbidden(failure);
}

/** Tells whether the watch can go on where it was: the server is away, overloaded, or does not let us in. */
function keepsPlace({ code, reason }: KubeError): boolean {
  if (code === undefined) return reason !== "MalformedAnswer";
  return [401, 403, 429, 502, 503].includes(code);
}

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** Drops what the API server and kubectl note about who wrote what, which is often more than half of an object. */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields, annotations, ...metadata } = object.metadata ?? {};
  if (managedFields === undefined && annotations?.[LAST_APPLIED] === undefined) return object;
  if (annotations === undefined) return { ...object, metadata };
  const { [LAST_APPLIED]: _, ...others } = annotations;
  return { ...object, metadata: { ...metadata, annotations: others } };
}
