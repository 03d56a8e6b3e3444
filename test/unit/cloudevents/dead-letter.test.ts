import { describe, expect, it } from "vitest";
import { decodeHeaderValue } from "../../../src/cloudevents/attributes.ts";
import { type DeliveryFailure, deadLetterEvent } from "../../../src/cloudevents/dead-letter.ts";
import type { Event } from "../../../src/cloudevents/event.ts";
import { eventFromMessage } from "../../../src/cloudevents/event-from-message.ts";
import { scanJsonEvent } from "../../../src/cloudevents/json-event.ts";

const BINARY: Event = {
  attributes: [
    ["specversion", "1.0"],
    ["id", "1"],
    ["source", "/a"],
    ["type", "t"],
  ],
  contentType: "text/plain",
  data: Buffer.from("data"),
  structured: undefined,
  passThrough: [["x-request-id", "r"]],
};

const FAILURE: DeliveryFailure = {
  destination: "http://failer.ns.svc.cluster.local",
  statusCode: 422,
  body: Buffer.from("no"),
  reason: "",
};

function structured(body: string): Event {
  return eventFromMessage({
    subject: "a",
    headers: undefined,
    data: Buffer.from(body),
    stream: "A",
    sequence: 1,
    storedAt: () => "",
  });
}

/** The three attributes, as text. */
function errorsOf(event: Event): Record<string, string> {
  return Object.fromEntries(
    event.attributes
      .filter(([name]) => name.startsWith("knativeerror"))
      .map(([name, value]) => [name.slice("knativeerror".length), decodeHeaderValue(value)]),
  );
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

describe("a dead letter", () => {
  it("is the original with destination, code and data of the failure", () => {
    const letter = deadLetterEvent(BINARY, FAILURE);
    expect(letter).toEqual({
      ...BINARY,
      attributes: [
        ...BINARY.attributes,
        ["knativeerrordest", "http://failer.ns.svc.cluster.local"],
        ["knativeerrorcode", "422"],
        ["knativeerrordata", base64("no")],
      ],
    });
    expect(letter.data).toBe(BINARY.data);
    expect(BINARY.attributes).toHaveLength(4);
  });

  it.each(["http://a.b", "http://a.b/", "https://a.b:8443/x?y=%20z#é", "HTTP://A.B/ c"])(
    "has the destination %s verbatim",
    (destination) => {
      expect(errorsOf(deadLetterEvent(BINARY, { ...FAILURE, destination })).dest).toBe(destination);
    },
  );

  it("of a failure without a response says 500 and what went wrong", () => {
    const failure = { ...FAILURE, statusCode: undefined, body: undefined, reason: "ECONNREFUSED" };
    expect(errorsOf(deadLetterEvent(BINARY, failure))).toEqual({
      dest: FAILURE.destination,
      code: "500",
      data: base64("dispatch error: ECONNREFUSED"),
    });
  });

  it.each([undefined, Buffer.alloc(0)])("of a failure with the body %j has no data", (body) => {
    expect(errorsOf(deadLetterEvent(BINARY, { ...FAILURE, body }))).toEqual({
      dest: FAILURE.destination,
      code: "422",
    });
  });

  it.each([1, 2, 3, 767, 768, 769, 770, 100_000])(
    "of a failure with a body of %i bytes has valid base64 of its beginning, at most 1,024 characters",
    (length) => {
      const body = Buffer.alloc(length, "0123456789");
      const data = errorsOf(deadLetterEvent(BINARY, { ...FAILURE, body })).data ?? "";
      const kept = body.subarray(0, 768);
      expect(data).toBe(kept.toString("base64"));
      expect(data.length).toBeLessThanOrEqual(1024);
      expect(Buffer.from(data, "base64")).toEqual(kept);
    },
  );

  it("replaces what an earlier failure left", () => {
    const first = deadLetterEvent(BINARY, FAILURE);
    const second = deadLetterEvent(first, { ...FAILURE, statusCode: 503, body: undefined });
    expect(errorsOf(second)).toEqual({ dest: FAILURE.destination, code: "503" });
    expect(second.attributes).toHaveLength(6);
  });
});

describe("a dead letter of a structured event", () => {
  const body =
    ' {"specversion":"1.0","id":"1","source":"/a","type":"t","flag":true,"data":{"n":1.0e400}}\n';

  it("has the attributes in both forms, and the rest of its bytes as they were", () => {
    const letter = deadLetterEvent(structured(body), FAILURE);
    expect(Buffer.from(letter.structured?.body ?? []).toString()).toBe(
      body.replace(
        "}}\n",
        `},"knativeerrordest":"${FAILURE.destination}","knativeerrorcode":"422","knativeerrordata":"${base64("no")}"}\n`,
      ),
    );
    expect(errorsOf(letter)).toEqual({
      dest: FAILURE.destination,
      code: "422",
      data: base64("no"),
    });
    expect(Buffer.from(letter.data).toString()).toBe('{"n":1.0e400}');
  });

  it.each([
    ["that has them already", body.replace('"flag"', '"knativeerrorcode":418,"flag"')],
    ["that has one of them as null", body.replace('"flag"', '"knativeerrordata":null,"flag"')],
    [
      "that has one of them escaped and null",
      body.replace('"flag"', '"\\u006bnativeerrordest":null,"flag"'),
    ],
  ])("%s is written anew, with the same data", (_, text) => {
    const letter = deadLetterEvent(structured(text), FAILURE);
    const read = scanJsonEvent(letter.structured?.body ?? new Uint8Array(0));
    expect(Object.fromEntries(read.attributes)).toEqual({
      specversion: "1.0",
      id: "1",
      source: "/a",
      type: "t",
      flag: "true",
      knativeerrordest: FAILURE.destination,
      knativeerrorcode: "422",
      knativeerrordata: base64("no"),
    });
    expect(Buffer.from(read.data).toString()).toBe('{"n":1.0e400}');
  });
});

describe("a dead letter that Knative's broker filter could not deliver", () => {
  const destination = "http://broker-filter.knative-eventing.svc.cluster.local/triggers/a/b";

  function errorsFor(body: string, to = destination): Record<string, string> {
    return errorsOf(
      deadLetterEvent(BINARY, { ...FAILURE, destination: to, body: Buffer.from(body) }),
    );
  }

  it("names the subscriber that failed and what it answered", () => {
    const body = JSON.stringify({
      errdestination: "http://sub.ns",
      errresponsebody: base64("oops"),
    });
    expect(errorsFor(body)).toEqual({ dest: "http://sub.ns", code: "422", data: base64("oops") });
  });

  it("cuts what the subscriber answered, too", () => {
    const body = JSON.stringify({
      errdestination: "http://sub.ns",
      errresponsebody: base64("x".repeat(2000)),
    });
    expect(errorsFor(body).data).toBe(base64("x".repeat(768)));
  });

  it("has no data when the subscriber answered nothing", () => {
    const body = JSON.stringify({ errdestination: "http://sub.ns", errresponsebody: null });
    expect(errorsFor(body)).toEqual({ dest: "http://sub.ns", code: "422" });
  });

  it.each([
    "not found",
    "{",
    "null",
    "[]",
    '"a"',
    "{}",
    '{"errdestination":null}',
    '{"errdestination":{"Host":"a"}}',
    '{"errdestination":""}',
  ])("names the filter when it answered %s", (body) => {
    expect(errorsFor(body)).toEqual({ dest: destination, code: "422", data: base64(body) });
  });

  it("is not assumed of any other host", () => {
    const body = JSON.stringify({ errdestination: "http://sub.ns", errresponsebody: "" });
    expect(errorsFor(body, "http://sub.ns/broker-filter.x").dest).toBe(
      "http://sub.ns/broker-filter.x",
    );
  });
});
