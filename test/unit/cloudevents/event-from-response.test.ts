import { describe, expect, it } from "vitest";
import { InvalidEventError } from "../../../src/cloudevents/attributes.ts";
import { eventFromResponse } from "../../../src/cloudevents/event-from-response.ts";

const BODY = Buffer.from("{}");
const BINARY = ["Ce-Specversion", "1.0", "Ce-Id", "1", "Ce-Source", "/a", "Ce-Type", "t"];

describe("a response is an event", () => {
  it("in binary mode, with its own pass-through headers", () => {
    const headers = [
      "Date",
      "now",
      ...BINARY,
      "Content-Type",
      "application/json",
      "X-Request-Id",
      "r",
      "Set-Cookie",
      "c",
    ];
    const event = eventFromResponse(headers, BODY);
    expect(event).toEqual({
      attributes: [
        ["specversion", "1.0"],
        ["id", "1"],
        ["source", "/a"],
        ["type", "t"],
      ],
      contentType: "application/json",
      data: BODY,
      structured: undefined,
      passThrough: [["x-request-id", "r"]],
    });
  });

  it("in structured mode, with its very bytes", () => {
    const body = Buffer.from('{"specversion":"0.3","id":"1","source":"/a","type":"t","data":1.0}');
    const contentType = "application/cloudevents+json; charset=utf-8";
    expect(eventFromResponse(["content-type", contentType], body)).toMatchObject({
      attributes: [
        ["specversion", "0.3"],
        ["id", "1"],
        ["source", "/a"],
        ["type", "t"],
      ],
      contentType: "application/json",
      data: Buffer.from("1.0"),
      structured: { contentType, body },
    });
  });

  it("with a source whose URI has escapes of its own", () => {
    const headers = [...BINARY.slice(0, 4), "ce-source", "/a%20b", "ce-type", "t"];
    expect(eventFromResponse(headers, BODY)).toMatchObject({
      attributes: expect.arrayContaining([["source", "/a%20b"]]),
    });
  });

  it("without a subject when that is empty", () => {
    expect(eventFromResponse([...BINARY, "ce-subject", ""], BODY)).toEqual(
      eventFromResponse(BINARY, BODY),
    );
  });

  it("with raw UTF-8 in a header, which arrives as Latin-1", () => {
    const subject = Buffer.from("é€").toString("latin1");
    expect(eventFromResponse([...BINARY, "ce-subject", subject], BODY)).toMatchObject({
      attributes: expect.arrayContaining([["subject", "é€"]]),
    });
  });
});

it.each([
  [[]],
  [["Content-Type", "application/json"]],
  [["Ce-Id", "1", "Ce-Type", "t"]],
  [["x-ce-specversion", "1.0"]],
])("a response with the headers %j is none", (headers) => {
  expect(eventFromResponse(headers, BODY)).toBeUndefined();
});

describe("a response is an invalid event", () => {
  it.each([
    [["Content-Type", "application/cloudevents-batch+json"], "batch"],
    [["Content-Type", "application/cloudevents+avro"], "avro"],
    [["Content-Type", "application/cloudevents+json"], "specversion"],
    [["Ce-Specversion", "1.0"], "attribute id"],
    [[...BINARY.slice(2), "Ce-Specversion", "2.0"], "specversion"],
    [[...BINARY, "ce-id", "2"], "attribute id"],
    [[...BINARY, "ce-my_ext", "2"], "my_ext"],
    [[...BINARY, "ce-subject", "a%0D%0Ab"], "attribute subject"],
    [[...BINARY, "ce-time", "now"], "attribute time"],
    [[...BINARY, "ce-subject", "%FF"], "attribute subject"],
    [[...BINARY, "content-type", "a/b\u00c2\u0085"], "attribute datacontenttype"],
  ])("with the headers %j", (headers, named) => {
    const error = eventFromResponse(headers, BODY);
    expect(error).toBeInstanceOf(InvalidEventError);
    expect(String(error)).toContain(named);
  });
});
