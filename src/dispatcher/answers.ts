import type { IncomingMessage, ServerResponse } from "node:http";
import type { ReceiveOutcome } from "./receive-counters.ts";

/** How long a sender should wait when nothing better is known, in seconds. */
const RETRY_AFTER_SECONDS = "1";
/** A refused body up to this size is skipped and the connection kept; what is longer is not read. */
const SKIPPED_BYTES = 262_144;
/**
 * How long a connection stays after its last answer when bytes of the request are left unread: closing
 * at once would reset it, and the sender might never see the answer.
 */
export const LINGER_MS = 500;
/** Without it Node would send an empty chunked body. */
const EMPTY = { "content-length": 0 };

/** Why a request is not taken: the status, how it is counted, and one sentence for the sender. */
export class Refusal extends Error {
  override name = "Refusal";
  readonly status: number;
  readonly outcome: ReceiveOutcome;
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    outcome: ReceiveOutcome,
    reason: string,
    headers: Record<string, string> = {},
  ) {
    super(reason);
    this.status = status;
    this.outcome = outcome;
    this.headers = status === 503 ? { "retry-after": RETRY_AFTER_SECONDS, ...headers } : headers;
  }
}

/** Answers with a status and no body. */
export function answer(response: ServerResponse, status: number): void {
  response.writeHead(status, EMPTY).end();
}

/**
 * Answers with a refusal's status, headers and sentence. When much of the request is still to come,
 * or it may never come (`Expect: 100-continue`), it is not read and the connection ends.
 */
export function refuse(response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) return;
  const body = `${refusal.message}\n`;
  const isLast = leavesMuchUnread(response.req);
  if (isLast) response.setHeader("connection", "close");
  response.writeHead(refusal.status, {
    ...refusal.headers,
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(body),
  });
  if (!isLast) {
    response.end(body);
    return;
  }
  response.req.pause();
  response.write(body);
  setTimeout(() => response.end(), LINGER_MS);
}

function leavesMuchUnread({ complete, headers }: IncomingMessage): boolean {
  if (complete) return false;
  if (headers.expect !== undefined || headers["transfer-encoding"] !== undefined) return true;
  return Number(headers["content-length"] ?? 0) > SKIPPED_BYTES;
}

/** Answers a WebHook validation request (CloudEvents HTTP WebHook §4.1): any origin, any rate. */
export function answerOptions(response: ServerResponse, allow: string): void {
  response
    .writeHead(200, { ...EMPTY, allow, "webhook-allowed-origin": "*", "webhook-allowed-rate": "*" })
    .end();
}

/** Answers Knative's network probe, which wants its hash back. */
export function answerProbe(response: ServerResponse, hash: string | undefined): void {
  if (hash !== undefined && hash !== "") {
    response.writeHead(200, { ...EMPTY, "k-network-hash": hash }).end();
    return;
  }
  refuse(
    response,
    new Refusal(400, "invalid", "A network probe must have a K-Network-Hash header."),
  );
}

/** Tells a kubelet's probe (by its User-Agent, or the header that Knative gives to probes). */
export function isKubeletProbe(request: IncomingMessage): boolean {
  const { headers } = request;
  const agent = headers["user-agent"] ?? "";
  return agent.startsWith("kube-probe/") || headers["k-kubelet-probe"] !== undefined;
}
