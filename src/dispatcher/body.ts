import type { IncomingMessage } from "node:http";

/** Bounds the bytes of all events that are being received or stored, together. */
export class BodyRoom {
  #maxBytes: number;
  #usedBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Sets another bound; what is held already stays. */
  set maxBytes(bytes: number) {
    this.#maxBytes = bytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Takes bytes, if they are there. */
  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#maxBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}

/** A body, or why there is none. */
export type Body = Uint8Array | "too-large" | "no-room" | "aborted";

const EMPTY = Buffer.alloc(0);

/**
 * Reads a request's body up to a number of bytes, each byte counted as it comes, so that a sender who
 * announces much and sends little holds little. `done` is called once, with a function that gives
 * the bytes' room back when the event is dealt with. A body that is given up is read no further than
 * whoever answers the request lets it.
 */
export function readBody(
  request: IncomingMessage,
  limits: { maxBytes: number; room: BodyRoom },
  done: (body: Body, release: () => void) => void,
): void {
  const { maxBytes, room } = limits;
  let first: Buffer | undefined;
  let more: Buffer[] | undefined;
  let bytes = 0;
  let over = false;

  const finish = (body: Body): void => {
    if (over) return;
    over = true;
    done(body, () => room.give(bytes));
  };
  request.on("data", (chunk: Buffer) => {
    // What still comes of a body that was given up is dropped, so that the connection can go on.
    if (over) return;
    if (bytes + chunk.length > maxBytes) return finish("too-large");
    if (!room.take(chunk.length)) return finish("no-room");
    bytes += chunk.length;
    if (first === undefined) first = chunk;
    else if (more === undefined) more = [first, chunk];
    else more.push(chunk);
  });
  request.on("end", () => finish(more === undefined ? (first ?? EMPTY) : Buffer.concat(more)));
  request.on("close", () => finish("aborted"));
  request.on("error", () => finish("aborted"));
}
