/**
 * Runs a real HTTP or HTTPS server of 127.0.0.1 that plays a subscriber, a reply target or a dead-letter sink: it records
 * each request and answers as the test says. Fast enough for tens of thousands of requests; then record only the ids.
 */
import type { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type RecordedRequest, recordRequest } from "./recorded-request.ts";

const waitWithinMs = 10_000;

/** Says how a sink answers: with a status (after a while), never, or by resetting the connection. */
export type SinkAnswer =
  | {
      status: number;
      headers?: Record<string, string | string[]>;
      body?: string | Buffer;
      afterMs?: number;
    }
  | "hang"
  | "reset";

/** Decides on an answer. `attempt` counts from 1 how often an event with this source and id has come. */
export type Respond = (request: RecordedRequest, attempt: number) => SinkAnswer;

/** Says how a sink starts; without anything it answers 200 to all and records all. */
export interface EventSinkOptions {
  respond?: Respond;
  /** `ids` leaves `requests` empty, for very many events. */
  record?: "requests" | "ids";
  /** Serves https with this key and certificate, both PEM. */
  tls?: { key: string; cert: string };
  /** Without it: one that the system picks. */
  port?: number;
}

/** Holds a running sink. */
export interface EventSink {
  /** `http://127.0.0.1:<port>` or `https://…`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** All requests in the order of their arrival, complete with their bodies. */
  readonly requests: readonly RecordedRequest[];
  /** The ids of all events in the order of their arrival, repetitions included. */
  readonly ids: readonly string[];
  /** May be replaced at any time; holds from the next request on. */
  respond: Respond;
  /** Called for each request before it is answered. */
  onRequest: (request: RecordedRequest) => void;
  /** Resolves when at least `count` requests have come in all; rejects after `withinMs` (10 s unless said). */
  waitFor(count: number, withinMs?: number): Promise<void>;
  /** Stops listening and breaks every connection, answered or not. */
  close(): Promise<void>;
}

/** Starts a sink. */
export async function startEventSink(options: EventSinkOptions = {}): Promise<EventSink> {
  const { tls } = options;
  const journal = createJournal(options.record ?? "requests");
  const timers = new Set<NodeJS.Timeout>();
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const recorded = await recordRequest(request);
    if (recorded === "aborted") {
      return;
    }
    const attempt = journal.add(recorded);
    sink.onRequest(recorded);
    const answer = sink.respond(recorded, attempt);
    if (answer === "hang") {
      return;
    }
    if (answer === "reset") {
      request.socket.resetAndDestroy();
    } else if (answer.afterMs === undefined) {
      send(response, answer);
    } else {
      const timer = setTimeout(() => {
        timers.delete(timer);
        send(response, answer);
      }, answer.afterMs);
      timers.add(timer);
    }
  };
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    handle(request, response).catch((error) => response.destroy(error));
  };
  const server = tls === undefined ? createServer(onRequest) : createSecureServer(tls, onRequest);
  // Senders keep connections; a sink that closes an idle one would make a failure that the test did not ask for.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const sink: EventSink = {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    port,
    requests: journal.requests,
    ids: journal.ids,
    respond: options.respond ?? (() => ({ status: 200 })),
    onRequest: () => {},
    waitFor: journal.waitFor,
    close: () =>
      new Promise((resolve) => {
        for (const timer of timers) {
          clearTimeout(timer);
        }
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return sink;
}

function send(response: ServerResponse, answer: Exclude<SinkAnswer, string>): void {
  response.writeHead(answer.status, answer.headers);
  response.end(answer.body);
}

interface Journal {
  requests: RecordedRequest[];
  ids: string[];
  /** Puts a request down and gives how often its event has come by now. */
  add(request: RecordedRequest): number;
  waitFor(count: number, withinMs?: number): Promise<void>;
}

function createJournal(record: "requests" | "ids"): Journal {
  const requests: RecordedRequest[] = [];
  const ids: string[] = [];
  const attempts = new Map<string, number>();
  const waiting = new Set<() => void>();
  let received = 0;
  return {
    requests,
    ids,
    add(request) {
      received += 1;
      if (record === "requests") {
        requests.push(request);
      }
      let attempt = 1;
      if (request.event !== undefined) {
        const { source, id } = request.event;
        const key = `${source} ${id}`;
        attempt = (attempts.get(key) ?? 0) + 1;
        attempts.set(key, attempt);
        ids.push(id);
      }
      for (const look of waiting) {
        look();
      }
      return attempt;
    },
    waitFor(count, withinMs = waitWithinMs) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`waited ${withinMs} ms for ${count} requests: ${received} have come`));
        }, withinMs);
        const look = () => {
          if (received >= count) {
            clearTimeout(timer);
            waiting.delete(look);
            resolve();
          }
        };
        waiting.add(look);
        look();
      });
    },
  };
}
