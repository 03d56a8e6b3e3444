import { createServer } from "node:net";

// Below the range that Linux (32768) and others take for outgoing connections, so that nobody is given the port by
// chance while the server that owns it is down for a moment.
const lowestPort = 10_240;
const highestPort = 32_767;
const attempts = 100;

/** Finds a TCP port of 127.0.0.1 that nobody listens on now, and that the system does not hand out by itself. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = lowestPort + Math.floor(Math.random() * (highestPort - lowestPort + 1));
    if (await canListen(port)) {
      return port;
    }
  }
  throw new Error(`none of ${attempts} ports of 127.0.0.1 that were tried is free`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
