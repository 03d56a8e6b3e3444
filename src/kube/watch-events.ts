import { KubeError, type Status, statusError } from "./kube-error.ts";
import type { KubeObject } from "./resource.ts";

/** Is one line of a watch. A BOOKMARK's object has only a resourceVersion. */
export interface WatchEvent<T extends KubeObject> {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  object: T;
}

const TYPES: readonly string[] = ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"];

/**
 * Reads the events of a watch from its bytes, one JSON object a line. An ERROR event is thrown as
 * the error of its Status; what is not an event is thrown too, since something was then missed.
 */
export async function* readWatchEvents<T extends KubeObject>(
  bytes: AsyncIterable<Uint8Array>,
  what: string,
): AsyncGenerator<WatchEvent<T>> {
  for await (const line of readLines(bytes)) yield parseEvent<T>(line, what);
}

async function* readLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let begun: string[] = [];
  for await (const chunk of bytes) {
    const [first = "", ...others] = decoder.decode(chunk, { stream: true }).split("\n");
    begun.push(first);
    for (const next of others) {
      const line = begun.join("");
      begun = [next];
      if (line !== "") yield line;
    }
  }
  // What the connection broke off in the middle comes again on the next watch.
}

function parseEvent<T extends KubeObject>(line: string, what: string): WatchEvent<T> {
  let event: { type?: unknown; object?: unknown } | null;
  try {
    event = JSON.parse(line);
  } catch (cause) {
    throw malformed(what, "a line that is not JSON", cause);
  }
  const { type, object } = event ?? {};
  if (typeof object !== "object" || object === null) throw malformed(what, "a line without object");
  if (type === "ERROR") {
    const status = object as Status;
    throw statusError(what, status.code ?? 500, status);
  }
  if (typeof type !== "string" || !TYPES.includes(type)) throw malformed(what, "an unknown event");
  return { type: type as WatchEvent<T>["type"], object: object as T };
}

function malformed(what: string, found: string, cause?: unknown): KubeError {
  return new KubeError(`cannot ${what}: the watch sent ${found}`, {
    reason: "MalformedAnswer",
    cause,
  });
}
