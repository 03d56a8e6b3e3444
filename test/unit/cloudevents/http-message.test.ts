import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { CloudEvent, HTTP } from "cloudevents";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Event } from "../../../src/cloudevents/event.ts";
import { eventFromMessage } from "../../../src/cloudevents/event-from-message.ts";
import { eventFromResponse } from "../../../src/cloudevents/event-from-response.ts";
import { type HttpMessage, httpMessageFor } from "../../../src/cloudevents/http-message.ts";
import { scanJsonEvent } from "../../../src/cloudevents/json-event.ts";

const CORE: Event["attributes"] = [
  ["specversion", "1.0"],
  ["id", "1"],
  ["source", "/a"],
  ["type", "t"],
];

function event(changes: Partial<Event>): Event {
  return {
    attributes: CORE,
    contentType: undefined,
    data: new Uint8Array(0),
    structured: undefined,
    passThrough: [],
    ...changes,
  };
}

function pairs({ headers }: HttpMessage): [string, string][] {
  return headers.flatMap((name, i) => (i % 2 === 0 ? [[name, headers[i + 1] as string]] : []));
}

function textOf({ body }: HttpMessage): string {
  return Buffer.from(body).toString();
}

describe("binary mode", () => {
  it("carries attributes, content type, pass-through headers and the very data", () => {
    const data = Buffer.from("data");
    const message = httpMessageFor(
      event({ contentType: "text/plain", data, passThrough: [["x-request-id", "r"]] }),
      "binary",
    );
    expect(message.headers).toEqual([
      "ce-specversion",
      "1.0",
      "ce-id",
      "1",
      "ce-source",
      "/a",
      "ce-type",
      "t",
      "content-type",
      "text/plain",
      "x-request-id",
      "r",
    ]);
    expect(message.body).toBe(data);
  });

  it("gives way to structured mode when the data are CloudEvents themselves", () => {
    const inner = '{"specversion":"1.0","id":"inner","source":"/b","type":"u"}';
    const contentType = "application/cloudevents+json";
    const message = httpMessageFor(event({ contentType, data: Buffer.from(inner) }), "binary");
    expect(pairs(message)).toEqual([["content-type", contentType]]);
    const outer = scanJsonEvent(message.body);
    expect(outer.attributes).toContainEqual(["id", "1"]);
    expect(outer.dataContentType).toBe(contentType);
    expect(Buffer.from(outer.data).toString()).toBe(inner);
  });
});

describe("the json format", () => {
  it("of an event that is stored in structured mode is its very bytes", () => {
    const body = Buffer.from(' { "specversion":"1.0" } ');
    const contentType = "application/cloudevents+json; charset=utf-8";
    const message = httpMessageFor(
      event({ structured: { contentType, body }, passThrough: [["baggage", "a=1"]] }),
      "json",
    );
    expect(message.body).toBe(body);
    expect(message.headers).toEqual(["content-type", contentType, "baggage", "a=1"]);
  });

  const CASES: [string, string | undefined, string | Buffer, string][] = [
    ["no data", undefined, "", ""],
    ["no data of a type", "text/plain", "", ',"datacontenttype":"text/plain"'],
    [
      "JSON",
      "application/json",
      ' {"n": 1e400} ',
      ',"datacontenttype":"application/json","data": {"n": 1e400} ',
    ],
    ["JSON without a type", undefined, "12345678901234567890", ',"data":12345678901234567890'],
    ["+json", "a/b+json;c=d", '"\\u00e9"', ',"datacontenttype":"a/b+json;c=d","data":"\\u00e9"'],
    [
      "JSON that is none",
      "application/json",
      "{",
      ',"datacontenttype":"application/json","data_base64":"ew=="',
    ],
    [
      "JSON in UTF-16",
      "application/json",
      Buffer.from("{}", "utf16le"),
      ',"datacontenttype":"application/json","data_base64":"ewB9AA=="',
    ],
    ["text", "text/plain", 'é"\n\u0000', ',"datacontenttype":"text/plain","data":"é\\"\\n\\u0000"'],
    [
      "XML",
      "application/soap+xml",
      "<a/>",
      ',"datacontenttype":"application/soap+xml","data":"<a/>"',
    ],
    [
      "text in another charset",
      "text/plain; charset=iso-8859-1",
      "a",
      ',"datacontenttype":"text/plain; charset=iso-8859-1","data_base64":"YQ=="',
    ],
    [
      "text that is not UTF-8",
      "text/plain",
      Buffer.from([0xff]),
      ',"datacontenttype":"text/plain","data_base64":"/w=="',
    ],
    [
      "bytes",
      "application/octet-stream",
      Buffer.from([0, 1, 255]),
      ',"datacontenttype":"application/octet-stream","data_base64":"AAH/"',
    ],
    ["bytes without a type", undefined, Buffer.from([0, 1, 255]), ',"data_base64":"AAH/"'],
  ];

  it.each(CASES)("of an event with %s is one JSON object", (_, contentType, data, tail) => {
    const message = httpMessageFor(event({ contentType, data: Buffer.from(data) }), "json");
    expect(textOf(message)).toBe(`{"specversion":"1.0","id":"1","source":"/a","type":"t"${tail}}`);
    expect(pairs(message)).toEqual([["content-type", "application/cloudevents+json"]]);
  });

  it.each(CASES)("of an event with %s leads back to the same bytes", (_, contentType, data) => {
    const { body } = httpMessageFor(event({ contentType, data: Buffer.from(data) }), "json");
    const back = scanJsonEvent(body);
    // Space around JSON is no part of its value.
    const expected = contentType === "application/json" ? String(data).trim() : data;
    expect(back.dataContentType).toBe(contentType);
    if (!(Buffer.isBuffer(data) && contentType === "application/json")) {
      expect(Buffer.from(back.data)).toEqual(Buffer.from(expected));
    } else {
      expect(Buffer.from(back.data)).toEqual(data);
    }
  });

  it("leaves a URI's own escape in the source, where decoded it would be a space", () => {
    const attributes = CORE.map(([name, value]): [string, string] =>
      name === "source" ? [name, "/a%20b%C3%A4"] : [name, value],
    );
    const body = textOf(httpMessageFor(event({ attributes }), "json"));
    expect(JSON.parse(body).source).toBe("/a%20b%C3%A4");
  });

  it("writes attributes as decoded text", () => {
    const attributes: Event["attributes"] = [
      ...CORE,
      ["subject", "Euro%20%E2%82%AC%20%22"],
      ["n", "5"],
    ];
    const { body } = httpMessageFor(event({ attributes }), "json");
    expect(JSON.parse(Buffer.from(body).toString())).toMatchObject({ subject: 'Euro € "', n: "5" });
  });

  it("of a 0.3 event puts bytes in data, with datacontentencoding", () => {
    const attributes: Event["attributes"] = [
      ["specversion", "0.3"],
      ...CORE.slice(1),
      ["datacontentencoding", "base64"],
    ];
    const data = Buffer.from([0, 255]);
    const { body } = httpMessageFor(event({ attributes, contentType: "a/b", data }), "json");
    expect(Buffer.from(body).toString()).toContain(
      ',"datacontenttype":"a/b","datacontentencoding":"base64","data":"AP8="}',
    );
    expect(Buffer.from(scanJsonEvent(body).data)).toEqual(data);
  });
});

