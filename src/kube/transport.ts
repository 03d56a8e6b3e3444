/*
 * Carries requests to the API server over one Agent. Knows nothing of objects, nor of trying again.
 *
 * HTTP/1.1 on purpose: an attempt that is given up takes its connection with it, so that the next
 * one has a new connection. On HTTP/2 all requests share one, and when that goes silent, a lease
 * cannot be renewed in time.
 */
import { isDeepStrictEqual } from "node:util";
import { Agent, buildConnector, type Dispatcher } from "undici";
import type { ApiAccess, TlsSettings } from "./access.ts";
import {
  asKubeError,
  type Call,
  type Outcome,
  TIMEOUT_MS,
  untilDeadline,
  withDeadline,
} from "./attempts.ts";
import { type Status, statusError } from "./kube-error.ts";

export interface Transport {
  /** Sends a request and gives the answer's JSON. */
  json<Answer>(call: Call): Promise<Answer>;
  /** Sends a GET and gives the answer's bytes as they come; it fails after `silentMs` without any. */
  stream(call: Call & { silentMs: number }): Promise<AsyncIterable<Uint8Array>>;
  /** Breaks everything off. */
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** Shorter than any server or load balancer in between keeps an idle connection. */
const KEEP_ALIVE_MS = 5_000;
/** Of an answer that is not the API server's. */
const LONGEST_MESSAGE = 200;
const JSON_TYPE = "application/json";

interface How {
  signal: AbortSignal | undefined;
  fresh: boolean;
  silentMs: number;
}

/** Makes the transport; the name of the program is told to the server. */
export function createTransport(deps: { access: ApiAccess; userAgent: string }): Transport {
  const { access, userAgent } = deps;
  const agent = new Agent({
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connect: connectorFor(access),
  });
  const url = new URL(access.server);
  const prefix = url.pathname.replace(/\/$/, "");

  const request = async (call: Call, how: How): Promise<Dispatcher.ResponseData> => {
    const authorization = await access.authorization({ fresh: how.fresh });
    return await agent.request({
      origin: url.origin,
      path: prefix + call.path,
      method: call.method,
      headers: {
        accept: "application/json",
        "user-agent": userAgent,
        ...(authorization === undefined ? {} : { authorization }),
        ...(call.body === undefined ? {} : { "content-type": call.contentType ?? JSON_TYPE }),
      },
      body: call.body === undefined ? null : JSON.stringify(call.body),
      signal: how.signal ?? null,
      headersTimeout: call.timeoutMs ?? TIMEOUT_MS,
      bodyTimeout: how.silentMs,
    });
  };
  const send = (call: Call, how: How) => orAborted(how.signal, request(call, how));

  return {
    json: (call) =>
      untilDeadline(call, (fresh, timeoutMs) =>
        withDeadline(call, timeoutMs, async (signal) => {
          const answer = await send(call, { signal, fresh, silentMs: 0 });
          return await readAnswer(call.what, answer, async (body) => await body.json());
        }),
      ),
    stream: (call) =>
      untilDeadline({ ...call, once: true }, async (fresh) => {
        const answer = await send(call, { signal: call.signal, fresh, silentMs: call.silentMs });
        return await readAnswer(call.what, answer, async (body) => named(body, call));
      }),
    close: () => agent.destroy(),
  };
}

/** Ends a wait with its signal; undici would wait for the connection first, or for that to fail. */
async function orAborted<Result>(
  signal: AbortSignal | undefined,
  result: Promise<Result>,
): Promise<Result> {
  if (signal === undefined) return await result;
  return await new Promise<Result>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
    result.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Makes connections with the CA and client certificates as they are by then. */
function connectorFor(access: ApiAccess): buildConnector.connector {
  let settings: TlsSettings | undefined;
  let connector: buildConnector.connector | undefined;
  return (options, callback) => {
    access.tls().then(
      (tls) => {
        // One connector for the same settings, since it remembers TLS sessions.
        if (connector === undefined || !isDeepStrictEqual(settings, tls)) {
          settings = tls;
          connector = buildConnector({ ...tls, allowH2: false, timeout: CONNECT_TIMEOUT_MS });
        }
        connector(options, callback);
      },
      (error: unknown) => callback(error as Error, null),
    );
  };
}

async function readAnswer<Answer>(
  what: string,
  { statusCode, headers, body }: Dispatcher.ResponseData,
  read: (body: Dispatcher.ResponseData["body"]) => Promise<unknown>,
): Promise<Outcome<Answer>> {
  if (statusCode < 300) return { ok: true, answer: (await read(body)) as Answer };
  const failure = statusError(what, statusCode, asStatus(await body.text()));
  const seconds = Number(headers["retry-after"]);
  const isTemporary = (statusCode === 429 || statusCode === 503) && !Number.isNaN(seconds);
  return { ok: false, failure, pauseMs: isTemporary ? seconds * 1_000 : undefined };
}

async function* named(
  bytes: AsyncIterable<Uint8Array>,
  call: Pick<Call, "what" | "signal">,
): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    throw asKubeError(call, error);
  }
}

/** The Status of a failure; what stands in between may answer with something else. */
function asStatus(text: string): Status {
  try {
    return JSON.parse(text) as Status;
  } catch {
    return { message: text.trim().slice(0, LONGEST_MESSAGE) };
  }
}
