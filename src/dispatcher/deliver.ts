/*
 * One event to one subscriber, from the first byte to the verdict: subscriber → reply → dead letter.
 *
 * The verdict is given only after the outcome is known, and says what becomes of the message:
 *   ack   somebody took it: the subscriber (and its reply was delivered), or the dead-letter sink
 *   nak   nobody did yet: the server delivers it again after the delay
 *   term  nobody will: a final answer, or every attempt used up, and no dead-letter sink took it
 * subscription.ts calls this and settles the message by the verdict, once, in one place. Attempts at
 * the subscriber are the server's deliveries; those at a reply target or a dead-letter sink are made
 * here, since the subscriber must not be called again for them.
 */
import type { DeliverySettings } from "../api/settings.ts";
import { type DeliveryFailure, deadLetterEvent } from "../cloudevents/dead-letter.ts";
import { attributeOf, type Event } from "../cloudevents/event.ts";
import { eventFromResponse } from "../cloudevents/event-from-response.ts";
import { type HttpMessage, httpMessageFor } from "../cloudevents/http-message.ts";
import type { CurrentTracer, Span, TraceContext } from "../runtime/tracing.ts";
import { type DeliveryScope, endRequest, inSpan, startRequest } from "./event-spans.ts";
import type { Destination, Send, SendResult } from "./http-sender.ts";
import {
  deadLetterDelayMs,
  type Outcome,
  outcomeFor,
  retriesFor,
  retryAfterMsFor,
  retryDelayMs,
} from "./retry.ts";
import { traceContextIn } from "./trace-headers.ts";

/** What becomes of a message; delays in milliseconds. */
export type Verdict =
  | { do: "ack" }
  | { do: "nak"; afterMs: number; because: "failed" | "dead-letter-failed" | "unfinished" }
  | { do: "term"; reason: string };

/** Which of a subscriber's destinations a request went to. */
export type Role = "subscriber" | "reply" | "dead-letter";

/** A subscriber made ready for delivery. At least one of `subscriber` and `reply` is there. */
export interface Recipient {
  namespace: string;
  subscriber: Destination | undefined;
  reply: Destination | undefined;
  deadLetter: Destination | undefined;
  delivery: DeliverySettings;
  /** Deadline of each request, in milliseconds. */
  timeoutMs: number;
  /** How many attempts at the subscriber there are in all; may be Infinity. */
  maxAttempts: number;
}

/** Tells whether two recipients are the same to an event that is under way. */
export function sameRecipient(left: Recipient, right: Recipient): boolean {
  const [a, b] = [left, right].map(({ subscriber, reply, deadLetter, ...rest }) => {
    // The delivery settings have the dead-letter sink's certificates; an agent stands for the others'.
    const destinations = [subscriber, reply, deadLetter];
    return { text: JSON.stringify([destinations.map((one) => one?.uri), rest]), destinations };
  });
  return (
    a?.text === b?.text &&
    a?.destinations.every((one, i) => one?.agent === b?.destinations[i]?.agent) === true
  );
}

/** What delivery needs of its surroundings. */
export interface DeliveryContext {
  send: Send;
  /** Waits before a re-attempt that is made here, without the delivery's slot. */
  pause: (ms: number) => Promise<void>;
  /** Counts bytes that are held beside the message (negative: no longer). */
  keep: (bytes: number) => void;
  /** Aborted when what is not finished has to be given back. */
  stopping: AbortSignal;
  /** The largest reply that is passed on, in bytes. */
  maxReplyBytes: number;
  /** Whether the recipient has other destinations or another policy by now. */
  isOutdated: () => boolean;
  tracing: CurrentTracer;
  /** What spans say of where the event comes from. */
  scope: DeliveryScope;
  /** Told of every request's end. */
  observe: (role: Role, outcome: Outcome, failure: DeliveryFailure | undefined) => void;
  /** Told how long a subscriber took to answer; without a status when it did not. */
  dispatched: (status: number | undefined, afterMs: number) => void;
}

/** What came of a request after all its re-attempts, and the trace context that the last one carried while spans are made. */
type Sent =
  | { outcome: "success"; result: SendResult; trace: TraceContext | undefined }
  | {
      outcome: "retriable" | "final";
      failure: DeliveryFailure;
      retryAfterMs: number | undefined;
      trace: TraceContext | undefined;
    }
  | { outcome: "stopped" };

