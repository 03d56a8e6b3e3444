/**
 * Sends events to a receiver over kept connections, one request at a time on each, and times each answer.
 *
 * Raw sockets and requests that are put together from ready-made parts: a client library would cost more than the
 * receiver. Every answer must be a 202 without a body; anything else ends the run with an error, since the figures of a
 * receiver that refuses are no figures.
 */
import { connect, type Socket } from "node:net";
import { attributes, contentType, data, dataBytes } from "../event.ts";
import { median, percentile } from "../statistics.ts";
import { answerParent } from "./answer-parent.ts";

/** Says what to send where: `events` in all, fewer when time is up. */
export interface Load {
  port: number;
  /** The Host header. */
  host: string;
  connections: number;
  events: number;
  atMostMs: number;
  /** Begins every id, so that no id is sent twice. */
  idPrefix: string;
}

/** Says how it went. */
export interface LoadOutcome {
  events: number;
  elapsedMs: number;
  p50Ms: number;
  p99Ms: number;
}

const bufferBytes = 4_096;
const statusAt = "HTTP/1.1 ".length;
const endOfAnswer = "\r\n\r\n";

answerParent({}, async (load: Load): Promise<LoadOutcome> => {
  const run = new LoadRun(load);
  try {
    return await run.outcome;
  } finally {
    run.close();
  }
});

/** One run: connects everywhere first, then sends on every connection as soon as it is answered. */
class LoadRun {
  readonly outcome: Promise<LoadOutcome>;
  readonly #load: Load;
  readonly #request: readonly [beforeId: string, afterId: string];
  readonly #latencies: Float64Array;
  readonly #sockets: Socket[] = [];
  #resolve: (outcome: LoadOutcome) => void = () => {};
  #reject: (error: Error) => void = () => {};
  #connected = 0;
  #startedAt = 0;
  #sent = 0;
  #answered = 0;
  readonly #sentAt: number[] = [];

  constructor(load: Load) {
    this.#load = load;
    this.#request = requestAround(load.host);
    this.#latencies = new Float64Array(load.events);
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    for (let index = 0; index < load.connections; index++) {
      this.#open(index);
    }
  }

  close(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  #open(index: number): void {
    const socket = connectTo(this.#load.port, (text) => this.#onAnswer(index, text));
    this.#sockets.push(socket);
    socket.on("error", this.#reject);
    socket.on("end", () => this.#reject(new Error("the receiver closed a connection")));
    socket.on("connect", () => {
      this.#connected += 1;
      if (this.#connected === this.#load.connections) {
        this.#startedAt = performance.now();
        for (const each of this.#sockets.keys()) {
          this.#send(each);
        }
      }
    });
  }

  #send(index: number): void {
    const [beforeId, afterId] = this.#request;
    this.#sent += 1;
    const text = `${beforeId}${this.#load.idPrefix}${this.#sent}${afterId}`;
    this.#sentAt[index] = performance.now();
    this.#sockets[index]?.write(text, "latin1");
  }

  #onAnswer(index: number, text: string): void {
    if (text.slice(statusAt, statusAt + 3) !== "202" || !text.endsWith(endOfAnswer)) {
      this.#reject(new Error(`the receiver answered:\n${text}`));
      return;
    }
    const now = performance.now();
    this.#latencies[this.#answered] = now - (this.#sentAt[index] ?? Number.NaN);
    this.#answered += 1;
    const { events, atMostMs } = this.#load;
    if (this.#sent < events && now - this.#startedAt < atMostMs) {
      this.#send(index);
    } else if (this.#answered === this.#sent) {
      this.#finish(now - this.#startedAt);
    }
  }

  #finish(elapsedMs: number): void {
    const sorted = this.#latencies.subarray(0, this.#answered).sort();
    const p99Ms = percentile(sorted, 99);
    this.#resolve({ events: this.#answered, elapsedMs, p50Ms: median(sorted), p99Ms });
  }
}

/** Connects, and reads into one buffer for the life of the socket: an answer is a few dozen bytes. */
function connectTo(port: number, onAnswer: (text: string) => void): Socket {
  const buffer = Buffer.alloc(bufferBytes);
  const onread = {
    buffer,
    callback: (length: number) => {
      onAnswer(buffer.toString("latin1", 0, length));
      return true;
    },
  };
  return connect({ host: "127.0.0.1", port, noDelay: true, onread });
}

function requestAround(host: string): [beforeId: string, afterId: string] {
  const lines = [
    "POST / HTTP/1.1",
    `host: ${host}`,
    `content-type: ${contentType}`,
    `content-length: ${dataBytes}`,
    ...attributes.map(([name, value]) => `ce-${name}: ${value}`),
  ];
  return [`${lines.join("\r\n")}\r\nce-id: `, `\r\n\r\n${data}`];
}
