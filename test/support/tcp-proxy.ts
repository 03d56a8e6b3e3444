/**
 * Stands between a client and a TCP server of 127.0.0.1, passes every byte on, and breaks the line in the ways a test says:
 * swallow, hold up or slow down what goes one way, end one way, or cut all connections. The client notices nothing of what
 * is swallowed.
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
  /** Reads nothing more that goes a way, so that it is held up at the sender, until `pass`. */
  stall(direction: Direction): void;
  /** Passes everything on later by so much, in both directions, until `pass`. */
  delay(ms: number): void;
  /** Says to the end of a way that nothing more comes, on each connection; the other way goes on. */
  halfClose(direction: Direction): void;
  /** Passes everything on again. */
  pass(): void;
  /** Breaks every connection with a reset; new ones pass. */
  cut(): void;
  /** Breaks every connection with a reset, and each new one, until `pass`. */
  refuse(): void;
  /** Breaks every connection and accepts no new ones. */
  close(): Promise<void>;
}

/** Starts a proxy in front of a port of 127.0.0.1. */
export async function startTcpProxy(serverPort: number): Promise<TcpProxy> {
  const nothing: Swallow = () => false;
  const swallows: Record<Direction, Swallow> = { "to-server": nothing, "to-client": nothing };
  const ways = new Set<Way>();
  let stalled: Direction | undefined;
  let refuses = false;
  let delayMs = 0;
  let swallowed = 0;
  const forward = (way: Way) => {
    const { from, to, direction } = way;
    ways.add(way);
    from.setNoDelay(true);
    if (stalled === direction) from.pause();
    from.on("data", (piece: Buffer) => {
      if (swallows[direction](piece)) swallowed += 1;
      else if (delayMs === 0) to.write(piece);
      else setTimeout(() => to.write(piece), delayMs);
    });
    // An error is followed by a close, which ends the other side too.
    from.on("error", () => undefined);
    from.on("close", () => {
      ways.delete(way);
      to.destroy();
    });
  };
  const server = createServer((client) => {
    if (refuses) return client.resetAndDestroy();
    const upstream = connect(serverPort, "127.0.0.1");
    forward({ from: client, to: upstream, direction: "to-server" });
    forward({ from: upstream, to: client, direction: "to-client" });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const pass = () => {
    swallows["to-server"] = nothing;
    swallows["to-client"] = nothing;
    delayMs = 0;
    stalled = undefined;
    refuses = false;
    for (const { from } of ways) from.resume();
  };
  const cut = () => {
    pass();
    for (const { from } of ways) from.resetAndDestroy();
  };
  return {
    port,
    get swallowed() {
      return swallowed;
    },
    swallow(direction, pieces = () => true) {
      swallows[direction] = pieces;
    },
    stall(direction) {
      stalled = direction;
      for (const way of ways) if (way.direction === direction) way.from.pause();
    },
    delay(ms) {
      delayMs = ms;
    },
    halfClose(direction) {
      for (const way of ways) if (way.direction === direction) way.to.end();
    },
    pass,
    cut,
    refuse() {
      cut();
      refuses = true;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}

/** One way through the proxy. */
interface Way {
  from: Socket;
  to: Socket;
  direction: Direction;
}
