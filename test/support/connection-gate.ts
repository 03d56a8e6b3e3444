/**
 * Stands between a client and a TCP server of 127.0.0.1 and lets a test decide, connection by connection, how far each
 * comes. It understands nothing of what passes, encrypted or not: it counts the words of the client, where a word is all
 * that the client says until the server speaks again. What is held is lost, as in a line that breaks.
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Direction } from "./tcp-proxy.ts";

/** Says where a connection stops: when the client begins its n-th word, one direction passes nothing any more. */
export interface Stop {
  word: number;
  holds: Direction;
}

/** Holds one connection of a client. */
export interface GatedConnection {
  /** Lets a connection that waits through, as far as said; resolves when it stands there. */
  pass(to?: Stop): Promise<void>;
  /** Passes nothing any more, in either direction, and stays open. */
  hold(): void;
  /** Breaks it with a reset. */
  cut(): void;
}

/** Holds a running gate. */
export interface ConnectionGate {
  readonly port: number;
  /** The connections that are open. */
  readonly open: ReadonlySet<GatedConnection>;
  /** Resolves to the next connection, of which nothing has reached the server; all others pass. */
  next(): Promise<GatedConnection>;
  /** Breaks every connection and accepts no new ones. */
  close(): Promise<void>;
}

/** Starts a gate in front of a port of 127.0.0.1. */
export async function startConnectionGate(serverPort: number): Promise<ConnectionGate> {
  const open = new Set<GatedConnection>();
  let waiting: ((connection: GatedConnection) => void) | undefined;
  const server = createServer((client) => {
    const connection = gated(client, serverPort);
    open.add(connection);
    client.on("close", () => open.delete(connection));
    if (waiting === undefined) void connection.pass();
    else waiting(connection);
    waiting = undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    open,
    next: () =>
      new Promise((resolve) => {
        waiting = resolve;
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of open) connection.cut();
      }),
  };
}

function gated(client: Socket, serverPort: number): GatedConnection {
  const held = { "to-server": false, "to-client": false };
  // What comes before it may pass waits in the socket.
  client.pause();
  client.setNoDelay(true);
  client.on("error", () => undefined);
  const hold = () => {
    held["to-server"] = true;
    held["to-client"] = true;
  };
  return {
    pass: (to) =>
      new Promise((resolve) => {
        if (to === undefined) resolve();
        let words = 0;
        let isClientSpeaking = false;
        const upstream = connect(serverPort, "127.0.0.1");
        upstream.setNoDelay(true);
        // An error is followed by a close, which ends the other side too.
        upstream.on("error", () => undefined);
        upstream.on("close", () => client.destroy());
        client.on("close", () => upstream.destroy());
        client.on("data", (piece) => {
          if (!isClientSpeaking) words += 1;
          isClientSpeaking = true;
          if (words === to?.word) {
            held[to.holds] = true;
            resolve();
          }
          if (!held["to-server"]) upstream.write(piece);
        });
        upstream.on("data", (piece) => {
          isClientSpeaking = false;
          if (!held["to-client"]) client.write(piece);
        });
        client.resume();
      }),
    hold,
    cut() {
      client.resetAndDestroy();
    },
  };
}
