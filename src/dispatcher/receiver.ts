/*
 * Flow 3: an HTTP request with a CloudEvent → its channel → JetStream → 202.
 *
 * The order is: who is it for, may it come, is it an event (all from the headers, before a byte of the
 * body is read), is there room, read the body, store, answer by JetStream's answer. Nothing is
 * answered 202 that JetStream has not acknowledged. The table of answers is in docs/receiving.md.
 * http-server.ts owns the sockets, routes.ts the addresses, the publisher what happens until the PubAck.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { InvalidEventError } from "../cloudevents/attributes.ts";
import {
  binaryEvent,
  contentModeOf,
  type RequestHead,
  readHead,
  structuredEvent,
} from "../cloudevents/http-binding.ts";
import { HeaderBytes, type PublishResult } from "../nats/publisher.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { CurrentTracer } from "../runtime/tracing.ts";
import { answer, answerOptions, answerProbe, isKubeletProbe, Refusal, refuse } from "./answers.ts";
import { type BodyRoom, readBody } from "./body.ts";
import { describeReceived, startReceive } from "./event-spans.ts";
import type { ReceiveOutcome } from "./receive-counters.ts";
import { type Caller, type Route, type Routes, targetOf } from "./routes.ts";

export interface ReceiverDeps {
  routes: Routes;
  room: BodyRoom;
  metrics: Metrics;
  tracing: CurrentTracer;
  log: Logger;
  /** Whether news of channels has been missing for long, so that an unknown address says nothing. */
  sourceIsDown: () => boolean;
}

/** Takes one request; `expectsContinue` when the client waits for `100 Continue` before it sends data. */
export type Receive = (
  request: IncomingMessage,
  response: ServerResponse,
  caller: Caller,
  expectsContinue: boolean,
) => void;

const HOLD_MS = 2_000;
const MAX_HELD = 100;
const NO_ROUTE = undefined;
const UNDECIDED = new Refusal(
  503,
  "unavailable",
  "The controller has not decided yet whether the channel may take events.",
);
const NO_HOST = new Refusal(400, "invalid", "The Host header is missing.");

/** Makes the function that answers every request to the event port. */
export function receiver(deps: ReceiverDeps): Receive {
  const { routes, log } = deps;
  let held = 0;

  /** Waits a moment for a channel whose address looks right, or that is known and undecided: it may be on its way to us. */
  const hold = async (path: string, host: string, known: Route | undefined): Promise<Route> => {
    const mayCome = routes.mayCome(path, host) && held < MAX_HELD && !deps.sourceIsDown();
    if (!mayCome && known !== undefined) return known;
    if (deps.sourceIsDown()) {
      throw new Refusal(503, "unavailable", "It is not known now which channels there are.");
    }
    const unknown = new Refusal(404, "invalid", "No channel has this address.");
    if (!mayCome) throw unknown;
    held += 1;
    try {
      const route = await routes.wait(host, HOLD_MS);
      if (route === undefined) throw unknown;
      return route;
    } finally {
      held -= 1;
    }
  };

  return (request, response, caller, expectsContinue) => {
    if (request.method !== "POST") return notPost(request, response, routes);
    const head = readHead(request.rawHeaders);
    if (head.networkProbe) return answerProbe(response, head.networkProbeHash);
    if (head.host === "" && request.httpVersion === "1.1") return refuse(response, NO_HOST);
    const { path, host } = targetOf(request.url, head.host);
    const route = routes.find(path, host);
    const fail = (error: unknown, failed: Route | undefined): void =>
      failWith(error, failed, response, log);
    const go = (to: Route): void => {
      try {
        accept(deps, { request, response, head, route: to, caller, expectsContinue, fail });
      } catch (error) {
        fail(error, to);
      }
    };
    if (route !== undefined && !route.isUndecided()) go(route);
    else hold(path, host, route).then(go, (error: unknown) => fail(error, NO_ROUTE));
  };
}

interface Acceptance {
  request: IncomingMessage;
  response: ServerResponse;
  head: RequestHead;
  route: Route;
  caller: Caller;
  expectsContinue: boolean;
  fail: (error: unknown, route: Route) => void;
}

