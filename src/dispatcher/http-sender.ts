/*
 * POSTs one message to one destination, once, within a deadline.
 *
 * Connections are kept per destination and per set of CA certificates. Redirects are not followed,
 * nothing is retried but the one case that is nobody's failure: a kept connection that the peer
 * closed before a byte of the answer came. What an answer means is decided elsewhere (retry.ts).
 */
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { Agent, type Dispatcher } from "undici";
import type { DestinationSettings } from "../api/settings.ts";
import { eventFormat } from "../cloudevents/media-type.ts";
import { errorCode, errorMessage } from "../runtime/errors.ts";

/** A destination made ready once: the agent, and the url in the parts that a request wants. */
export interface Destination {
  /** As configured, to the letter. */
  uri: string;
  origin: string;
  path: string;
  agent: Dispatcher;
}

/** One request. `headers` is flat: name, value, name, value, … */
export interface SendRequest {
  destination: Destination;
  headers: string[];
  body: Uint8Array;
  timeoutMs: number;
  /** How much of an answer is kept, in bytes, when it is a CloudEvent; 0 when none is awaited. */
  maxReplyBytes: number;
}

/** What came back. Header names are in lower case. */
export type SendResult =
  | {
      status: number;
      headers: Record<string, string | string[] | undefined>;
      /** A CloudEvent in a success; the beginning of anything else. */
      body: Uint8Array;
      /** The answer was longer than what is kept. */
      truncated: boolean;
    }
  /** No answer: connection error, deadline, broken off. The reason is a sentence. */
  | { status: undefined; reason: string };

/** Sends one request; never throws. */
export type Send = (request: SendRequest) => Promise<SendResult>;

const CONNECT_TIMEOUT_MS = 10_000;
/** Enough for the 1,024 characters of knativeerrordata, in base64. */
const ERROR_BODY_BYTES = 768;
/** An answer that nobody reads keeps its connection usable up to this length. */
const DISCARDED_BYTES = 65_536;
const NO_BODY = new Uint8Array(0);

/** Keeps the agents of all destinations, one for each set of CA certificates. */
export class HttpSender {
  readonly #agents = new Map<string, Agent>();

  /** Makes a destination ready; throws when its uri is not an absolute http or https url. */
  destinationFor(settings: DestinationSettings): Destination {
    const url = new URL(settings.uri);
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new Error(`"${settings.uri}" is not an http or https url`);
    }
    return {
      uri: settings.uri,
      origin: url.origin,
      path: url.pathname + url.search,
      agent: this.#agentFor(url.protocol === "https:" ? settings.caCerts : undefined),
    };
  }

  readonly send: Send = (request) =>
    new Promise((resolve) => {
      dispatch(request, (first) => {
        if (first !== "closed-unused") resolve(first);
        else dispatch(request, (second) => resolve(asResult(second)));
      });
    });

  /** Closes every connection; what is under way is broken off. */
  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
    this.#agents.clear();
  }

  #agentFor(caCerts: string | undefined): Agent {
    const key = caCerts ?? "";
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      agent = new Agent({
        allowH2: false,
        pipelining: 1,
        headersTimeout: 0,
        bodyTimeout: 0,
        connect: {
          timeout: CONNECT_TIMEOUT_MS,
          // Made once: reading all roots for each connection costs milliseconds of CPU.
          ...(caCerts === undefined ? {} : { secureContext: secureContextFor(caCerts) }),
        },
      });
      this.#agents.set(key, agent);
    }
    return agent;
  }
}

/** Trusts what this process trusts anyway, and these certificates (PEM). */
function secureContextFor(caCerts: string): SecureContext {
  return createSecureContext({ ca: [...getCACertificates("default"), caCerts] });
}

function asResult(result: SendResult | "closed-unused"): SendResult {
  if (result !== "closed-unused") return result;
  return { status: undefined, reason: "the peer closed the connection without an answer" };
}

