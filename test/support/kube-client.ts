/**
 * Speaks to a Kubernetes API server for a test or for the process kubelet: the verbs of its objects, by apiVersion and
 * kind. Objects are the JSON of the API as it comes, and every refusal is a KubeError. Nothing is retried here.
 *
 * It shares nothing with src/kube, so that a test never sees the world through the code that it tests.
 */
import { Agent, type Dispatcher } from "undici";
import type { ClusterAccess } from "./cluster-access.ts";
import { createResourcePaths, type ObjectRef, type ResourcePaths } from "./kube-paths.ts";

const answerWithinMs = 30_000;
// Bookmarks come about every minute.
const watchSilenceMs = 90_000;

/** Holds an object of the API; `get<V1Pod>(…)` gives the type of one kind. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name?: string;
    generateName?: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    [field: string]: unknown;
  };
  [field: string]: unknown;
}

/** Holds one page of a list with the version to watch from. */
export interface KubeList<T> {
  metadata: { resourceVersion: string };
  items: T[];
}

/** Says how an object is written; each field is a parameter of the request. */
export interface WriteOptions {
  fieldManager?: string;
  force?: boolean;
  dryRun?: boolean;
  fieldValidation?: "Ignore" | "Warn" | "Strict";
}

/** Says which form a patch has. */
export type PatchType = "merge" | "json" | "strategic-merge";

/** Says what a delete asks for. */
export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: "Background" | "Foreground" | "Orphan";
  preconditions?: { uid?: string; resourceVersion?: string };
}

/** Narrows a list or a watch. */
export interface Selection {
  labelSelector?: string;
  fieldSelector?: string;
}

/** Is the API server's refusal: its code, its reason (`NotFound`, `Conflict`, …) and its sentence. */
export class KubeError extends Error {
  override name = "KubeError";
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** Holds the verbs of an API server, as one user. */
export interface KubeClient {
  get<T = KubeObject>(ref: ObjectRef): Promise<T>;
  /** Gives undefined when there is no such object. */
  find<T = KubeObject>(ref: ObjectRef): Promise<T | undefined>;
  list<T = KubeObject>(ref: ObjectRef, selection?: Selection): Promise<KubeList<T>>;
  /** Posts an object; with `ref` to a subresource of one: `binding`, `token`, `eviction`. */
  create<T = KubeObject>(object: KubeObject, ref?: ObjectRef, options?: WriteOptions): Promise<T>;
  /** Replaces an object with its `metadata.resourceVersion`. */
  replace<T = KubeObject>(object: KubeObject, options?: WriteOptions): Promise<T>;
  patch<T = KubeObject>(
    ref: ObjectRef,
    body: unknown,
    options?: WriteOptions & { type?: PatchType },
  ): Promise<T>;
  /** Applies an object by server-side apply, as the field manager `test` unless said. */
  apply<T = KubeObject>(
    object: KubeObject,
    options?: WriteOptions & { subresource?: string },
  ): Promise<T>;
  /** Asks for an object to go; content when there is none. */
  delete(ref: ObjectRef, options?: DeleteOptions): Promise<void>;
  /** Sends any request and gives the JSON of the answer: `request("GET", "/version")`. */
  request<T = unknown>(method: Dispatcher.HttpMethod, path: string, body?: unknown): Promise<T>;
  /** Opens a watch and gives its lines; they end with the watch. */
  watchLines(ref: ObjectRef, query: Record<string, string>, signal: AbortSignal): Promise<Lines>;
  /** Gives a client that acts as another user; whoever this client is needs the right to. */
  as(user: string, groups?: readonly string[]): KubeClient;
  close(): Promise<void>;
}

type Lines = AsyncIterable<Uint8Array>;

/** Opens a client; connections are made when they are needed. */
export function createKubeClient({ server, ca, cert, key, token }: ClusterAccess): KubeClient {
  const certificate = cert === undefined || key === undefined ? {} : { cert, key };
  const agent = new Agent({ connect: { ca, ...certificate }, connectTimeout: answerWithinMs });
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return clientAs({ server, agent, headers });
}

interface Connection {
  server: string;
  agent: Agent;
  headers: Record<string, string | string[]>;
}

const patchTypes = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  "strategic-merge": "application/strategic-merge-patch+json",
} as const satisfies Record<PatchType, string>;

