/*
 * Tries a request until there is an answer that asking again will not change, or time is up:
 *
 *   429, 503 with a Retry-After   again after that time: the server did nothing yet
 *   401                           once more, with a login that is read anew
 *   no answer to a GET            again: refused, broken off or silent connection
 *   no answer to anything else    thrown: nobody knows whether it was carried out, and whoever
 *                                 asked looks at the object again anyway
 *   all else                      thrown
 */
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "../runtime/errors.ts";
import { KubeError } from "./kube-error.ts";

/** What every request can be given. */
export interface RequestOptions {
  /** Ends the request early. */
  signal?: AbortSignal | undefined;
  /** The whole time for it, all attempts and waits together; 30 seconds unless said. */
  timeoutMs?: number | undefined;
  /** Has even a GET fail when there is no answer, for a caller with pauses of its own. */
  once?: boolean | undefined;
}

/** Is one request. */
export interface Call extends RequestOptions {
  /** For errors: `get configmaps ns/name`. */
  what: string;
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With the query. */
  path: string;
  contentType?: string;
  body?: unknown;
}

/** Tries once, within a time, with a login read anew if `fresh`. */
export type Attempt<Answer> = (fresh: boolean, timeoutMs: number) => Promise<Outcome<Answer>>;

/** Is what came of one attempt; what it throws was no answer. */
export type Outcome<Answer> =
  | { ok: true; answer: Answer }
  | { ok: false; failure: KubeError; pauseMs: number | undefined };

/** For a request that does not say. */
export const TIMEOUT_MS = 30_000;
const FIRST_PAUSE_MS = 100;

/** Tries until there is an answer that asking again will not change, or time is up. */
export async function untilDeadline<Answer>(call: Call, attempt: Attempt<Answer>): Promise<Answer> {
  const { timeoutMs = TIMEOUT_MS } = call;
  const isRepeatable = call.method === "GET" && call.once !== true;
  const deadline = performance.now() + timeoutMs;
  for (let tried = 0; ; tried += 1) {
    const leftMs = deadline - performance.now();
    // A repeatable request leaves time for another connection when the first is silent.
    const attemptMs = isRepeatable ? Math.min(leftMs, timeoutMs / 2) : leftMs;
    const lostPauseMs = isRepeatable ? FIRST_PAUSE_MS * 2 ** Math.min(tried, 6) : undefined;
    const once = (fresh: boolean) => outcomeOf(call, attempt(fresh, attemptMs), lostPauseMs);
    let outcome = await once(false);
    if (!outcome.ok && outcome.failure.code === 401) outcome = await once(true);
    if (outcome.ok) return outcome.answer;
    if (outcome.pauseMs === undefined) throw outcome.failure;
    // Not all at once, when many were told the same.
    const waitMs = Math.max(FIRST_PAUSE_MS, outcome.pauseMs) * (1 + Math.random() / 4);
    if (performance.now() + waitMs >= deadline) throw outcome.failure;
    await pause(call, waitMs);
  }
}

async function outcomeOf<Answer>(
  call: Call,
  attempt: Promise<Outcome<Answer>>,
  lostPauseMs: number | undefined,
): Promise<Outcome<Answer>> {
  try {
    return await attempt;
  } catch (error) {
    const failure = asKubeError(call, error);
    const wasLost = failure.reason === "ConnectionFailed" || failure.reason === "Timeout";
    return { ok: false, failure, pauseMs: wasLost ? lostPauseMs : undefined };
  }
}

/** Runs something that an abort signal ends, and ends it when time is up or the caller gives up. */
export async function withDeadline<Result>(
  call: Call,
  timeoutMs: number,
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const ending = new AbortController();
  const timer = setTimeout(() => {
    const message = `cannot ${call.what}: no answer within ${Math.round(timeoutMs)} ms`;
    ending.abort(new KubeError(message, { reason: "Timeout" }));
  }, timeoutMs);
  const onAbort = () => ending.abort(call.signal?.reason);
  if (call.signal?.aborted) onAbort();
  call.signal?.addEventListener("abort", onAbort);
  try {
    return await run(ending.signal);
  } finally {
    clearTimeout(timer);
    call.signal?.removeEventListener("abort", onAbort);
  }
}

async function pause(call: Call, ms: number): Promise<void> {
  try {
    await sleep(ms, undefined, { signal: call.signal });
  } catch (error) {
    throw asKubeError(call, error);
  }
}

/** Says in our words why there was no answer, or none that can be read. */
export function asKubeError(call: Pick<Call, "what" | "signal">, cause: unknown): KubeError {
  if (cause instanceof KubeError) return cause;
  if (call.signal?.aborted) {
    return new KubeError(`cannot ${call.what}: given up`, { reason: "Aborted", cause });
  }
  if (cause instanceof SyntaxError) {
    const message = `cannot ${call.what}: the answer is not JSON`;
    return new KubeError(message, { reason: "MalformedAnswer", cause });
  }
  const silent = ["UND_ERR_BODY_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_CONNECT_TIMEOUT"];
  const reason = silent.includes(errorCode(cause) ?? "") ? "Timeout" : "ConnectionFailed";
  return new KubeError(`cannot ${call.what}: no answer`, { reason, cause });
}
