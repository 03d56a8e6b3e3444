/**
 * Builds the world of one delivery for a table: what each destination answers goes in, the verdict and all that was sent
 * comes out. The flow is the real one; only `send` and `pause` are functions of the table.
 */
import type { DeliverySettings } from "../../../src/api/settings.ts";
import type { Event } from "../../../src/cloudevents/event.ts";
import {
  type DeliveryContext,
  deliver,
  type Recipient,
  type Role,
  type Verdict,
} from "../../../src/dispatcher/deliver.ts";
import {
  type Destination,
  HttpSender,
  type SendRequest,
  type SendResult,
} from "../../../src/dispatcher/http-sender.ts";
import { maxAttemptsFor } from "../../../src/dispatcher/retry.ts";

/** What a destination answers: a status, a status with a reply, or "nobody" for no answer at all. */
type Answer =
  | number
  | { status: number; retryAfter?: string; body?: string }
  | "reply"
  | "no event"
  | "nobody";

/** Says what the world of a delivery is like. */
export interface World {
  /** The answers of each destination in turn; the last one stays. Without any: not configured. */
  subscriber?: Answer[];
  subscriberUri?: string;
  reply?: Answer[];
  deadLetter?: Answer[];
  delivery?: Partial<DeliverySettings>;
  attempt?: number;
  maxDeliver?: number;
  /** Shutdown begins during the n-th request, or during the n-th pause. */
  stopAtRequest?: number;
  stopAtPause?: number;
  /** The subscriber gets other settings during the n-th pause. */
  outdatedAtPause?: number;
}

/** Says what came of it. */
export interface Seen {
  verdict: Verdict;
  /** The roles of all requests, in order. */
  requests: Role[];
  pausesMs: number[];
  /** What is still counted beside the message at the end, in bytes. */
  keptBytes: number;
  sent: SendRequest[];
  observed: string[];
  /** The statuses that the subscriber's requests were answered with. */
  dispatched: (number | undefined)[];
}

/** Names the destinations. */
export const URIS = {
  subscriber: "http://subscriber.example",
  reply: "http://reply.example/path?a=b",
  "dead-letter": "http://sink.example",
} as const;

/** Holds the event that is delivered. */
export const EVENT: Event = {
  attributes: [
    ["specversion", "1.0"],
    ["id", "1"],
    ["source", "/source"],
    ["type", "t"],
  ],
  contentType: "application/json",
  data: Buffer.from('{"n":1.0}'),
  structured: undefined,
  passThrough: [["x-request-id", "r"]],
};

const REPLY_HEADERS = {
  "ce-specversion": "1.0",
  "ce-id": "reply",
  "ce-source": "/subscriber",
  "ce-type": "answer",
};

const sender = new HttpSender();

function destination(uri: string): Destination {
  return sender.destinationFor({ uri, caCerts: undefined, audience: undefined });
}

function resultFor(answer: Answer): SendResult {
  if (answer === "nobody") return { status: undefined, reason: "connect ECONNREFUSED" };
  if (answer === "reply") {
    return { status: 200, headers: REPLY_HEADERS, body: Buffer.from("{}"), truncated: false };
  }
  if (answer === "no event") {
    const headers = { "ce-specversion": "1.0", "ce-id": "reply" };
    return { status: 200, headers, body: Buffer.alloc(0), truncated: false };
  }
  const { status, retryAfter, body }: Exclude<Answer, number | string> =
    typeof answer === "number" ? { status: answer } : answer;
  const headers = retryAfter === undefined ? {} : { "retry-after": retryAfter };
  return { status, headers, body: Buffer.from(body ?? `says ${status}`), truncated: false };
}

function recipientIn(world: World): Recipient {
  const { subscriber, reply, deadLetter } = world;
  const delivery: DeliverySettings = {
    deadLetter: deadLetter && { uri: URIS["dead-letter"], caCerts: undefined, audience: undefined },
    retry: undefined,
    timeoutMs: undefined,
    backoffPolicy: "linear",
    backoffDelayMs: 10,
    backoffMaxMs: undefined,
    retryAfterMaxMs: undefined,
    format: undefined,
    ...world.delivery,
  };
  return {
    namespace: "ns",
    subscriber: subscriber && destination(world.subscriberUri ?? URIS.subscriber),
    reply: reply && destination(URIS.reply),
    deadLetter: deadLetter && destination(URIS["dead-letter"]),
    delivery,
    timeoutMs: 1_000,
    maxAttempts: maxAttemptsFor(delivery, world.maxDeliver),
  };
}

/** Delivers the event in a world. */
export async function deliveredIn(world: World): Promise<Seen> {
  const stopping = new AbortController();
  const seen: Omit<Seen, "verdict"> = {
    requests: [],
    pausesMs: [],
    keptBytes: 0,
    sent: [],
    observed: [],
    dispatched: [],
  };
  const answers: Record<Role, Answer[]> = {
    subscriber: [...(world.subscriber ?? [])],
    reply: [...(world.reply ?? [])],
    "dead-letter": [...(world.deadLetter ?? [])],
  };
  const roles = Object.keys(URIS) as Role[];
  const context: DeliveryContext = {
    send: async (request) => {
      const { uri } = request.destination;
      const role = roles.find((each) => URIS[each] === uri) ?? "subscriber";
      seen.requests.push(role);
      seen.sent.push(request);
      if (seen.requests.length === world.stopAtRequest) stopping.abort();
      const [next] = answers[role].length > 1 ? answers[role].splice(0, 1) : answers[role];
      return resultFor(next ?? 500);
    },
    pause: async (ms) => {
      seen.pausesMs.push(ms);
      if (seen.pausesMs.length === world.stopAtPause) stopping.abort();
    },
    isOutdated: () => seen.pausesMs.length === world.outdatedAtPause,
    keep: (bytes) => {
      seen.keptBytes += bytes;
    },
    stopping: stopping.signal,
    maxReplyBytes: 1_000,
    tracing: { current: undefined },
    scope: { channel: "default/orders", consumer: "KN_SUB" },
    observe: (role, outcome, failure) =>
      seen.observed.push([role, outcome, failure?.reason].filter(Boolean).join(": ")),
    dispatched: (status) => void seen.dispatched.push(status),
  };
  const attempt = world.attempt ?? 1;
  const verdict = await deliver(EVENT, attempt, recipientIn(world), context);
  return { verdict, ...seen };
}

/** Gives the headers of a request as a record. */
export function headersOf(request: SendRequest | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  const flat = request?.headers ?? [];
  for (let i = 0; i + 1 < flat.length; i += 2) headers[flat[i] as string] = flat[i + 1] as string;
  return headers;
}

/** Is what a row of a table expects of a message. */
export const ACK: Verdict = { do: "ack" };
/** Is what becomes of a message that a shutdown broke off. */
export const GIVE_BACK: Verdict = { do: "nak", afterMs: 0, because: "unfinished" };

/** Makes the verdict of a message that comes again. */
export function again(afterMs: number): Verdict {
  return { do: "nak", afterMs, because: "failed" };
}

/** Makes the verdict of a message that is given up. */
export function term(reason: string): Verdict {
  return { do: "term", reason };
}

/** Is a row of a table: the world, and what is expected of it. */
export type Row = [name: string, world: World, verdict: Verdict, requests: Role[]];