/** An event on its way to one destination. */
interface Sending {
  role: Role;
  destination: Destination;
  event: Event;
  message: HttpMessage;
  retries: number;
  maxReplyBytes: number;
  /** Where in the trace it comes from, unless the event says so. */
  after: TraceContext | undefined;
}

const ACK: Verdict = { do: "ack" };
const GIVE_BACK: Verdict = { do: "nak", afterMs: 0, because: "unfinished" };
const NO_RETRIES = 0;

/** Delivers an event; `attempt` is 1 for the first delivery of the message. Never throws for a peer. */
export async function deliver(
  event: Event,
  attempt: number,
  to: Recipient,
  context: DeliveryContext,
): Promise<Verdict> {
  // Without a subscriberUri the event itself is what goes to the reply target (Knative's channels).
  const first = to.subscriber ?? to.reply;
  if (first === undefined) return { do: "term", reason: "the subscriber has no destination" };
  const message = messageFor(event, to);
  const awaitsReply = first === to.subscriber;
  // "Channels MUST send Prefer: reply" (Knative data plane spec, "Event reply").
  if (awaitsReply) message.headers.push("prefer", "reply");
  const sending: Sending = {
    role: awaitsReply ? "subscriber" : "reply",
    destination: first,
    event,
    message,
    retries: NO_RETRIES,
    maxReplyBytes: awaitsReply && to.reply !== undefined ? context.maxReplyBytes : 0,
    after: undefined,
  };
  const sent = await sendTo(sending, to, context);
  if (sent.outcome === "stopped") return GIVE_BACK;
  if (sent.outcome === "success") {
    if (!awaitsReply || to.reply === undefined) return ACK;
    return await passReply(event, sent, { to, context });
  }
  if (sent.outcome === "retriable" && attempt < to.maxAttempts) {
    const afterMs = retryDelayMs(to.delivery, attempt, sent.retryAfterMs);
    return { do: "nak", afterMs, because: "failed" };
  }
  return await passDeadLetter(event, sent, { to, context });
}

async function passReply(
  event: Event,
  { result: answer, trace }: { result: SendResult; trace: TraceContext | undefined },
  { to, context }: { to: Recipient; context: DeliveryContext },
): Promise<Verdict> {
  const reply = replyIn(answer, to, context.maxReplyBytes);
  if (reply === undefined || to.reply === undefined) return ACK;
  if ("failure" in reply) {
    context.observe("reply", "final", reply.failure);
    return await passDeadLetter(event, { failure: reply.failure, trace }, { to, context });
  }
  const message = messageFor(reply, to);
  context.keep(message.body.length);
  const sending: Sending = {
    role: "reply",
    destination: to.reply,
    event: reply,
    message,
    retries: retriesFor(to.delivery),
    maxReplyBytes: 0,
    after: trace,
  };
  const sent = await sendTo(sending, to, context);
  context.keep(-message.body.length);
  if (sent.outcome === "stopped") return GIVE_BACK;
  if (sent.outcome === "success") return ACK;
  return await passDeadLetter(event, sent, { to, context });
}

async function passDeadLetter(
  event: Event,
  { failure, trace }: { failure: DeliveryFailure; trace: TraceContext | undefined },
  { to, context }: { to: Recipient; context: DeliveryContext },
): Promise<Verdict> {
  if (to.deadLetter === undefined) return { do: "term", reason: sentenceFor(failure) };
  const letter = deadLetterEvent(event, failure);
  const sending: Sending = {
    role: "dead-letter",
    destination: to.deadLetter,
    event: letter,
    message: messageFor(letter, to),
    retries: retriesFor(to.delivery),
    maxReplyBytes: 0,
    after: trace,
  };
  const sent = await sendTo(sending, to, context);
  if (sent.outcome === "stopped") return GIVE_BACK;
  if (sent.outcome === "success") return ACK;
  if (sent.outcome === "final") {
    return { do: "term", reason: `the dead-letter sink refused it: ${sentenceFor(sent.failure)}` };
  }
  return { do: "nak", afterMs: deadLetterDelayMs(to.delivery), because: "dead-letter-failed" };
}

