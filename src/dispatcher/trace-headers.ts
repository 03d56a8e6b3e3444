import type { TraceContext } from "../runtime/tracing.ts";

const PARENT = "traceparent";
const STATE = "tracestate";

/** Finds the W3C trace context in headers (name, value, name, value, …; names in lower case); two parents are none. */
export function traceContextIn(headers: readonly string[]): TraceContext | undefined {
  let traceparent: string | undefined;
  let tracestate: string | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const value = headers[i + 1] as string;
    if (headers[i] === PARENT) {
      if (traceparent !== undefined) return undefined;
      traceparent = value;
    } else if (headers[i] === STATE && value !== "") {
      tracestate = tracestate === undefined ? value : `${tracestate},${value}`;
    }
  }
  return traceparent === undefined ? undefined : { traceparent, tracestate };
}

/** Gives the headers with this trace context in place of theirs. */
export function withTraceContext(
  headers: readonly string[],
  { traceparent, tracestate }: TraceContext,
): string[] {
  const others: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name !== PARENT && name !== STATE) others.push(name, headers[i + 1] as string);
  }
  others.push(PARENT, traceparent);
  if (tracestate !== undefined) others.push(STATE, tracestate);
  return others;
}

/** Takes lines of a message header (`name: value`) apart. */
export function headersInLines(lines: string): string[] {
  return lines
    .split("\r\n")
    .filter((line) => line !== "")
    .flatMap((line) => {
      const colon = line.indexOf(": ");
      return [line.slice(0, colon), line.slice(colon + 2)];
    });
}

/** Puts lines of a message header together, the reverse of `headersInLines`. */
export function linesOf(headers: readonly string[]): string {
  let lines = "";
  for (let i = 0; i + 1 < headers.length; i += 2) lines += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return lines;
}
