/*
 * The verbs of the Kubernetes API that we need, for any type of object, over one transport.
 *
 * Objects are the API server's JSON as it is. Lists come in pages. A failure is a KubeError
 * (kube-error.ts); what is tried again by itself, and what is not, is said in attempts.ts.
 */
import type { ApiAccess } from "./access.ts";
import type { RequestOptions } from "./attempts.ts";
import { fence } from "./fence.ts";
import { isGone, KubeError } from "./kube-error.ts";
import {
  apiVersionOf,
  type KubeObject,
  nameOf,
  type ObjectName,
  pathOf,
  type Resource,
  words,
} from "./resource.ts";
import { createTransport, type Transport } from "./transport.ts";
import { readWatchEvents, type WatchEvent } from "./watch-events.ts";

/** Narrows a list or a watch; everything of all namespaces unless said. */
export interface Selection {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

/** `transform` sees the objects of a page before the next page is asked for, and may drop what nobody needs. */
export interface ListSelection<T> extends Selection {
  transform?: ((object: T) => T) | undefined;
}

export interface ObjectList<T extends KubeObject> {
  items: T[];
  /** From where a watch misses nothing. */
  resourceVersion: string;
}

export interface WriteOptions extends RequestOptions {
  /** `status` to write that alone. */
  subresource?: "status" | undefined;
  /** Has the server check everything and change nothing. */
  dryRun?: boolean | undefined;
}

export interface ApplyOptions extends WriteOptions {
  fieldManager: string;
  /** Takes fields from other managers; without it they are a conflict. */
  force?: boolean | undefined;
}

export interface DeleteOptions extends RequestOptions {
  /** Deletes only the very object that was seen. */
  uid?: string | undefined;
  resourceVersion?: string | undefined;
  propagation?: "Background" | "Foreground" | "Orphan" | undefined;
}

export interface WatchOptions extends Selection {
  resourceVersion: string;
  /** When the server is to end it. */
  timeoutSeconds: number;
  /** After this long without a byte it counts as broken. */
  silentMs: number;
  signal?: AbortSignal | undefined;
}

/** One step of a JSON patch (RFC 6902). */
export type JsonPatchStep =
  | { op: "add" | "replace" | "test"; path: string; value: unknown }
  | { op: "remove"; path: string };

const PAGE_SIZE = 500;
const LIST_TIMEOUT_MS = 60_000;
/** The server begins to answer a watch at once. */
const WATCH_BEGINS_MS = 15_000;

/** Speaks with one API server. */
export class KubeClient {
  readonly #transport: Transport;

  /** `userAgent` tells the server who asks; its audit log has it. */
  constructor(deps: { access: ApiAccess; userAgent: string } | { transport: Transport }) {
    this.#transport = "transport" in deps ? deps.transport : createTransport(deps);
  }

  /** Gives a client over the same connections that writes only while it may, and otherwise fails before anything is sent. */
  fenced(mayWrite: () => boolean): KubeClient {
    return new KubeClient({ transport: fence(this.#transport, mayWrite) });
  }

  /** Breaks off everything that is under way. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  /** Reads one object; a KubeError that `isNotFound` when there is none. */
  get<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    options: RequestOptions = {},
  ): Promise<T> {
    const what = `get ${words(resource, name)}`;
    return this.#transport.json({ ...options, what, method: "GET", path: pathOf(resource, name) });
  }

  /** Reads all objects of a selection, page by page. */
  async list<T extends KubeObject>(
    resource: Resource<T>,
    selection: ListSelection<T> = {},
    options: RequestOptions = {},
  ): Promise<ObjectList<T>> {
    try {
      return await this.#pages(resource, selection, { ...options, limit: PAGE_SIZE });
    } catch (error) {
      // The pages took longer than the server keeps what it read; in one piece that cannot happen.
      if (isGone(error)) return await this.#pages(resource, selection, options);
      throw error;
    }
  }

  /** Starts a watch; resolves once the server has begun to answer, and ends when the server ends it. */
  async watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): Promise<AsyncIterable<WatchEvent<T>>> {
    const what = `watch ${words(resource, { namespace: options.namespace })}`;
    const query = selectionQuery(options);
    query.set("watch", "true");
    query.set("allowWatchBookmarks", "true");
    query.set("timeoutSeconds", String(options.timeoutSeconds));
    query.set("resourceVersion", options.resourceVersion);
    const bytes = await this.#transport.stream({
      what,
      method: "GET",
      path: `${pathOf(resource, { namespace: options.namespace })}?${query}`,
      signal: options.signal,
      timeoutMs: WATCH_BEGINS_MS,
      silentMs: options.silentMs,
    });
    return readWatchEvents<T>(bytes, what);
  }

