import { describe, expect, it } from "vitest";
import { InvalidEventError } from "../../../src/cloudevents/attributes.ts";
import {
  binaryEvent,
  contentModeOf,
  readHead,
  structuredEvent,
} from "../../../src/cloudevents/http-binding.ts";
import { messageIdFor } from "../../../src/cloudevents/message-id.ts";

const BINARY = { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/a", "ce-type": "t" };
const STRUCTURED = { "content-type": "application/cloudevents+json" };
const MESSAGE_ID = messageIdFor({
  source: "/a",
  id: "1",
  knativeerrordest: undefined,
  knativebrokerttl: undefined,
});

/** Header lines as node:http has them in `rawHeaders`: one character per byte. */
function raw(headers: Record<string, string>, ...more: string[]): string[] {
  return [...Object.entries(headers).flat(), ...more];
}

function text(block: Uint8Array): string {
  return Buffer.from(block).toString("latin1");
}

function binaryBlock(headers: Record<string, string>, ...more: string[]): string {
  return text(binaryEvent(readHead(raw(headers, ...more))));
}

describe("the head of a request", () => {
  it("is read in any case of its names", () => {
    const head = readHead([
      "HOST",
      "h",
      "Content-TYPE",
      "text/plain",
      "CONTENT-LENGTH",
      "12",
      "Ce-Id",
      "1",
    ]);
    expect(head).toMatchObject({
      host: "h",
      contentType: "text/plain",
      contentLength: 12,
      names: ["id"],
      values: ["1"],
      duplicate: undefined,
    });
  });

  it.each([
    ["host", ["Host", "a", "host", "a"]],
    ["content-type", ["Content-Type", "a/b", "content-type", "a/b"]],
  ])("remembers that %s is there twice", (name, headers) => {
    expect(readHead(headers).duplicate).toBe(name);
  });

  it.each([
    ["probe", true],
    ["other", false],
  ])("takes K-Network-Probe: %s for a probe: %s", (value, isProbe) => {
    const head = readHead(["K-Network-Probe", value, "K-Network-Hash", "h"]);
    expect([head.networkProbe, head.networkProbeHash]).toEqual([isProbe, "h"]);
  });
});

describe("the content mode", () => {
  it.each([
    ["binary", { ...BINARY }],
    ["binary", { ...BINARY, "content-type": "application/json" }],
    ["binary", { ...BINARY, "content-encoding": "identity" }],
    ["structured", { "content-type": "application/cloudevents+json" }],
    ["structured", { "content-type": "Application/CloudEvents+JSON; charset=UTF-8" }],
    ["structured", { "content-type": 'application/cloudevents+json;charset="utf-8"' }],
    ["structured", { ...BINARY, "content-type": "application/cloudevents+json" }],
  ])("is %s for %j", (mode, headers) => {
    expect(contentModeOf(readHead(raw(headers)))).toEqual({ mode });
  });

  it.each([
    [415, /batch/, { "content-type": "application/cloudevents-batch+json" }],
    [415, /avro/, { "content-type": "application/cloudevents+avro" }],
    [415, /UTF-8/, { "content-type": "application/cloudevents+json; charset=iso-8859-1" }],
    [415, /UTF-8/, { "content-type": "application/cloudevents+json; charset=utf-80" }],
    [415, /Content-Encoding "gzip"/, { ...BINARY, "content-encoding": "gzip" }],
    [400, /ce-specversion/, { "content-type": "application/json" }],
    [400, /ce-specversion/, { "ce-id": "1" }],
    [400, /ce-specversion/, {}],
  ])("is none, %i, with a reason (%s) for %j", (status, reason, headers) => {
    const mode = contentModeOf(readHead(raw(headers)));
    expect(mode).toMatchObject({ mode: "none", status });
    expect(mode).toHaveProperty("reason", expect.stringMatching(reason));
  });

  it("is none, 415, when one of two Content-Encodings is not taken", () => {
    const head = readHead(raw(BINARY, "content-encoding", "gzip", "content-encoding", "identity"));
    expect(contentModeOf(head)).toMatchObject({ mode: "none", status: 415 });
  });

  it("is none, 400, when a header that may be there once is there twice", () => {
    const head = readHead(raw(BINARY, "content-type", "a/b", "content-type", "a/c"));
    expect(contentModeOf(head)).toEqual({
      mode: "none",
      status: 400,
      reason: "The header content-type is there twice.",
    });
  });
});

describe("a binary event", () => {
  it("becomes the headers of the message in the order in which they came", () => {
    const block = binaryBlock({ host: "h", ...BINARY, "CE-Subject": "a%20b", "user-agent": "x" });
    expect(block).toBe(
      `NATS/1.0\r\nNats-Msg-Id: ${MESSAGE_ID}\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /a\r\nce-type: t\r\nce-subject: a%20b\r\n\r\n`,
    );
  });

  it("has its Content-Type as ce-datacontenttype", () => {
    const block = binaryBlock({ ...BINARY, "content-type": "text/plain; charset=utf-8" });
    expect(block).toContain("\r\nce-datacontenttype: text/plain; charset=utf-8\r\n");
    expect(block.toLowerCase()).not.toContain("\r\ncontent-type:");
  });

  it("carries what Knative passes through, and nothing else", () => {
    const block = binaryBlock({
      ...BINARY,
      TraceParent: "00-1-2-01",
      "X-Request-Id": "r",
      "x-b3-traceid": "b",
      "knative-foo": "k",
      "retry-after": "1",
      baggage: "x=1",
      authorization: "secret",
      cookie: "c",
      "x-other": "o",
      "nats-msg-id": "forged",
      "nats-ttl": "1s",
    });
    expect(block.split("\r\n").slice(6, -2)).toEqual([
      "traceparent: 00-1-2-01",
      "x-request-id: r",
      "x-b3-traceid: b",
      "knative-foo: k",
      "retry-after: 1",
      "baggage: x=1",
    ]);
  });

  it("leaves out a passed-through header that is not printable", () => {
    expect(binaryBlock({ ...BINARY, "knative-foo": "a\xe4" })).not.toContain("knative-foo");
  });

  it("has raw UTF-8 percent-encoded, and one message id in either form", () => {
    const utf8 = Buffer.from("/ä€").toString("latin1");
    const repaired = binaryBlock({ ...BINARY, "ce-source": utf8 });
    expect(repaired).toContain("\r\nce-source: /%C3%A4%E2%82%AC\r\n");
    expect(repaired).toBe(binaryBlock({ ...BINARY, "ce-source": "/%C3%A4%E2%82%AC" }));
  });

  it("keeps a percent sign that begins no escape, since some senders encode nothing", () => {
    expect(binaryBlock({ ...BINARY, "ce-subject": "100%, %zz" })).toContain(
      "\r\nce-subject: 100%, %zz\r\n",
    );
  });

  it.each(["ce-subject", "ce-dataschema"])(
    "has no %s when that is empty, as senders write one that they have not",
    (name) => {
      for (const unset of ["", '""']) {
        expect(binaryBlock({ ...BINARY, [name]: unset })).toBe(binaryBlock(BINARY));
      }
    },
  );

  it("is refused for escapes that are no UTF-8 once the quotes between them are gone", () => {
    expect(() => binaryBlock({ ...BINARY, "ce-subject": '"%"FF' })).toThrow(
      "attribute subject must be percent-encoded UTF-8",
    );
  });

  it("is not refused for escapes that are UTF-8 once the quotes between them are gone", () => {
    expect(binaryBlock({ ...BINARY, "ce-subject": '"%C3"%A4' })).toContain('ce-subject: "%C3"%A4');
  });

  it("is refused for a source that is empty but for its quotes", () => {
    expect(() => binaryBlock({ ...BINARY, "ce-source": '""' })).toThrow("source is empty");
  });

  it("keeps a source whose URI has escapes of its own, encoded again or not", () => {
    expect(binaryBlock({ ...BINARY, "ce-source": "/a%20b" })).toContain(
      "\r\nce-source: /a%20b\r\n",
    );
    expect(binaryBlock({ ...BINARY, "ce-source": "/a%2520b" })).toContain("/a%2520b\r\n");
  });

  it.each([
    ["specversion is missing", { "ce-specversion": undefined }, /specversion is missing/],
    ["specversion is another", { "ce-specversion": "1.1" }, /specversion is "1\.1"/],
    ["id is missing", { "ce-id": undefined }, /attribute id is missing/],
    ["id is empty", { "ce-id": "" }, /attribute id is empty/],
    ["type is missing", { "ce-type": undefined }, /attribute type is missing/],
    ["source is missing", { "ce-source": undefined }, /attribute source is missing/],
    ["source has spaces", { "ce-source": "a b" }, /attribute source/],
    ["source has encoded control characters", { "ce-source": "a%0Ab" }, /attribute source/],
    ["time is none", { "ce-time": "yesterday" }, /attribute time/],
    ["a name has a hyphen", { "ce-my-name": "x" }, /"my-name"/],
    ["a name is empty", { "ce-": "x" }, /""/],
    ["a name is data", { "ce-data": "x" }, /"data"/],
    ["datacontenttype is a header of its own", { "ce-datacontenttype": "a/b" }, /datacontenttype/],
    ["a value has a tab", { "ce-subject": "a\tb" }, /attribute subject/],
    ["a value has an encoded NUL", { "ce-subject": "a%00b" }, /attribute subject/],
    ["a value has encoded line ends", { "ce-subject": "a%0D%0Ab" }, /attribute subject/],
    ["a value is raw bytes that are no UTF-8", { "ce-subject": "\xff" }, /attribute subject/],
    ["a value is encoded bytes that are no UTF-8", { "ce-subject": "a%FFb" }, /attribute subject/],
    ["a value is an overlong space", { "ce-subject": "%C0%A0" }, /attribute subject/],
    ["a value is an encoded surrogate", { "ce-subject": "%ED%A0%80" }, /attribute subject/],
    ["the Content-Type is not printable", { "content-type": "text/\xe4" }, /Content-Type/],
  ])("is refused when %s", (_what, change: Record<string, string | undefined>, reason) => {
    const entries = Object.entries({ ...BINARY, ...change }).filter(
      ([, value]) => value !== undefined,
    );
    const headers = Object.fromEntries(entries) as Record<string, string>;
    expect(() => binaryBlock(headers)).toThrow(InvalidEventError);
    expect(() => binaryBlock(headers)).toThrow(reason);
  });

  it("is refused when an attribute is there twice, in whatever case", () => {
    expect(() => binaryBlock(BINARY, "CE-ID", "1")).toThrow("The attribute id is there twice.");
  });
});

describe("a structured event", () => {
  const BODY = Buffer.from('{"specversion":"1.0","id":"1","source":"/a","type":"t","data":1.0}');

  it("keeps only its content type and what is passed through as headers", () => {
    const headers = {
      "content-type": "application/cloudevents+json; charset=UTF-8",
      ...BINARY,
      traceparent: "p",
    };
    const block = text(structuredEvent(readHead(raw(headers)), BODY));
    expect(block).toBe(
      `NATS/1.0\r\nNats-Msg-Id: ${MESSAGE_ID}\r\ncontent-type: application/cloudevents+json; charset=UTF-8\r\ntraceparent: p\r\n\r\n`,
    );
  });

  it.each([
    ["a dead letter's", { knativeerrordest: "http://x" }],
    ["a Broker hop's", { knativebrokerttl: "7" }],
    ["text that must be encoded in a header", { source: "/ä%€" }],
  ])("has the message id of its binary form: %s", (_what, change) => {
    const attributes = { specversion: "1.0", id: "1", source: "/a", type: "t", ...change };
    const headers = Object.entries(attributes).map(([name, value]) => [
      `ce-${name}`,
      encodeURI(value),
    ]);
    const body = Buffer.from(JSON.stringify(attributes));
    const idOf = (block: string): string | undefined => /Nats-Msg-Id: (\S+)/.exec(block)?.[1];
    const binaryId = idOf(binaryBlock(Object.fromEntries(headers) as Record<string, string>));
    const structuredId = idOf(text(structuredEvent(readHead(raw(STRUCTURED)), body)));
    expect(structuredId).toBe(binaryId);
    expect(structuredId).not.toBe(MESSAGE_ID);
  });

  it.each([
    ["no JSON", "{"],
    ["a batch", "[]"],
    ["no attributes", "{}"],
  ])("is refused when its body is %s", (_what, body) => {
    const head = readHead(raw(STRUCTURED));
    expect(() => structuredEvent(head, Buffer.from(body))).toThrow(InvalidEventError);
  });
});