function clientAs(connection: Connection): KubeClient {
  const { server, agent, headers } = connection;
  const send = async <T>(method: Dispatcher.HttpMethod, path: string, sending: Sending = {}) =>
    (await readJson(await open(connection, { method, path, ...sending }))) as T;
  const paths: ResourcePaths = createResourcePaths((path) => send("GET", path));
  const client: KubeClient = {
    get: async (ref) => send("GET", await paths.pathOf(ref)),
    async find<T>(ref: ObjectRef) {
      return await client.get<T>(ref).catch(undefinedWhenMissing);
    },
    list: async (ref, selection = {}) =>
      send("GET", await paths.pathOf(ref), { query: { ...selection } }),
    async create(object, ref, options) {
      const path = await paths.pathOf(ref ?? { ...refOf(object), name: undefined });
      return send("POST", path, { query: writeQuery(options), body: object });
    },
    async replace(object, options) {
      const path = await paths.pathOf(refOf(object));
      return send("PUT", path, { query: writeQuery(options), body: object });
    },
    async patch(ref, body, { type = "merge", ...options } = {}) {
      const query = writeQuery(options);
      const contentType = patchTypes[type];
      return send("PATCH", await paths.pathOf(ref), { query, body, contentType });
    },
    async apply(object, { subresource, ...options } = {}) {
      const path = await paths.pathOf({ ...refOf(object), subresource });
      const query = writeQuery({ fieldManager: "test", ...options });
      const contentType = "application/apply-patch+yaml";
      return send("PATCH", path, { query, body: object, contentType });
    },
    async delete(ref, options) {
      const body = { kind: "DeleteOptions", apiVersion: "v1", ...options };
      await send("DELETE", await paths.pathOf(ref), { body }).catch(undefinedWhenMissing);
    },
    request: (method, path, body) => send(method, path, { body }),
    async watchLines(ref, query, signal) {
      const path = await paths.pathOf(ref);
      const answer = await open(connection, { method: "GET", path, query, signal });
      return answer.body;
    },
    as(user, groups = []) {
      const impersonation = { "impersonate-user": user, "impersonate-group": [...groups] };
      return clientAs({ server, agent, headers: { ...headers, ...impersonation } });
    },
    close: () => agent.destroy(),
  };
  return client;
}

interface Sending {
  query?: Record<string, unknown>;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal;
}

async function open(
  { server, agent, headers }: Connection,
  {
    method,
    path,
    query = {},
    body,
    contentType = "application/json",
    signal,
  }: Sending & { method: Dispatcher.HttpMethod; path: string },
): Promise<Dispatcher.ResponseData> {
  const answer = await agent.request({
    origin: server,
    method,
    path,
    query: Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)),
    headers: { accept: "application/json", "content-type": contentType, ...headers },
    body: body === undefined ? null : JSON.stringify(body),
    headersTimeout: answerWithinMs,
    bodyTimeout: watchSilenceMs,
    ...(signal === undefined ? {} : { signal }),
  });
  if (answer.statusCode >= 300) {
    throw refusal(answer.statusCode, await answer.body.text());
  }
  return answer;
}

async function readJson(answer: Dispatcher.ResponseData): Promise<unknown> {
  const text = await answer.body.text();
  const isJson = String(answer.headers["content-type"]).startsWith("application/json");
  return isJson ? JSON.parse(text) : text;
}

function refusal(status: number, text: string): KubeError {
  try {
    const { reason, message } = JSON.parse(text) as { reason?: string; message?: string };
    return new KubeError(status, reason ?? "", message ?? text);
  } catch {
    // A proxy or a server that is going down answers with text alone.
    return new KubeError(status, "", `${status}: ${text}`);
  }
}

function writeQuery({ dryRun, ...options }: WriteOptions = {}): Record<string, unknown> {
  return dryRun === true ? { ...options, dryRun: "All" } : options;
}

function refOf({ apiVersion, kind, metadata: { namespace, name } }: KubeObject): ObjectRef {
  return { apiVersion, kind, namespace, name };
}

function undefinedWhenMissing(error: unknown): undefined {
  if (error instanceof KubeError && error.status === 404) {
    return undefined;
  }
  throw error;
}
