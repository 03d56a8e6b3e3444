import type { Msg } from "@nats-io/transport-node";
import { errorMessage } from "../runtime/errors.ts";

/** The server's own words for refusing to store a message. */
export interface PublishRefusal {
  outcome: "full" | "too-large" | "rate-limited" | "wrong-stream" | "refused";
  reason: string;
}

/** A server's answer to a publish, read. */
export type PubAck =
  | { outcome: "stored"; duplicate: boolean; sequence: number }
  | PublishRefusal
  /** Nobody could decide: no stream listens, or a leader is being elected. */
  | { outcome: "unavailable"; reason: string }
  /** An earlier copy is not stored by most replicas yet; what becomes of it is its answer. */
  | { outcome: "in-process"; reason: string };

/** JetStream's error codes (`err_code`) that mean something of their own to a sender. */
const UNAVAILABLE_CODE = 10008; // JetStream system temporarily unavailable
const IN_PROCESS_CODE = 10158; // duplicate message id is in process
const FULL_CODES = new Set([
  10002, // resource limits exceeded for account
  10023, // insufficient resources
  10028, // insufficient memory resources available
  10047, // insufficient storage resources available
  10077, // maximum messages or bytes exceeded (discard new)
]);
const TOO_LARGE_CODES = new Set([
  10054, // message size exceeds maximum allowed
  10097, // header size exceeds maximum allowed of 64k
]);
const RATE_LIMITED_CODE = 10167; // too many requests
const TOO_MANY_REQUESTS = 429;
const NO_RESPONDERS = 503;

interface PubAckBody {
  stream?: string;
  seq?: number;
  duplicate?: boolean;
  error?: { code: number; err_code?: number; description?: string };
}

/** Reads the answer to a publish that the given stream should have taken. */
export function pubAckFor(reply: Msg, stream: string): PubAck {
  const status = reply.headers?.code;
  if (status === NO_RESPONDERS) {
    return { outcome: "unavailable", reason: `no stream takes the channel's subject now` };
  }
  if (status === TOO_MANY_REQUESTS) {
    return { outcome: "rate-limited", reason: "the NATS server limits its rate" };
  }
  let body: PubAckBody | null;
  try {
    body = reply.json<PubAckBody | null>();
  } catch (error) {
    return { outcome: "refused", reason: `not a PubAck: ${errorMessage(error)}` };
  }
  if (typeof body !== "object" || body === null) {
    return { outcome: "refused", reason: "not a PubAck: no JSON object" };
  }
  if (body.error !== undefined) return refusal(body.error);
  if (body.stream !== stream) {
    const reason = `stream ${body.stream ?? "(none)"} took the event, ${stream} is the channel's`;
    return { outcome: "wrong-stream", reason };
  }
  return { outcome: "stored", duplicate: body.duplicate === true, sequence: body.seq ?? 0 };
}

function refusal(error: NonNullable<PubAckBody["error"]>): PubAck {
  const code = error.err_code ?? 0;
  const reason = `${error.description ?? "no reason given"} (${error.code}/${code})`;
  if (code === UNAVAILABLE_CODE) return { outcome: "unavailable", reason };
  if (code === IN_PROCESS_CODE) return { outcome: "in-process", reason };
  if (FULL_CODES.has(code)) return { outcome: "full", reason };
  if (TOO_LARGE_CODES.has(code)) return { outcome: "too-large", reason };
  if (code === RATE_LIMITED_CODE || error.code === TOO_MANY_REQUESTS) {
    return { outcome: "rate-limited", reason };
  }
  return { outcome: "refused", reason };
}