function accept(deps: ReceiverDeps, acceptance: Acceptance): void {
  const { request, response, head, route, caller, fail } = acceptance;
  if (route.isUndecided()) throw UNDECIDED;
  const allowed = route.policy(caller);
  if (allowed !== true) throw new Refusal(403, "forbidden", allowed);
  const { store } = route;
  if ("unavailable" in store) throw new Refusal(503, "unavailable", store.unavailable);
  if (route.readOnly !== undefined) {
    throw new Refusal(405, "read_only", route.readOnly, { allow: "OPTIONS" });
  }
  const content = contentModeOf(head);
  if (content.mode === "none") {
    throw new Refusal(content.status, outcomeOf(content.status), content.reason);
  }
  const { current: tracer } = deps.tracing;
  const span = tracer && startReceive(tracer, { head, response, channel: route.key });
  const isStructured = content.mode === "structured";
  const ready = isStructured ? undefined : new HeaderBytes(binaryEvent(head));
  const limit = store.maxMessageBytes();
  const maxBytes = limit - (ready?.bytes.length ?? 0);
  if (maxBytes < 0) throw new Refusal(431, "too_large", tooLarge("headers alone", limit));
  if (head.contentLength !== undefined && head.contentLength > maxBytes) {
    throw new Refusal(413, "too_large", tooLarge("event", limit));
  }
  if (acceptance.expectsContinue) response.writeContinue();

  const startedAt = performance.now();
  readBody(request, { maxBytes, room: deps.room }, (body, release) => {
    if (!(body instanceof Uint8Array)) {
      release();
      if (body === "aborted") return route.count("aborted");
      return fail(bodyRefusal(body, limit), route);
    }
    try {
      const headers = ready ?? new HeaderBytes(structuredEvent(head, body));
      if (span !== undefined) describeReceived(span, { head, body, isStructured });
      if (headers.bytes.length + body.length > limit) {
        throw new Refusal(413, "too_large", tooLarge("event", limit));
      }
      store.publisher.publish({
        subject: store.subject,
        stream: store.stream,
        headers,
        data: body,
        onUnavailable: store.onUnavailable,
        onResult: (result) => {
          release();
          deps.metrics.publishDuration.observe((performance.now() - startedAt) / 1_000);
          answerResult(result, acceptance);
        },
      });
    } catch (error) {
      release();
      fail(error, route);
    }
  });
}

function answerResult(result: PublishResult, acceptance: Acceptance): void {
  const { response, route, fail } = acceptance;
  switch (result.outcome) {
    case "stored":
      if (!result.duplicate) route.countType(acceptance.head.type);
      route.count(result.duplicate ? "duplicate" : "accepted");
      return answer(response, 202);
    case "too-large":
      return fail(new Refusal(413, "too_large", `JetStream: ${result.reason}.`), route);
    case "refused":
    case "wrong-stream":
    case "full":
    case "rate-limited":
    case "timeout":
    case "busy":
      return fail(new Refusal(503, "unavailable", `Not stored: ${result.reason}.`), route);
  }
}

function notPost(request: IncomingMessage, response: ServerResponse, routes: Routes): void {
  const head = readHead(request.rawHeaders);
  if (head.networkProbe) return answerProbe(response, head.networkProbeHash);
  if (isKubeletProbe(request)) return answer(response, 200);
  const { path, host } = targetOf(request.url, head.host);
  const readOnly = routes.find(path, host)?.readOnly !== undefined;
  const allow = readOnly ? "OPTIONS" : "POST, OPTIONS";
  if (request.method === "OPTIONS") return answerOptions(response, allow);
  refuse(response, new Refusal(405, "invalid", "Events come with POST.", { allow }));
}

/** Answers a request that cannot be taken: the one place that turns errors into answers. */
function failWith(
  error: unknown,
  route: Route | undefined,
  response: ServerResponse,
  log: Logger,
): void {
  let refusal: Refusal;
  if (error instanceof Refusal) refusal = error;
  else if (error instanceof InvalidEventError) refusal = new Refusal(400, "invalid", error.message);
  else {
    log.error({ error, channel: route?.key }, "a request failed unexpectedly");
    refusal = new Refusal(500, "failed", "Something is wrong here; the log says more.");
  }
  route?.count(refusal.outcome);
  refuse(response, refusal);
}

function bodyRefusal(fault: "too-large" | "no-room", limit: number): Refusal {
  if (fault === "too-large") return new Refusal(413, "too_large", tooLarge("event", limit));
  return new Refusal(503, "unavailable", "Too many events are being received.");
}

function tooLarge(what: string, limit: number): string {
  return `The ${what} may have ${limit} bytes at the most, headers and data together.`;
}

function outcomeOf(status: 400 | 415): ReceiveOutcome {
  return status === 415 ? "unsupported" : "invalid";
}
