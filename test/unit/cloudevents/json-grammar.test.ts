import { describe, expect, it } from "vitest";
import { isJsonText } from "../../../src/cloudevents/json-members.ts";

describe("the JSON grammar", () => {
  it.each([
    "0",
    "-0",
    "10",
    "1.5",
    "1e5",
    "1E+5",
    "1e-05",
    '"\\u0000"',
    '"\\ud800"',
    '"\u2028"',
    '"\u007f"',
    " [ ] ",
    "[1,[2,{}]]",
    '{"a":{"b":[]}}',
    "true",
    "false",
    "null",
    '"/"',
  ])("has %s", (text) => {
    expect(isJsonText(Buffer.from(text))).toBe(true);
  });

  it.each([
    "",
    " ",
    "-",
    "01",
    "-01",
    "1.",
    ".1",
    "1e",
    "1e+",
    "+1",
    "0x1",
    "1 2",
    "tru",
    "truex",
    "nul",
    "True",
    "NaN",
    '"',
    '"\\',
    '"\\"',
    '"\\u12"',
    '"\\u123g"',
    '"\\x"',
    '"\n"',
    '"\u0000"',
    "[",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "]",
    "[}",
    "{]",
    "{",
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,',
    '{"a":1,}',
    "{,}",
    "{1:1}",
    '{"a" 1}',
    "{a:1}",
    "'a'",
    "[1]]",
    "\ufeff1",
    "1\u00a0",
    "\f1",
    "//",
    '"a"b',
  ])("does not have %j", (text) => {
    expect(isJsonText(Buffer.from(text))).toBe(false);
  });

  it("does not have what is not UTF-8", () => {
    expect(isJsonText(Buffer.from([0x22, 0xff, 0x22]))).toBe(false);
    expect(isJsonText(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))).toBe(false);
  });
});
