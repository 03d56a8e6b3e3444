import { describe, expect, it } from "vitest";
import {
  headersInLines,
  linesOf,
  traceContextIn,
  withTraceContext,
} from "../../../src/dispatcher/trace-headers.ts";

describe("the trace context of headers", () => {
  it.each<[what: string, headers: string[], context: unknown]>([
    ["none", ["baggage", "a=b"], undefined],
    ["a parent", ["traceparent", "p"], { traceparent: "p", tracestate: undefined }],
    [
      "a parent and its state",
      ["tracestate", "a=b", "x-request-id", "1", "traceparent", "p"],
      { traceparent: "p", tracestate: "a=b" },
    ],
    [
      "a state in several headers, an empty one among them",
      ["traceparent", "p", "tracestate", "a=b", "tracestate", "", "tracestate", "c=d"],
      { traceparent: "p", tracestate: "a=b,c=d" },
    ],
    ["a state without a parent", ["tracestate", "a=b"], undefined],
    [
      "two parents, of which nobody knows the right one",
      ["traceparent", "p", "traceparent", "q"],
      undefined,
    ],
  ])("is found: %s", (_what, headers, context) => {
    expect(traceContextIn(headers)).toEqual(context);
  });

  it("takes the place of theirs, and leaves the others in their order", () => {
    const headers = [
      "ce-id",
      "1",
      "traceparent",
      "p",
      "tracestate",
      "a=b",
      "traceparent",
      "q",
      "baggage",
      "b",
    ];
    expect(withTraceContext(headers, { traceparent: "own", tracestate: undefined })).toEqual([
      ...["ce-id", "1", "baggage", "b", "traceparent", "own"],
    ]);
    expect(headers).toHaveLength(10);
  });

  it("goes through the lines of a message header unchanged, whatever colons and spaces a value has", () => {
    const lines = "traceparent: p\r\nknative-history: a: b;  c\r\nretry-after: \r\n";
    expect(linesOf(headersInLines(lines))).toBe(lines);
    expect(headersInLines("")).toEqual([]);
  });
});
