import type { Buffer } from "node:buffer";
import { connect } from "node:net";

const answerWithinMs = 10_000;

/**
 * Writes bytes to a port of 127.0.0.1 and gives all that comes back until the server closes, one character per byte. A
 * reset ends it as a close does. Rejects when nobody listens, or when the server keeps the connection for longer than
 * `withinMs` (10 s unless said).
 */
export function sendRaw(
  port: number,
  bytes: string | Buffer,
  withinMs: number = answerWithinMs,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = "";
    let connected = false;
    const socket = connect(port, "127.0.0.1");
    socket.setEncoding("latin1");
    const timer = setTimeout(() => {
      socket.destroy();
      reject(
        new Error(`the server has not closed within ${withinMs} ms; so far it sent: ${received}`),
      );
    }, withinMs);
    socket.on("connect", () => {
      connected = true;
      socket.write(bytes);
    });
    socket.on("data", (text) => {
      received += text;
    });
    socket.on("error", (cause) => {
      if (!connected) {
        clearTimeout(timer);
        reject(new Error(`port ${port} of 127.0.0.1 cannot be reached`, { cause }));
      }
    });
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(received);
    });
  });
}
