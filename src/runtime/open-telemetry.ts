/*
 * Spans by OpenTelemetry: the one door to its packages, loaded by tracing.ts when spans are to be made, never before.
 *
 * Contexts are given and taken as headers, never kept in async context. A trace that the parent says is not sampled costs one look
 * at its flags. Spans wait in a queue with an end and leave in batches; what fails there is said once, and nobody waits for it.
 */
import {
  createTraceState,
  isSpanContextValid,
  type Tracer as OtelTracer,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import {
  type ExportResult,
  ExportResultCode,
  hrTimeToMilliseconds,
  parseTraceParent,
} from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { errorMessage } from "./errors.ts";
import type { Logger } from "./logger.ts";
import type { Resource, Span, SpanStart, TraceContext, Tracer } from "./tracing.ts";

interface TracerOptions {
  protocol: "stdout" | "http/protobuf";
  endpoint: string | undefined;
  samplingRate: number;
  resource: Resource;
  log: Logger;
}

const SCOPE = "jetstream-channel";
const TRACES_PATH = "/v1/traces";
/** How long a span waits for others to leave with. */
const BATCH_DELAY_MS = 1_000;
const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT } as const;
const NOTHING = () => undefined;

/** Makes what makes spans and sends them; throws a sentence when the endpoint is not right. */
export function createTracer(options: TracerOptions): Tracer {
  const { log, samplingRate } = options;
  const sender =
    options.protocol === "stdout"
      ? new LogExporter(log)
      : new OTLPTraceExporter({ url: tracesUrl(options.endpoint) });
  const exporter = new SayingExporter(sender, log);
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes(options.resource))
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(samplingRate) }),
    spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: BATCH_DELAY_MS })],
  });
  const tracer = provider.getTracer(SCOPE);
  return {
    start: (start) => startSpan(tracer, start),
    // A batch that did not leave has been told of.
    stop: () => provider.shutdown().catch(NOTHING),
  };
}

/** A collector's address alone means its usual path. */
function tracesUrl(endpoint = ""): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new Error(`an http or https url expected as the endpoint of spans, got "${endpoint}"`);
  }
  if (url.pathname === "/") url.pathname = TRACES_PATH;
  return url.href;
}

function startSpan(tracer: OtelTracer, { name, kind, parent }: SpanStart): Span {
  const known = parent && spanContextIn(parent.traceparent);
  if (parent !== undefined && known !== undefined && !isSampled(known)) return unseenSpan(parent);
  const tracestate = known && parent?.tracestate;
  if (known !== undefined && tracestate !== undefined) {
    known.traceState = createTraceState(tracestate);
  }
  const context = known ? trace.setSpanContext(ROOT_CONTEXT, known) : ROOT_CONTEXT;
  const span = tracer.startSpan(name, { kind: KINDS[kind] }, context);
  const { traceId, spanId, traceFlags } = span.spanContext();
  const traceparent = `00-${traceId}-${spanId}-0${traceFlags}`;
  if (!span.isRecording()) return unseenSpan({ traceparent, tracestate });
  return {
    context: { traceparent, tracestate },
    isRecording: true,
    set: (attributes) => void span.setAttributes(attributes),
    end(fault) {
      if (fault !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: fault });
      span.end();
    },
  };
}

function unseenSpan(context: TraceContext): Span {
  return { context, isRecording: false, set: NOTHING, end: NOTHING };
}

function spanContextIn(traceparent: string): SpanContext | undefined {
  const context = parseTraceParent(traceparent);
  if (context === null || !isSpanContextValid(context)) return undefined;
  context.isRemote = true;
  return context;
}

function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0;
}

/** Says when spans cannot be sent, once, and when they can again. */
class SayingExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #log: Logger;
  #isFailing = false;

  constructor(exporter: SpanExporter, log: Logger) {
    this.#exporter = exporter;
    this.#log = log;
  }

  export(spans: ReadableSpan[], onResult: (result: ExportResult) => void): void {
    this.#exporter.export(spans, (result) => {
      const isFailing = result.code !== ExportResultCode.SUCCESS;
      if (isFailing && !this.#isFailing) {
        const error = errorMessage(result.error ?? "no reason given");
        this.#log.warn({ error }, "spans cannot be sent and are dropped, events go on");
      } else if (!isFailing && this.#isFailing) {
        this.#log.info("spans are sent again");
      }
      this.#isFailing = isFailing;
      onResult(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}

/** Writes each span as a line of the log, which is what stdout is for here. */
class LogExporter implements SpanExporter {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  export(spans: ReadableSpan[], onResult: (result: ExportResult) => void): void {
    for (const span of spans) {
      const { traceId, spanId } = span.spanContext();
      const { name, kind, attributes, status } = span;
      this.#log.info(
        {
          span: {
            ...{ name, kind: SpanKind[kind], traceId, spanId },
            parentSpanId: span.parentSpanContext?.spanId,
            startedAt: new Date(hrTimeToMilliseconds(span.startTime)).toISOString(),
            durationMs: hrTimeToMilliseconds(span.duration),
            ...{ attributes, fault: status.message },
          },
        },
        "span",
      );
    }
    onResult({ code: ExportResultCode.SUCCESS });
  }

  async shutdown(): Promise<void> {}
}
