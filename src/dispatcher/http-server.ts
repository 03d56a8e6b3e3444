/*
 * The event port: sockets, limits against slow and hostile clients, and an end without a refused event.
 */
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { errorCode } from "../runtime/errors.ts";
import { LINGER_MS, Refusal, refuse } from "./answers.ts";
import type { Receive } from "./receiver.ts";

export interface HttpServerLimits {
  headersTimeoutMs: number;
  /** The whole request, body included. */
  requestTimeoutMs: number;
  keepAliveTimeoutMs: number;
}

export interface EventServer {
  port: number;
  /** Takes other limits; a connection that is idle already stays open by the ones before. */
  limit(limits: HttpServerLimits): void;
  /**
   * Ends: answers go with `Connection: close` until none came for `quietMs` or `atMostMs` are over,
   * then the port is closed, and it resolves when every request is answered. What is not answered
   * when `atMostMs` are over, and two seconds after the port was closed, is cut off.
   */
  drain(options: { quietMs: number; atMostMs: number }): Promise<void>;
}

/** JetStream takes 64 KiB of headers; half of that leaves room for what we add. */
const MAX_HEADER_BYTES = 32_768;
const CONNECTIONS_CHECK_MS = 1_000;
const DRAIN_CHECK_MS = 50;
const FINISH_AT_LEAST_MS = 2_000;
const HTTP = { scheme: "http", principal: undefined } as const;

/** What a socket that broke HTTP is told, by Node's code for the breach. */
const BREACHES: Record<string, [status: number, reason: string]> = {
  HPE_HEADER_OVERFLOW: [431, `Headers may have ${MAX_HEADER_BYTES} bytes at the most.`],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "The chunk extensions are too long."],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "The request took too long to arrive."],
};

/** Starts to listen for events. */
export async function startEventServer(options: {
  port: number;
  limits: HttpServerLimits;
  receive: Receive;
}): Promise<EventServer> {
  const { receive, limits } = options;
  let draining = false;
  let lastRequestAt = 0;
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
    // The receiver refuses such a request itself, and says why.
    requireHostHeader: false,
  });
  limitServer(server, limits);
  // Node drops headers over this number without a word; their size is bounded anyway.
  server.maxHeadersCount = 0;
  const latest = new WeakMap<Socket, Exchange>();
  const take =
    (expectsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
      if (draining) {
        lastRequestAt = performance.now();
        response.setHeader("connection", "close");
      }
      const before = latest.get(request.socket);
      latest.set(request.socket, {
        response,
        isPipelined: before?.response.writableEnded === false,
      });
      receive(request, response, HTTP, expectsContinue);
    };
  server.on("request", take(false));
  server.on("checkContinue", take(true));
  server.on("checkExpectation", (_request, response) =>
    refuse(response, new Refusal(417, "invalid", "Only 100-continue can be expected.")),
  );
  server.on("clientError", (error, socket) =>
    refuseBreach(error, socket as Socket, latest.get(socket as Socket)),
  );
  server.listen(options.port);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    limit: (newer) => limitServer(server, newer),
    async drain({ quietMs, atMostMs }) {
      draining = true;
      const startedAt = performance.now();
      lastRequestAt = startedAt;
      const isOver = (): boolean => {
        const now = performance.now();
        return now - lastRequestAt >= quietMs || now - startedAt >= atMostMs;
      };
      while (!isOver()) await new Promise((resolve) => setTimeout(resolve, DRAIN_CHECK_MS));
      const leftMs = startedAt + atMostMs - performance.now();
      await closed(server, Math.max(leftMs, FINISH_AT_LEAST_MS));
    },
  };
}

function limitServer(server: Server, limits: HttpServerLimits): void {
  server.headersTimeout = limits.headersTimeoutMs;
  server.requestTimeout = limits.requestTimeoutMs;
  server.keepAliveTimeout = limits.keepAliveTimeoutMs;
}

/** The newest request of a connection. */
interface Exchange {
  response: ServerResponse;
  /** Whether it came before the one before it was answered. */
  isPipelined: boolean;
}

async function closed(server: Server, withinMs: number): Promise<void> {
  const end = once(server, "close");
  server.close();
  // A request that came before the end leaves a connection that its client means to use again.
  const idle = setInterval(() => server.closeIdleConnections(), DRAIN_CHECK_MS);
  const cut = setTimeout(() => server.closeAllConnections(), withinMs);
  await end;
  clearInterval(idle);
  clearTimeout(cut);
}

function refuseBreach(error: Error, socket: Socket, exchange: Exchange | undefined): void {
  const isGone = !socket.writable || errorCode(error) === "ECONNRESET";
  if (isGone || (exchange !== undefined && owesAnswer(exchange))) {
    socket.destroy();
    return;
  }
  const [status, reason] = BREACHES[errorCode(error) ?? ""] ?? [
    400,
    "The request is not HTTP/1.1.",
  ];
  socket.pause();
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(reason) + 1}\r\n\r\n${reason}\n`,
  );
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/** Whether the client would take words about a breach for the answer to a request that is another, or has its answer. */
function owesAnswer({ response, isPipelined }: Exchange): boolean {
  if (isPipelined || response.headersSent) return !response.writableFinished;
  return response.req.complete && !response.writableEnded;
}
