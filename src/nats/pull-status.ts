import type { Msg } from "@nats-io/transport-node";
import { statusCodeOf } from "./delivery.ts";

/** What a status message of the server means for the open pull. */
export type PullStatus =
  /** The server lives and has nothing yet. */
  | { kind: "heartbeat" }
  /** The pull is over in the ordinary way: ask again at once. */
  | { kind: "again"; end: "expired" | "max-bytes" }
  /** The consumer or its stream is not there. */
  | { kind: "gone"; reason: string }
  /** Nobody listens for pulls: no consumer of that name, or no leader yet. */
  | { kind: "nobody"; reason: string }
  /** The pull is over and the reason may last: ask again after a short wait. */
  | { kind: "later"; reason: string };

const HEARTBEAT: PullStatus = { kind: "heartbeat" };
const EXPIRED: PullStatus = { kind: "again", end: "expired" };

/**
 * Reads a message that came for a pull: undefined for an event, else what the server's status says
 * (ADR-13 of NATS: 100 heartbeat, 404 and 408 over, 409 with a reason, 503 nobody there).
 */
export function pullStatusFor(message: Msg): PullStatus | undefined {
  // A delivered message has the subject for its settlement; a status has none.
  if (message.reply !== "" && message.reply !== undefined) return undefined;
  const code = statusCodeOf(message);
  // These come to every idle subscriber several times a minute.
  if (code === 100) return HEARTBEAT;
  if (code === 404 || code === 408) return EXPIRED;
  const description = message.headers?.description ?? "";
  if (code === 409) return conflict(description);
  if (code === 503) return { kind: "nobody", reason: "nobody answers pulls of the consumer" };
  return { kind: "later", reason: `${code} ${description}` };
}

function conflict(description: string): PullStatus {
  const text = description.toLowerCase();
  if (text.includes("exceeds maxbytes") || text.includes("batch completed")) {
    return { kind: "again", end: "max-bytes" };
  }
  if (text.includes("consumer deleted") || text.includes("stream deleted")) {
    return { kind: "gone", reason: description };
  }
  return { kind: "later", reason: description };
}
