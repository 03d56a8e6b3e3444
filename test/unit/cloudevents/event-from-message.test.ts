import { describe, expect, it } from "vitest";
import { isPassThroughHeader } from "../../../src/cloudevents/event.ts";
import {
  eventFromMessage,
  type StoredMessage,
} from "../../../src/cloudevents/event-from-message.ts";

const BINARY: Record<string, string> = {
  "ce-specversion": "1.0",
  "ce-id": "1",
  "ce-source": "/a",
  "ce-type": "t",
};
const JSON_EVENT = '{"specversion":"1.0","id":"1","source":"/ä€","type":"t","data":{"n":1.0}}';

function message(headers: Record<string, string | string[]> | undefined, data = ""): StoredMessage {
  return {
    subject: "orders.eu",
    headers:
      headers === undefined
        ? undefined
        : Object.entries(headers).map(([name, value]) => [name, [value].flat()]),
    data: Buffer.from(data),
    stream: "ORDERS",
    sequence: 42,
    storedAt: () => "2026-01-02T03:04:05.678Z",
  };
}

describe("a stored binary event", () => {
  it("is read as it is, header form and data untouched", () => {
    const stored = message(
      { "Nats-Msg-Id": "x", ...BINARY, "ce-subject": "a%20b", "ce-datacontenttype": "text/plain" },
      "data",
    );
    const event = eventFromMessage(stored);
    expect(event).toEqual({
      attributes: [
        ["specversion", "1.0"],
        ["id", "1"],
        ["source", "/a"],
        ["type", "t"],
        ["subject", "a%20b"],
      ],
      contentType: "text/plain",
      data: stored.data,
      structured: undefined,
      passThrough: [],
    });
    expect(event.data).toBe(stored.data);
  });

  it.each([
    [{ "Ce-Id": "1", "CE-SPECVERSION": "0.3", "cE-sOURCE": "/a", "ce-type": "t" }],
    [{ ...BINARY, "CE-Id": "2", "ce-specversion": "0.3" }],
  ])("is known in any case of its header names, and the first of two counts: %j", (headers) => {
    const { attributes } = eventFromMessage(message(headers));
    expect(Object.fromEntries(attributes)).toEqual({
      id: "1",
      specversion: "0.3",
      source: "/a",
      type: "t",
    });
    expect(attributes).toHaveLength(4);
  });

  it.each([
    [{ "ce-datacontenttype": "a/b", "content-type": "c/d" }, "a/b"],
    [{ "Content-Type": " c/d " }, "c/d"],
    [{ "ce-datacontenttype": "" }, undefined],
    [{}, undefined],
  ])("with %j has the content type %s", (headers, contentType) => {
    expect(eventFromMessage(message({ ...BINARY, ...headers }, "{}")).contentType).toBe(
      contentType,
    );
  });

  it.each([{ "ce-specversion": '"1.0"' }, { "ce-specversion": "%31.0" }, { "ce-type": '"a b"' }])(
    "is known in whatever form its headers have: %j",
    (headers) => {
      const { attributes } = eventFromMessage(message({ ...BINARY, ...headers }));
      expect(attributes).toContainEqual(["id", "1"]);
      expect(attributes).toHaveLength(4);
    },
  );

  it.each([
    ["ce-subject", "a\nb"],
    ["ce-subject", "a%00b"],
    ["ce-subject", "%FF"],
    ["ce-subject", ""],
    ["ce-dataschema", ""],
    ["ce-time", "yesterday"],
    ["ce-datacontenttype", "text/plain\nx: y"],
    ["content-type", "text/plain\u0085"],
  ])("loses an attribute that no event may have, and nothing else: %s %j", (name, value) => {
    const event = eventFromMessage(message({ ...BINARY, [name]: value }));
    expect(event).toEqual(eventFromMessage(message(BINARY)));
  });

  it("loses header names that are no attributes and all that is not meant to travel", () => {
    const event = eventFromMessage(
      message({
        ...BINARY,
        "ce-my_ext": "a",
        "ce-": "a",
        "ce-data": "a",
        "Nats-Expected-Stream": "a",
        authorization: "a",
        "X-Request-Id": "r1",
        tracestate: ["a=1", "b=2"],
        "Knative-Foo": "k",
      }),
    );
    expect(event.attributes).toHaveLength(4);
    expect(event.passThrough).toEqual([
      ["x-request-id", "r1"],
      ["tracestate", "a=1"],
      ["tracestate", "b=2"],
      ["knative-foo", "k"],
    ]);
  });
});

describe("a stored structured event", () => {
  it.each([
    [
      { "content-type": "application/cloudevents+json; charset=utf-8" },
      "application/cloudevents+json; charset=utf-8",
    ],
    [{ "Content-Type": "Application/CloudEvents+JSON" }, "Application/CloudEvents+JSON"],
    [{ "content-type": "application/cloudevents+json", ...BINARY }, "application/cloudevents+json"],
    [{ "Nats-Msg-Id": "1" }, "application/cloudevents+json"],
    [{ "content-type": "application/json" }, "application/cloudevents+json"],
    [undefined, "application/cloudevents+json"],
  ])("is known by its content type or its members: %j", (headers, contentType) => {
    const stored = message(headers, JSON_EVENT);
    const event = eventFromMessage(stored);
    expect(event.attributes).toContainEqual(["source", "/%C3%A4%E2%82%AC"]);
    expect(event.contentType).toBe("application/json");
    expect(Buffer.from(event.data).toString()).toBe('{"n":1.0}');
    expect(event.structured).toEqual({ contentType, body: stored.data });
    expect(event.structured?.body).toBe(stored.data);
  });

  it("takes its pass-through headers along", () => {
    const headers = { "content-type": "application/cloudevents+json", baggage: "a=1" };
    expect(eventFromMessage(message(headers, JSON_EVENT)).passThrough).toEqual([
      ["baggage", "a=1"],
    ]);
  });
});

