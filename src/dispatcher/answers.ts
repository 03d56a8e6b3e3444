import type { IncomingMessage, ServerResponse } from "node:http";
import type { ReceiveOutcome } from "./routes.ts";

/** How long a sender should wait when nothing better is known, in seconds. */
const RETRY_AFTER_SECONDS = "1";
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

/** Answers with a refusal's status, headers and sentence. */
export function refuse(response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) return;
  const body = `${refusal.message}\n`;
  response
    .writeHead(refusal.status, {
      ...refusal.headers,
      "content-type": "text/plain; charset=utf-8",
      "content-length": Buffer.byteLength(body),
    })
    .end(body);
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
