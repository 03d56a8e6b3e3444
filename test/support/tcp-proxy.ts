/**
 * Stands between a client and a TCP server of 127.0.0.1, passes every byte on, and breaks the line in the ways a test says:
 * swallow what goes one way, or cut all connections. The client notices nothing of what is swallowed.
 */

import type { AddressInfo } from "node:net";
import { connect, createServer, type Socket } from "node:net";

/** Names the ways through the proxy. */
export type Direction = "to-server" | "to-client";

/** Decides on a piece of the stream, as it came from the socket, whether it is swallowed. */
export type Swallow = (piece: Buffer) => boolean;

/** Holds a running proxy. */
export interface TcpProxy {
  readonly port: number;
  /** How many pieces were swallowed. */
  readonly swallowed: number;
  /**
   * Swallows from now on: everything of a direction, or the pieces that are said. Half of a message lost leaves the
   * connection beyond repair; follow it with `cut`, or pick pieces that are whole messages.
   */
  swallow(direction: Direction, pieces?: Swallow): void;
  /** Passes everything on again. */
  pass(): void;
  /** Breaks every connection with a reset; new ones pass. */
  cut(): void;
  /** Breaks every connection and accepts no new ones. */
  close(): Promise<void>;
}

/** Starts a proxy in front of a port of 127.0.0.1. */
export async function startTcpProxy(serverPort: number): Promise<TcpProxy> {
  const nothing: Swallow = () => false;
  const swallows: Record<Direction, Swallow> = { "to-server": nothing, "to-client": nothing };
  const sockets = new Set<Socket>();
  let swallowed = 0;
  const forward = (from: Socket, to: Socket, direction: Direction) => {
    sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (piece: Buffer) => {
      if (swallows[direction](piece)) swallowed += 1;
      else to.write(piece);
    });
    // An error is followed by a close, which ends the other side too.
    from.on("error", () => undefined);
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
  };
  const server = createServer((client) => {
    const upstream = connect(serverPort, "127.0.0.1");
    forward(client, upstream, "to-server");
    forward(upstream, client, "to-client");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const pass = () => {
    swallows["to-server"] = nothing;
    swallows["to-client"] = nothing;
  };
  const cut = () => {
    pass();
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port,
    get swallowed() {
      return swallowed;
    },
    swallow(direction, pieces = () => true) {
      swallows[direction] = pieces;
    },
    pass,
    cut,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
