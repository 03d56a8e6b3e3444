/**
 * Gives each test of a file a sender of its own, and real servers to send to: good ones (sinks) and ones that are no good
 * HTTP servers. All end with the test.
 */
import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach } from "vitest";
import { HttpSender, type SendResult } from "../../../src/dispatcher/http-sender.ts";
import { type EventSink, type EventSinkOptions, startEventSink } from "../../support/event-sink.ts";

const closing: (() => Promise<unknown>)[] = [];

/** Starts a sink. */
export async function sinkWith(options: EventSinkOptions = {}): Promise<EventSink> {
  const sink = await startEventSink(options);
  closing.push(() => sink.close());
  return sink;
}

/** Starts a server that is no good HTTP server: it does with each connection what it is told. */
export async function peerThat(
  behave: (socket: Socket, connection: number) => void,
): Promise<string> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    connections += 1;
    behave(socket, connections);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        for (const socket of sockets) socket.destroy();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Says what differs from a request with the body `x` that awaits no reply. */
export interface Sending {
  headers?: string[];
  body?: string;
  timeoutMs?: number;
  maxReplyBytes?: number;
  caCerts?: string;
}

/** Sends with a sender. */
export function sendWith(
  sender: HttpSender,
  uri: string,
  sending: Sending = {},
): Promise<SendResult> {
  const { headers = [], body = "x", timeoutMs = 10_000, maxReplyBytes = 0, caCerts } = sending;
  const destination = sender.destinationFor({ uri, caCerts, audience: undefined });
  return sender.send({ destination, headers, body: Buffer.from(body), timeoutMs, maxReplyBytes });
}

/** Gives the text of an answer, or why there is none. */
export function textOf(result: SendResult): string {
  return result.status === undefined ? result.reason : Buffer.from(result.body).toString();
}

/** Makes a sender before each test of the file, and ends it and all servers after it. */
export function aSenderForEachTest(): { readonly current: HttpSender } {
  let sender = new HttpSender();
  beforeEach(() => {
    sender = new HttpSender();
  });
  afterEach(async () => {
    await sender.close();
    await Promise.all(closing.splice(0).map((close) => close()));
  });
  return {
    get current() {
      return sender;
    },
  };
}