  /** Makes an object; a KubeError that `isAlreadyExists` when there is one of that name. */
  create<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<T> {
    const name = nameOf(object);
    return this.#transport.json({
      ...options,
      what: `create ${words(resource, name)}`,
      method: "POST",
      path: pathOf(resource, { namespace: name.namespace }) + writeQuery(options),
      body: withType(resource, object),
    });
  }

  /** Replaces an object as it was read; a KubeError that `isConflict` when it has changed since. */
  replace<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<T> {
    const body = withType(resource, object);
    return this.#write(resource, nameOf(object), {
      ...options,
      verb: "replace",
      method: "PUT",
      body,
    });
  }

  /** Applies what a field manager wants of an object (server-side apply), and makes the object if need be, which `status` never does. */
  apply<T extends KubeObject>(resource: Resource<T>, object: T, options: ApplyOptions): Promise<T> {
    return this.#write(resource, nameOf(object), {
      ...options,
      verb: "apply",
      contentType: "application/apply-patch+yaml",
      body: withType(resource, object),
    });
  }

  /** Merges fields into an object (RFC 7386): null removes, lists are replaced as a whole. */
  mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    options: WriteOptions & { patch: object },
  ): Promise<T> {
    const { patch: body, ...rest } = options;
    const contentType = "application/merge-patch+json";
    return this.#write(resource, name, { ...rest, verb: "patch", contentType, body });
  }

  /** Changes an object step by step (RFC 6902); a KubeError that `isConflict` when a `test` step did not hold. */
  async jsonPatch<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    options: WriteOptions & { patch: readonly JsonPatchStep[] },
  ): Promise<T> {
    const { patch: body, ...rest } = options;
    const contentType = "application/json-patch+json";
    try {
      return await this.#write(resource, name, { ...rest, verb: "patch", contentType, body });
    } catch (cause) {
      const isTested = body.some(({ op }) => op === "test");
      // The API server says the same of a patch that it cannot make sense of.
      if (!(isTested && cause instanceof KubeError && cause.code === 422)) throw cause;
      throw new KubeError(cause.message, { code: 409, reason: "Conflict", cause });
    }
  }

  /** Deletes an object; a KubeError that `isNotFound` when there is none, `isConflict` when it is another one. */
  async delete(resource: Resource, name: ObjectName, options: DeleteOptions = {}): Promise<void> {
    const { uid, resourceVersion, propagation = "Background", signal, timeoutMs } = options;
    const body = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      preconditions: { uid, resourceVersion },
      propagationPolicy: propagation,
    };
    const request = { signal, timeoutMs, verb: "delete", method: "DELETE", body } as const;
    await this.#write(resource, name, request);
  }

  #write<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    how: Write & Partial<ApplyOptions>,
  ): Promise<T> {
    const { verb, method = "PATCH", contentType, body, subresource, signal, timeoutMs } = how;
    const part = subresource === undefined ? "" : `${subresource} of `;
    return this.#transport.json({
      what: `${verb} ${part}${words(resource, name)}`,
      method,
      path: pathOf(resource, name, subresource) + writeQuery(how),
      ...(contentType === undefined ? {} : { contentType }),
      body,
      signal,
      timeoutMs,
    });
  }

  async #pages<T extends KubeObject>(
    resource: Resource<T>,
    selection: ListSelection<T>,
    options: RequestOptions & { limit?: number },
  ): Promise<ObjectList<T>> {
    const { namespace, transform = (object: T) => object } = selection;
    const items: T[] = [];
    const query = selectionQuery(selection);
    if (options.limit !== undefined) query.set("limit", String(options.limit));
    for (;;) {
      const page: Page<T> = await this.#transport.json({
        what: `list ${words(resource, { namespace })}`,
        method: "GET",
        path: `${pathOf(resource, { namespace })}?${query}`,
        signal: options.signal,
        once: options.once,
        timeoutMs: options.timeoutMs ?? LIST_TIMEOUT_MS,
      });
      for (const item of page.items ?? []) items.push(transform(withType(resource, item)));
      const next = page.metadata?.continue ?? "";
      if (next === "") return { items, resourceVersion: page.metadata?.resourceVersion ?? "" };
      query.set("continue", next);
    }
  }
}

interface Page<T> {
  items?: T[] | null;
  metadata?: { continue?: string; resourceVersion?: string };
}

interface Write {
  verb: string;
  method?: "PUT" | "PATCH" | "DELETE";
  contentType?: string;
  body: unknown;
}

/** Lists of built-in types leave out what their items are, and server-side apply wants it. */
function withType<T extends KubeObject>(resource: Resource<T>, object: T): T {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
}

function selectionQuery(selection: Selection): URLSearchParams {
  const query = new URLSearchParams();
  if (selection.labelSelector) query.set("labelSelector", selection.labelSelector);
  if (selection.fieldSelector) query.set("fieldSelector", selection.fieldSelector);
  return query;
}

function writeQuery(options: Partial<ApplyOptions>): string {
  const query = new URLSearchParams();
  if (options.dryRun === true) query.set("dryRun", "All");
  if (options.fieldManager !== undefined) query.set("fieldManager", options.fieldManager);
  if (options.force === true) query.set("force", "true");
  return query.size === 0 ? "" : `?${query}`;
}