describe("a round trip", () => {
  it("through both formats gives 900 kB of binary data back", () => {
    const data = Buffer.alloc(
      900_000,
      Uint8Array.from({ length: 251 }, (_, i) => i),
    );
    const source = event({ contentType: "application/octet-stream", data });
    expect(httpMessageFor(source, "binary").body).toBe(data);
    const json = httpMessageFor(source, "json");
    const back = eventFromResponse(json.headers, json.body) as Event;
    expect(Buffer.from(httpMessageFor(back, "binary").body).equals(data)).toBe(true);
    expect(pairs(httpMessageFor(back, "binary"))).toEqual(pairs(httpMessageFor(source, "binary")));
  });

  it.each(["binary", "json"] as const)(
    "in %s is read by the CloudEvents SDK as it was written",
    (format) => {
      const original = new CloudEvent({
        id: "7",
        source: "/sdk",
        type: "com.example",
        subject: "s",
        time: "2026-01-01T00:00:00.000Z",
        datacontenttype: "application/json",
        data: { list: [1, 2.5, "é"] },
        myext: "e",
      });
      const { headers, body } = HTTP.structured(original);
      const stored = eventFromMessage({
        subject: "a",
        headers: [["content-type", [headers["content-type"] as string]]],
        data: Buffer.from(body as string),
        stream: "A",
        sequence: 1,
        storedAt: () => "",
      });
      const message = httpMessageFor(stored, format);
      const read = HTTP.toEvent({
        headers: Object.fromEntries(pairs(message)),
        body: textOf(message),
      });
      expect(JSON.parse(JSON.stringify(read))).toEqual(JSON.parse(JSON.stringify(original)));
    },
  );
});

describe("hostile header values and names", () => {
  const received: IncomingMessage["rawHeaders"][] = [];
  const server = createServer((incoming, response) => {
    received.push(incoming.rawHeaders);
    incoming.resume();
    response.end();
  });
  let origin = "";

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
  });

  const EVIL = "a\r\nx-evil: 1\r\n\r\nGET / HTTP/1.1\u0000\u0085\u2028č\u010a";

  it.each(["binary", "json"] as const)(
    "of a native producer cannot break out of a header in %s",
    async (format) => {
      const stored = eventFromMessage({
        subject: EVIL,
        headers: [
          ["ce-specversion", ["1.0"]],
          ["ce-id", [EVIL]],
          ["ce-source", [EVIL]],
          ["ce-type", [EVIL]],
          [`ce-${EVIL}`, ["1"]],
          ["ce-datacontenttype", [EVIL]],
          [`knative-${EVIL}`, ["1"]],
          ["knative-a b", ["1"]],
          ["knative-a:b", ["1"]],
          ["baggage", [EVIL, EVIL]],
        ],
        data: Buffer.from("x"),
        stream: "A",
        sequence: 1,
        storedAt: () => EVIL,
      });
      const message = httpMessageFor(stored, format);

      for (const [name, value] of pairs(message)) {
        expect(name).toMatch(/^[a-z0-9-]+$/);
        expect(value).toMatch(/^[ -~]*$/);
      }
      received.length = 0;
      const answer = await request(origin, { method: "POST", ...message });
      await answer.body.dump();
      expect(received).toHaveLength(1);
      const names = (received[0] ?? [])
        .filter((_, i) => i % 2 === 0)
        .map((name) => name.toLowerCase());
      expect(names).not.toContain("x-evil");
      expect(names.filter((name) => name === "baggage")).toHaveLength(2);
    },
  );
});
