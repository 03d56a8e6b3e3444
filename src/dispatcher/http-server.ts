/*
 * The event port: sockets, limits against slow and hostile clients, and an end without a refused event.
 */
import { once } from "node:events";
import { createServer, type Server, STATUS_CODES } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { errorCode } from "../runtime/errors.ts";
import type { Receive } from "./receiver.ts";

export interface HttpServerLimits {
  headersTimeoutMs: number;
  /** The whole request, body included. */
  requestTimeoutMs: number;
  keepAliveTimeoutMs: number;
}

export interface EventServer {
  port: number;
  /**
   * Ends: answers go with `Connection: close` until none came for `quietMs` or `atMostMs` are over,
   * then the port is closed, and it resolves when every request is answered.
   */
  drain(options: { quietMs: number; atMostMs: number }): Promise<void>;
}

/** JetStream takes 64 KiB of headers; half of that leaves room for what we add. */
const MAX_HEADER_BYTES = 32_768;
const CONNECTIONS_CHECK_MS = 1_000;
const DRAIN_CHECK_MS = 50;
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
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
  });
  // Node drops headers over this number without a word; their size is bounded anyway.
  server.maxHeadersCount = 0;
  const take =
    (
      expectsContinue: boolean,
    ): ((...args: Parameters<Parameters<typeof createServer>[1] & object>) => void) =>
    (request, response) => {
      if (draining) {
        lastRequestAt = performance.now();
        response.setHeader("connection", "close");
      }
      receive(request, response, HTTP, expectsContinue);
    };
  server.on("request", take(false));
  server.on("checkContinue", take(true));
  server.on("clientError", refuseBreach);
  server.listen(options.port);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async drain({ quietMs, atMostMs }) {
      draining = true;
      const startedAt = performance.now();
      lastRequestAt = startedAt;
      const isOver = (): boolean => {
        const now = performance.now();
        return now - lastRequestAt >= quietMs || now - startedAt >= atMostMs;
      };
      while (!isOver()) await new Promise((resolve) => setTimeout(resolve, DRAIN_CHECK_MS));
      await closed(server);
    },
  };
}

async function closed(server: Server): Promise<void> {
  const end = once(server, "close");
  server.close();
  server.closeIdleConnections();
  await end;
}

function refuseBreach(error: Error, socket: Socket): void {
  if (!socket.writable || errorCode(error) === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const [status, reason] = BREACHES[errorCode(error) ?? ""] ?? [
    400,
    "The request is not HTTP/1.1.",
  ];
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(reason) + 1}\r\n\r\n${reason}\n`,
  );
}
