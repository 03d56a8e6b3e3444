import { Buffer } from "node:buffer";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** Holds one HTTP request as it came. */
export interface RecordedRequest {
  method: string;
  /** Path and query. */
  path: string;
  /** Names and values in turn, as they came, with their case and repetitions. */
  rawHeaders: string[];
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** Milliseconds since 1970, when the last byte was there. */
  receivedAt: number;
  /** What names the event, from the `ce-` headers or from a structured body; absent when the request holds none. */
  event?: { source: string; id: string };
}

/** Reads a request to its end; `aborted` when the client went away in the middle. */
export function recordRequest(request: IncomingMessage): Promise<RecordedRequest | "aborted"> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("error", () => resolve("aborted"));
    request.on("close", () => resolve("aborted"));
    request.on("end", () => {
      const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      const event = eventOf(request.headers, body);
      resolve({
        method: request.method ?? "",
        path: request.url ?? "",
        rawHeaders: request.rawHeaders,
        headers: request.headers,
        body,
        receivedAt: Date.now(),
        ...(event === undefined ? {} : { event }),
      });
    });
  });
}

function eventOf(
  headers: IncomingHttpHeaders,
  body: Buffer,
): { source: string; id: string } | undefined {
  const { "ce-source": source, "ce-id": id, "content-type": contentType } = headers;
  if (typeof source === "string" && typeof id === "string") {
    return { source, id };
  }
  if (contentType?.toLowerCase().startsWith("application/cloudevents+json")) {
    return eventOfStructured(body);
  }
  return undefined;
}

function eventOfStructured(body: Buffer): { source: string; id: string } | undefined {
  try {
    const { source, id } = JSON.parse(body.toString("utf8")) as Record<string, unknown>;
    return typeof source === "string" && typeof id === "string" ? { source, id } : undefined;
  } catch {
    // A test may send what is no JSON; then the request names no event.
    return undefined;
  }
}
