/*
 * The spans of an event: `receive` for the request that brings it, `deliver`, `reply` and `dead-letter` for each request that takes
 * it on. receiver.ts and deliver.ts call this only while spans are made. What a span is called and says is here, and only here:
 * Knative's data plane specification and OpenTelemetry's conventions for messaging and CloudEvents.
 */
import type { ServerResponse } from "node:http";
import { decodeHeaderValue } from "../cloudevents/attributes.ts";
import type { RequestHead } from "../cloudevents/http-binding.ts";
import { scanJsonEvent } from "../cloudevents/json-event.ts";
import type { Span, TraceContext, Tracer } from "../runtime/tracing.ts";
import type { SendRequest, SendResult } from "./http-sender.ts";
import { outcomeFor } from "./retry.ts";
import { headersInLines, linesOf, traceContextIn, withTraceContext } from "./trace-headers.ts";

/** Finds an attribute of an event, as a header says it. */
type Attribute = (name: string) => string | undefined;

const OPERATIONS = {
  subscriber: "deliver",
  reply: "reply",
  "dead-letter": "dead-letter",
} as const;

/**
 * Starts the span of a request that brings an event, and has its context go into the stored message in place of the sender's. It
 * ends with the request.
 */
export function startReceive(
  tracer: Tracer,
  on: { head: RequestHead; response: ServerResponse; channel: string },
): Span {
  const { head, response, channel } = on;
  const headers = headersInLines(head.passThrough);
  const parent = traceContextIn(headers);
  const span = tracer.start({ name: `receive ${channel}`, kind: "server", parent });
  head.passThrough = linesOf(withTraceContext(headers, span.context));
  if (!span.isRecording) return span;
  span.set({ ...operation("receive", "receive", channel), "messaging.protocol": "HTTP" });
  response.once("close", () => {
    if (!response.writableFinished) return span.end("the sender closed the connection");
    const { statusCode } = response;
    span.set({ "http.response.status_code": statusCode });
    span.end(statusCode >= 500 ? `status ${statusCode}` : undefined);
  });
  return span;
}

/** Says of a span which event it is that came, after it was found valid. */
export function describeReceived(
  span: Span,
  { head, body, isStructured }: { head: RequestHead; body: Uint8Array; isStructured: boolean },
): void {
  if (!span.isRecording) return;
  if (isStructured) {
    const attributes = new Map(scanJsonEvent(body).attributes);
    return span.set(eventAttributes((name) => attributes.get(name)));
  }
  const { names, values } = head;
  span.set(eventAttributes((name) => decoded(values[names.indexOf(name)])));
}

/** What the spans of one subscriber's requests have in common. */
export interface DeliveryScope {
  /** The channel, `<namespace>/<name>`. */
  channel: string;
  consumer: string;
}

/** Starts the span of a request that takes an event to a destination; `resend` counts from 0. */
export function startRequest(
  tracer: Tracer,
  on: {
    role: keyof typeof OPERATIONS;
    scope: DeliveryScope;
    uri: string;
    attribute: Attribute;
    parent: TraceContext | undefined;
    resend: number;
  },
): Span {
  const name = OPERATIONS[on.role];
  const { channel, consumer } = on.scope;
  const span = tracer.start({ name: `${name} ${channel}`, kind: "client", parent: on.parent });
  if (!span.isRecording) return span;
  span.set({
    ...operation(name, "send", channel),
    ...eventAttributes((attribute) => decoded(on.attribute(attribute))),
    "messaging.consumer.group.name": consumer,
    "messaging.destination": on.uri,
    "messaging.protocol": "HTTP",
  });
  if (on.resend > 0) span.set({ "http.request.resend_count": on.resend });
  return span;
}

/** Has a request carry the context of its span; without one it stays as it is. */
export function inSpan(request: SendRequest, span: Span | undefined): SendRequest {
  if (span === undefined) return request;
  return { ...request, headers: withTraceContext(request.headers, span.context) };
}

/** Ends the span of a request by what came of it; gives its context to what comes after. */
export function endRequest(span: Span | undefined, result: SendResult): TraceContext | undefined {
  if (span === undefined) return undefined;
  const { status } = result;
  if (status === undefined) {
    span.end(result.reason);
  } else {
    span.set({ "http.response.status_code": status });
    span.end(outcomeFor(status) === "success" ? undefined : `status ${status}`);
  }
  return span.context;
}

function operation(name: string, type: "receive" | "send", channel: string) {
  const [namespace = "", channelName = ""] = channel.split("/");
  return {
    "messaging.system": "knative",
    "messaging.operation.name": name,
    "messaging.operation.type": type,
    "messaging.destination.name": channel,
    "kn.channel.namespace": namespace,
    "kn.channel.name": channelName,
  };
}

function eventAttributes(attribute: Attribute) {
  const [id = "", source = "", type = ""] = ["id", "source", "type"].map(attribute);
  return {
    "messaging.message.id": id,
    // As Knative's specification has it.
    "messaging.message_id": id,
    "cloudevents.event_id": id,
    "cloudevents.event_source": source,
    "cloudevents.event_type": type,
  };
}

function decoded(headerValue: string | undefined): string | undefined {
  return headerValue === undefined ? undefined : decodeHeaderValue(headerValue);
}
