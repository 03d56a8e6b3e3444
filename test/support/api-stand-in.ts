/**
 * Stands in for a Kubernetes API server where a test needs it to fail: HTTP without TLS, objects of any type in memory,
 * lists in pages, watches, resourceVersions, and whatever fault a test asks for. What it does is what the real one was
 * seen to do; that the client gets on with the real one is for the e2e tests to show.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { ApiAccess } from "../../src/kube/access.ts";
import type { KubeObject } from "../../src/kube/resource.ts";

/** Is a request as it came. */
export interface StandInRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  body: string;
  /** Tells connections apart. */
  remotePort: number | undefined;
}

/** Answers a request in place of the stand-in; false leaves it to the stand-in. */
export type Fault = (request: StandInRequest, response: ServerResponse) => boolean;

interface StoredEvent {
  version: number;
  collection: string;
  type: "ADDED" | "MODIFIED" | "DELETED";
  object: KubeObject;
}

interface OpenWatch {
  collection: string;
  response: ServerResponse;
}

/** Runs on a port of 127.0.0.1 until it is stopped, and again from then on. */
export class ApiStandIn {
  /** Every request, oldest first. */
  readonly requests: StandInRequest[] = [];
  /** Is asked first, for each request. */
  fault: Fault = () => false;
  /** Is demanded of each request when it is set. */
  token: string | undefined;
  port = 0;
  readonly #objects = new Map<string, KubeObject>();
  readonly #watches = new Set<OpenWatch>();
  readonly #sockets = new Set<Socket>();
  #history: StoredEvent[] = [];
  #oldest = 0;
  #version = 1;
  #server: Server | undefined;

  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(this.port, "127.0.0.1", resolve));
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Breaks every connection and takes no new ones; the objects stay. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      this.#breakAll();
    });
  }

  /** Gives the access of a client, through a proxy's port if that is said. */
  access(port = this.port): ApiAccess {
    return {
      server: `http://127.0.0.1:${port}`,
      tls: async () => ({}),
      authorization: async () => (this.token === undefined ? undefined : `Bearer ${this.token}`),
    };
  }

  /** Makes or changes an object; `path` is that of its collection, with the namespace. */
  put(path: string, object: KubeObject): KubeObject {
    const key = `${path}/${object.metadata?.name}`;
    const before = this.#objects.get(key);
    this.#version += 1;
    const stored = {
      ...object,
      metadata: {
        ...object.metadata,
        uid: before?.metadata?.uid ?? randomUUID(),
        resourceVersion: String(this.#version),
      },
    };
    this.#objects.set(key, stored);
    this.#tell(path, before === undefined ? "ADDED" : "MODIFIED", stored);
    return stored;
  }

  /** Takes an object away. */
  remove(path: string, name: string): void {
    const before = this.#objects.get(`${path}/${name}`);
    if (before === undefined) throw new Error(`there is no ${path}/${name}`);
    this.#version += 1;
    this.#objects.delete(`${path}/${name}`);
    const metadata = { ...before.metadata, resourceVersion: String(this.#version) };
    this.#tell(path, "DELETED", { ...before, metadata });
  }

  get(path: string): KubeObject | undefined {
    return this.#objects.get(path);
  }

  /** How many watches are open. */
  get watches(): number {
    return this.#watches.size;
  }

  /** Does not know any resourceVersion from before now. */
  forget(): void {
    this.#history = [];
    this.#oldest = this.#version;
  }

  /** Tells every watch how far it has got, as the server does every minute. */
  bookmark(): void {
    const metadata = { resourceVersion: String(this.#version) };
    this.sendToWatches(`${JSON.stringify({ type: "BOOKMARK", object: { metadata } })}\n`);
  }

  sendToWatches(text: string | Uint8Array): void {
    for (const { response } of this.#watches) response.write(text);
  }

  /** Ends every watch as the server does when its time is up. */
  endWatches(): void {
    for (const { response } of this.#watches) response.end();
    this.#watches.clear();
  }

  /** Counts the requests that match. */
  count(method: string, isMatch: (request: StandInRequest) => boolean = () => true): number {
    return this.requests.filter((one) => one.method === method && isMatch(one)).length;
  }

  #breakAll(): void {
    this.#watches.clear();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #tell(path: string, type: StoredEvent["type"], object: KubeObject): void {
    const collection = path;
    this.#history.push({ version: this.#version, collection, type, object });
    for (const watch of this.#watches) {
      if (isIn(watch.collection, collection)) writeEvent(watch.response, type, object);
    }
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? "", "http://stand-in");
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const request: StandInRequest = {
      method: incoming.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString(),
      remotePort: incoming.socket.remotePort,
    };
    this.requests.push(request);
    if (this.fault(request, response)) return;
    if (this.token !== undefined && incoming.headers.authorization !== `Bearer ${this.token}`) {
      return sendStatus(response, 401, "Unauthorized");
    }
    if (request.method === "GET" && request.query.has("watch")) this.#watch(request, response);
    else if (request.method === "GET") this.#get(request, response);
    else this.#write(request, response);
  }

  #get({ path, query }: StandInRequest, response: ServerResponse): void {
    const object = this.#objects.get(path);
    if (object !== undefined) return sendJson(response, 200, object);
    // Collections have their plural last; the names of tests contain a digit.
    if (/\d/.test(path.slice(path.lastIndexOf("/")))) return sendStatus(response, 404, "NotFound");
    const all = [...this.#objects].filter(([key]) =>
      isIn(path, key.slice(0, key.lastIndexOf("/"))),
    );
    const from = Number(query.get("continue") ?? 0);
    const limit = Number(query.get("limit") ?? all.length);
    const isMore = from + limit < all.length;
    sendJson(response, 200, {
      metadata: {
        resourceVersion: String(this.#version),
        ...(isMore ? { continue: String(from + limit) } : {}),
      },
      items: all.slice(from, from + limit).map(([, item]) => item),
    });
  }

  #watch({ path, query }: StandInRequest, response: ServerResponse): void {
    const from = Number(query.get("resourceVersion"));
    if (from < this.#oldest) return sendStatus(response, 410, "Expired");
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    for (const { version, collection, type, object } of this.#history) {
      if (version > from && isIn(path, collection)) writeEvent(response, type, object);
    }
    const watch = { collection: path, response };
    this.#watches.add(watch);
    response.on("close", () => this.#watches.delete(watch));
  }

  #write({ method, path, body }: StandInRequest, response: ServerResponse): void {
    const given = JSON.parse(body) as KubeObject;
    const collection = method === "POST" ? path : path.slice(0, path.lastIndexOf("/"));
    const name = method === "POST" ? given.metadata?.name : path.slice(collection.length + 1);
    const before = this.#objects.get(`${collection}/${name}`);
    if (method === "POST") {
      if (before !== undefined) return sendStatus(response, 409, "AlreadyExists");
      return sendJson(response, 201, this.put(collection, given));
    }
    if (before === undefined) return sendStatus(response, 404, "NotFound");
    if (method === "DELETE") {
      this.remove(collection, name ?? "");
      return sendJson(response, 200, { kind: "Status", status: "Success" });
    }
    const version = given.metadata?.resourceVersion;
    if (version !== undefined && version !== before.metadata?.resourceVersion) {
      return sendStatus(response, 409, "Conflict");
    }
    if (method === "PUT") return sendJson(response, 200, this.put(collection, given));
    const metadata = { ...before.metadata, ...given.metadata, name: name ?? "" };
    sendJson(response, 200, this.put(collection, { ...before, ...given, metadata }));
  }
}

/** Answers with a Status, as the API server does for every failure. */
export function sendStatus(
  response: ServerResponse,
  code: number,
  reason: string,
  headers: Record<string, string> = {},
): void {
  const status = { kind: "Status", code, reason, message: `the stand-in says ${reason}` };
  response.writeHead(code, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(status));
}

function sendJson(response: ServerResponse, code: number, value: unknown): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

function writeEvent(response: ServerResponse, type: string, object: KubeObject): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}

/** Tells whether a collection is the one asked for, or that of one namespace of it. */
function isIn(asked: string, collection: string): boolean {
  return asked === collection || collection.replace(/\/namespaces\/[^/]+/, "") === asked;
}
