/*
 * Spans, as the rest of the program sees them: who wants one asks `current`, which is undefined while none are made, and that is
 * all it costs then. OpenTelemetry is behind open-telemetry.ts, which is loaded when spans are to go somewhere for the first time.
 *
 * What the spans are called and say is the caller's, and so is carrying a context from and to headers.
 */
import { errorMessage } from "./errors.ts";
import type { Logger } from "./logger.ts";

/** A place in a trace as W3C's headers say it; `tracestate` goes on to the letter. */
export interface TraceContext {
  traceparent: string;
  tracestate: string | undefined;
}

/** A piece of work in a trace, from the moment it was made until `end`. */
export interface Span {
  /** What is handed on in place of the parent's: its own, or the parent's to the letter where that is not sampled. */
  readonly context: TraceContext;
  /** Whether anybody will see it; attributes of another one need not be made. */
  readonly isRecording: boolean;
  set(attributes: Record<string, string | number>): void;
  /** Ends it; a `fault` is the sentence that says why it failed. */
  end(fault?: string): void;
}

/** Which side of a request a span is on, and what it belongs to; a parent that is not valid is none. */
export interface SpanStart {
  name: string;
  kind: "server" | "client";
  parent: TraceContext | undefined;
}

/** Makes spans and sends them off. */
export interface Tracer {
  start(start: SpanStart): Span;
  /** Makes no more, and sends what there is. */
  stop(): Promise<void>;
}

/** Gives the tracer that counts now; undefined while no spans are to be made. */
export interface CurrentTracer {
  readonly current: Tracer | undefined;
}

/** Where spans go, and how many of the traces that begin here are sampled, from 0 to 1. */
export interface SpanDestination {
  protocol: "none" | "stdout" | "http/protobuf" | "grpc";
  endpoint: string | undefined;
  samplingRate: number;
}

/** What the spans say of the program that made them, as OpenTelemetry's resource attributes. */
export type Resource = Record<string, string>;

/** Holds the tracer that counts now, and changes it while the program runs. */
export class Tracing implements CurrentTracer {
  readonly #log: Logger;
  readonly #resource: Resource;
  #current: Tracer | undefined;
  #changing: Promise<void> = Promise.resolve();

  constructor(options: { log: Logger; resource: Resource }) {
    this.#log = options.log;
    this.#resource = options.resource;
  }

  get current(): Tracer | undefined {
    return this.#current;
  }

  /** Sends spans elsewhere from now on, or nowhere; what is wrong is logged, and then none are made. Changes take effect in their order. */
  configure(destination: SpanDestination): Promise<void> {
    this.#changing = this.#changing.then(async () => {
      const before = this.#current;
      this.#current = await this.#tracerFor(destination);
      // Nobody waits for a collector that may be away.
      void before?.stop();
    });
    return this.#changing;
  }

  /** Makes no more spans, and resolves when what there is was sent, or after a while. */
  async stop(atMostMs: number): Promise<void> {
    await this.#changing;
    const tracer = this.#current;
    this.#current = undefined;
    if (tracer === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, atMostMs);
    });
    await Promise.race([tracer.stop(), timeout]);
    clearTimeout(timer);
  }

  async #tracerFor(destination: SpanDestination): Promise<Tracer | undefined> {
    const { protocol, endpoint } = destination;
    if (protocol === "none") return undefined;
    if (protocol === "grpc") {
      this.#log.warn(
        "no spans are made: tracing over grpc is not supported, http/protobuf is (port 4318 of most collectors)",
      );
      return undefined;
    }
    const log = this.#log;
    try {
      const { createTracer } = await import("./open-telemetry.ts");
      const tracer = createTracer({ ...destination, protocol, resource: this.#resource, log });
      log.info({ protocol, endpoint, samplingRate: destination.samplingRate }, "spans are made");
      return tracer;
    } catch (error) {
      log.error({ protocol, endpoint, error: errorMessage(error) }, "no spans are made");
      return undefined;
    }
  }
}