function dispatch(
  request: SendRequest,
  onEnd: (result: SendResult | "closed-unused") => void,
): void {
  const { origin, path, agent } = request.destination;
  const { headers, body } = request;
  const exchange = new Exchange(request, onEnd);
  try {
    agent.dispatch({ origin, path, method: "POST", headers, body }, exchange);
  } catch (error) {
    exchange.fail(error);
  }
}

/**
 * One request and its answer, as undici tells of it. The status is the answer: what happens to the
 * body afterwards (cut, too long, too slow) only matters where the body is an event.
 */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: SendRequest;
  readonly #onEnd: (result: SendResult | "closed-unused") => void;
  readonly #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #timedOut = false;
  #isOver = false;
  #status = 0;
  #headers: Record<string, string | string[] | undefined> = {};
  #isEvent = false;
  #maxBytes = 0;
  #bytes = 0;
  #chunks: Uint8Array[] = [];

  constructor(request: SendRequest, onEnd: (result: SendResult | "closed-unused") => void) {
    this.#request = request;
    this.#onEnd = onEnd;
    this.#timer = setTimeout(() => this.#timeOut(), request.timeoutMs);
  }

  /** Ends with an error that kept the request from being sent. */
  fail(error: unknown): void {
    this.#finish({ status: undefined, reason: errorMessage(error) });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#timedOut) controller.abort(new Error("too late"));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    this.#isEvent = status < 300 && this.#request.maxReplyBytes > 0 && carriesEvent(headers);
    if (this.#isEvent) this.#maxBytes = this.#request.maxReplyBytes;
    else this.#maxBytes = status < 300 ? 0 : ERROR_BODY_BYTES;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    const room = this.#maxBytes - this.#bytes;
    this.#bytes += chunk.length;
    if (room > 0) this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    const enough = this.#isEvent ? this.#maxBytes : DISCARDED_BYTES;
    if (this.#bytes > enough) controller.abort(new Error("the answer is too long"));
  }

  onResponseEnd(): void {
    this.#finish(this.#answer());
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#status !== 0 && (!this.#isEvent || this.#bytes > this.#maxBytes)) {
      this.#finish(this.#answer());
    } else if (this.#status === 0 && !this.#timedOut && closedUnused(error)) {
      this.#finish("closed-unused");
    } else {
      this.#finish({ status: undefined, reason: errorMessage(error) });
    }
  }

  #answer(): SendResult {
    const [only = NO_BODY] = this.#chunks;
    return {
      status: this.#status,
      headers: this.#headers,
      body: this.#chunks.length > 1 ? Buffer.concat(this.#chunks) : only,
      truncated: this.#bytes > this.#maxBytes,
    };
  }

  #timeOut(): void {
    this.#timedOut = true;
    const { timeoutMs } = this.#request;
    if (this.#status !== 0 && !this.#isEvent) this.#finish(this.#answer());
    else this.#finish({ status: undefined, reason: `no answer within ${timeoutMs} ms` });
    // A request that waits for its connection has no controller yet; it is stopped when it gets one.
    this.#controller?.abort(new Error("too late"));
  }

  /** Ends the exchange; what undici still has to say after that is not asked for. */
  #finish(result: SendResult | "closed-unused"): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#onEnd(result);
  }
}

function carriesEvent(headers: Record<string, string | string[] | undefined>): boolean {
  if (headers["ce-specversion"] !== undefined) return true;
  const [contentType = ""] = [headers["content-type"]].flat();
  return eventFormat(contentType.trim()) !== undefined;
}

/** A kept connection (it has read answers before) that the peer closed before it answered this. */
function closedUnused(error: Error): boolean {
  if (errorCode(error) !== "UND_ERR_SOCKET") return false;
  const bytesRead = (error as { socket?: { bytesRead?: number } }).socket?.bytesRead;
  return bytesRead !== undefined && bytesRead > 0;
}