describe("a message of a native NATS producer", () => {
  it("is wrapped in an event that says where it came from", () => {
    const stored = message(undefined, "hello");
    expect(eventFromMessage(stored)).toEqual({
      attributes: [
        ["specversion", "1.0"],
        ["id", "ORDERS-42"],
        ["source", "/nats/ORDERS?subject=orders.eu"],
        ["type", "dev.knative.nats.message"],
        ["time", "2026-01-02T03:04:05.678Z"],
      ],
      contentType: "application/octet-stream",
      data: stored.data,
      structured: undefined,
      passThrough: [],
    });
  });

  it("has a source that is a URI-reference whatever its subject is", () => {
    const { attributes } = eventFromMessage({ ...message(undefined), subject: "a b.é&x=%" });
    // Percent-encoded once for the URI, and once more for the header.
    const uri = `/nats/ORDERS?subject=${encodeURIComponent("a b.é&x=%")}`;
    expect(attributes).toContainEqual(["source", uri.replaceAll("%", "%25")]);
  });

  it.each([
    [undefined, '{"a":1}', "application/json"],
    [undefined, " 12 ", "application/json"],
    [undefined, "12,", "application/octet-stream"],
    [undefined, "", undefined],
    [{ "Content-Type": "text/csv" }, '{"a":1}', "text/csv"],
    [{ "content-type": "application/cloudevents+json" }, '{"a":1}', "application/json"],
    [
      { "content-type": "application/cloudevents-batch+json" },
      `[${JSON_EVENT}]`,
      "application/json",
    ],
    [{ "content-type": "application/cloudevents+avro" }, "\u0001", "application/octet-stream"],
  ])(
    "with the headers %j and the data %j has the content type %s",
    (headers, data, contentType) => {
      const event = eventFromMessage(message(headers, data));
      expect(event.attributes).toContainEqual(["type", "dev.knative.nats.message"]);
      expect(event.contentType).toBe(contentType);
      expect(Buffer.from(event.data).toString()).toBe(data);
    },
  );

  it.each([
    [
      "a structured event without id",
      { "content-type": "application/cloudevents+json" },
      '{"specversion":"1.0"}',
    ],
    ["a structured event without headers and id", undefined, '{"specversion":"1.0","a":1}'],
    ["a structured event that is cut", undefined, JSON_EVENT.slice(0, -1)],
    ["a binary event without id", { ...BINARY, "ce-id": "" }, ""],
    ["a binary event of an unknown version", { ...BINARY, "ce-specversion": "7" }, ""],
  ])("is what %s counts as", (_, headers, data) => {
    const event = eventFromMessage(message(headers, data));
    expect(event.attributes).toContainEqual(["id", "ORDERS-42"]);
    expect(event.attributes).toContainEqual(["specversion", "1.0"]);
    expect(event.structured).toBeUndefined();
  });

  it.each([
    { "ce-id": "%FF" },
    { "ce-id": '""' },
    { "ce-source": "a b" },
    { "ce-type": "a\u0000" },
    { "ce-specversion": "2.0" },
  ])("is what looks like an event and lacks what an event must have: %j", (headers) => {
    const { attributes } = eventFromMessage(message({ ...BINARY, ...headers }));
    expect(attributes).toContainEqual(["type", "dev.knative.nats.message"]);
  });

  it("keeps the attributes it has, but none that the wrapper sets", () => {
    const headers = { "ce-id": "9", "ce-time": "now", "ce-subject": "s", "ce-myext": "e" };
    const { attributes } = eventFromMessage(message(headers));
    expect(attributes.map(([name]) => name)).toEqual([
      "specversion",
      "id",
      "source",
      "type",
      "time",
      "subject",
      "myext",
    ]);
    expect(attributes).toContainEqual(["id", "ORDERS-42"]);
  });
});

it("reads a message with a flood of headers in time linear in their number", () => {
  const flood = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`Ce-A${i}`, "b"]));
  const startedAtMs = performance.now();
  expect(eventFromMessage(message({ ...BINARY, ...flood })).attributes).toHaveLength(100_004);
  expect(performance.now() - startedAtMs).toBeLessThan(20_000);
});

it.each([
  ["x-request-id", true],
  ["retry-after", true],
  ["traceparent", true],
  ["tracestate", true],
  ["baggage", true],
  ["knative-anything", true],
  ["x-b3-traceid", true],
  ["x-b3", false],
  ["knative", false],
  ["kn-namespace", false],
  ["x-forwarded-for", false],
  ["authorization", false],
  ["cookie", false],
  ["retry-after-ms", false],
  ["transfer-encoding", false],
  ["", false],
])("the header %s is handed on with an event: %s", (name, isHandedOn) => {
  expect(isPassThroughHeader(name)).toBe(isHandedOn);
});
