import { describe, expect, it } from "vitest";
import {
  checkAttributeName,
  checkAttributeText,
  checkRequired,
  InvalidEventError,
} from "../../../src/cloudevents/attributes.ts";

const VALID = { specversion: "1.0", id: "1", source: "/a", type: "t" };

function check(changes: Record<string, string | undefined>): void {
  const attributes: Record<string, string | undefined> = { ...VALID, ...changes };
  for (const [name, text] of Object.entries(attributes)) {
    if (text !== undefined) checkAttributeText(name, text);
  }
  checkRequired((name) => attributes[name]);
}

describe("an attribute name", () => {
  it.each(["a", "0", "traceparent", "knativeerrordest", "comexampleextension1", "data2"])(
    "%j is allowed",
    (name) => {
      expect(() => checkAttributeName(name)).not.toThrow();
    },
  );

  it.each(["", "data", "data_base64", "Id", "my-ext", "my_ext", "é", "a b", "a:", "a\r\nb"])(
    "%j is refused by name",
    (name) => {
      expect(() => checkAttributeName(name)).toThrow(InvalidEventError);
      expect(() => checkAttributeName(name)).toThrow(JSON.stringify(name));
    },
  );

  it("is cut in the error sentence, since it may be as long as a request", () => {
    const error = catchError(() => checkAttributeName("_".repeat(100_000)));
    expect(error.message.length).toBeLessThan(300);
  });
});

describe("an attribute's text", () => {
  it.each(["", "plain", "Euro € 😀", "a\u00a0b", '"%'])("%j is allowed", (text) => {
    expect(() => checkAttributeText("myext", text)).not.toThrow();
  });

  it.each([
    "\u0000",
    "a\nb",
    "a\r",
    "\t",
    "\u001f",
    "\u007f",
    "\u0080",
    "\u009f",
    "\ud800",
    "a\udc00b",
    "\ude00\ud83d",
  ])("%j is refused, and the attribute is named", (text) => {
    expect(() => checkAttributeText("subject", text)).toThrow(InvalidEventError);
    expect(() => checkAttributeText("subject", text)).toThrow("attribute subject");
  });
});

describe("all attributes", () => {
  it.each([
    {},
    { specversion: "0.3" },
    { source: "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66" },
    { source: "https://example.com/é?a=b#c" },
    { time: "2018-04-05T17:31:00Z" },
    { time: "2018-04-05t17:31:00.123456789z" },
    { time: "2024-02-29T23:59:60+05:30" },
    { time: "0000-01-31T00:00:00-00:00" },
  ])("are accepted with %j", (changes) => {
    expect(() => check(changes)).not.toThrow();
  });

  it.each([
    ["specversion", undefined],
    ["specversion", ""],
    ["specversion", "1"],
    ["specversion", "1.0 "],
    ["specversion", "2.0"],
    ["id", undefined],
    ["id", ""],
    ["type", undefined],
    ["type", ""],
    ["source", undefined],
    ["source", ""],
    ["source", "/a b"],
    ["source", "/a\u2028b"],
    ["source", "/a\u0001"],
    ["subject", ""],
    ["dataschema", ""],
    ["time", ""],
    ["time", "yesterday"],
    ["time", "2018-04-05"],
    ["time", "2018-04-05T17:31:00"],
    ["time", "2018-04-05 17:31:00Z"],
    ["time", "2018-13-05T17:31:00Z"],
    ["time", "2018-04-31T17:31:00Z"],
    ["time", "2023-02-29T17:31:00Z"],
    ["time", "2018-04-05T24:00:00Z"],
    ["time", "2018-04-05T17:31:00.Z"],
    ["time", "2018-04-05T17:31:00+24:00"],
    ["time", "2018-04-05T17:31:00Z\n"],
  ])("are refused with %s as %j, and the attribute is named", (name, text) => {
    expect(() => check({ [name]: text })).toThrow(InvalidEventError);
    expect(() => check({ [name]: text })).toThrow(`attribute ${name}`);
  });
});

function catchError(action: () => void): Error {
  try {
    action();
  } catch (error) {
    if (error instanceof Error) {
      return error;
    }
  }
  throw new Error("nothing was thrown");
}