/** Finds the reply in an answer: an event, nothing, or something that cannot be passed on. */
function replyIn(
  answer: SendResult,
  to: Recipient,
  maxReplyBytes: number,
): Event | { failure: DeliveryFailure } | undefined {
  if (answer.status === undefined) return undefined;
  const reply = eventFromResponse(flatHeaders(answer.headers), answer.body);
  if (reply === undefined) return undefined;
  const fault = answer.truncated
    ? `the reply is larger than ${maxReplyBytes} bytes`
    : reply instanceof Error && `the reply is not a CloudEvent: ${reply.message}`;
  if (fault === false) return reply as Event;
  const destination = to.subscriber?.uri ?? "";
  return { failure: { destination, statusCode: undefined, body: undefined, reason: fault } };
}

/** Sends a message, and again while it may help and there are retries left. */
async function sendTo(sending: Sending, to: Recipient, context: DeliveryContext): Promise<Sent> {
  const { role, destination, message, maxReplyBytes } = sending;
  const { headers, body } = message;
  const plain = { destination, headers, body, timeoutMs: to.timeoutMs, maxReplyBytes };
  for (let reattempt = 1; ; reattempt++) {
    const span = spanFor(sending, context, reattempt - 1);
    const sentAt = performance.now();
    const result = await context.send(inSpan(plain, span));
    if (role === "subscriber") context.dispatched(result.status, performance.now() - sentAt);
    const trace = endRequest(span, result);
    const outcome = outcomeFor(result.status);
    if (outcome === "success") {
      context.observe(role, outcome, undefined);
      return { outcome, result, trace };
    }
    // What the shutdown broke off is nobody's failure.
    if (result.status === undefined && context.stopping.aborted) return { outcome: "stopped" };
    const failure = failureFor(destination, result);
    context.observe(role, outcome, failure);
    const retryAfterMs = askedDelayMs(result);
    if (outcome === "final" || reattempt > sending.retries) {
      return { outcome, failure, retryAfterMs, trace };
    }
    await context.pause(retryDelayMs(to.delivery, reattempt, retryAfterMs));
    // With other settings it starts over: a series may be without end, at a destination that was mended.
    if (context.stopping.aborted || context.isOutdated()) return { outcome: "stopped" };
  }
}

/** Starts the span of a request, if spans are made. A dead letter belongs to the request that failed, whatever the event says. */
function spanFor(sending: Sending, context: DeliveryContext, resend: number): Span | undefined {
  const { current: tracer } = context.tracing;
  if (tracer === undefined) return undefined;
  const { role, event, after, destination } = sending;
  const own = traceContextIn(sending.message.headers);
  return startRequest(tracer, {
    role,
    scope: context.scope,
    uri: destination.uri,
    attribute: (name) => attributeOf(event.attributes, name),
    parent: role === "dead-letter" ? (after ?? own) : (own ?? after),
    resend,
  });
}

function messageFor(event: Event, to: Recipient): HttpMessage {
  const message = httpMessageFor(event, to.delivery.format ?? "binary");
  message.headers.push("kn-namespace", to.namespace);
  return message;
}

function failureFor(destination: Destination, result: SendResult): DeliveryFailure {
  if (result.status === undefined) {
    const { reason } = result;
    return { destination: destination.uri, statusCode: undefined, body: undefined, reason };
  }
  const { status: statusCode, body } = result;
  return { destination: destination.uri, statusCode, body, reason: `status ${statusCode}` };
}

function askedDelayMs(result: SendResult): number | undefined {
  if (result.status !== 429 && result.status !== 503) return undefined;
  const header = result.headers["retry-after"];
  return retryAfterMsFor(Array.isArray(header) ? header[0] : header, Date.now());
}

function sentenceFor(failure: DeliveryFailure): string {
  return `${failure.destination}: ${failure.reason}`;
}

function flatHeaders(headers: Record<string, string | string[] | undefined>): string[] {
  const flat: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    for (const each of Array.isArray(value) ? value : [value ?? ""]) flat.push(name, each);
  }
  return flat;
}
