/**
 * A subscriber that answers 202 at once and costs next to nothing: raw sockets, and of HTTP only what finds the end of a
 * request that has a content-length.
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { answerParent } from "./answer-parent.ts";

/** Asks to be told when so many requests have come, counted from now. */
export interface Expectation {
  requests: number;
}

/** Says how long it was from the first of them to the last. */
export interface Arrival {
  elapsedMs: number;
}

const endOfHead = "\r\n\r\n";
const contentLength = /\r\ncontent-length: *(\d+)/i;
const answer = Buffer.from("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
const nothing = Buffer.alloc(0);

let expected = 0;
let received = 0;
let firstAt = 0;
let onLast: (arrival: Arrival) => void = () => {};

const server = createServer({ noDelay: true }, (socket) => serve(socket));
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  answerParent({ port }, ({ requests }: Expectation) => {
    expected = requests;
    received = 0;
    return new Promise<Arrival>((resolve) => {
      onLast = resolve;
    });
  });
});

function serve(socket: Socket): void {
  let unread: Buffer = nothing;
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    for (;;) {
      const length = requestLength(unread);
      if (length === undefined || length > unread.length) {
        return;
      }
      unread = length === unread.length ? nothing : unread.subarray(length);
      count();
      socket.write(answer);
    }
  });
}

/** Tells how long the request is that begins here; undefined while its head is not whole. */
function requestLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf(endOfHead);
  if (end === -1) {
    return undefined;
  }
  const length = contentLength.exec(bytes.toString("latin1", 0, end))?.[1];
  if (length === undefined) {
    throw new Error("the sink only takes requests with a content-length");
  }
  return end + endOfHead.length + Number(length);
}

function count(): void {
  received += 1;
  if (received === 1) {
    firstAt = performance.now();
  }
  if (received === expected) {
    onLast({ elapsedMs: performance.now() - firstAt });
  }
}
