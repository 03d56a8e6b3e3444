import { describe, expect, it } from "vitest";
import { decodeHeaderValue, encodeHeaderValue } from "../../../src/cloudevents/attributes.ts";
import { isHeaderName, printableHeaderValue } from "../../../src/cloudevents/header-value.ts";

describe("the header form of an attribute", () => {
  it.each([
    ["", ""],
    ["plain", "plain"],
    ["!#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"],
    ["a b", "a%20b"],
    ['say "hi"', "say%20%22hi%22"],
    ["100%", "100%25"],
    ["a%20b", "a%2520b"],
    ["Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"],
    ["line\r\nce-id: 2", "line%0D%0Ace-id:%202"],
    ["\u0000\u007f\u0080", "%00%7F%C2%80"],
  ])("of %j is %j, and leads back to it", (text, header) => {
    expect(encodeHeaderValue(text)).toBe(header);
    expect(decodeHeaderValue(header)).toBe(text);
  });

  it.each([
    ["a b", "a b"],
    ["%e2%82%ac", "€"],
    ["%41%42", "AB"],
    ['"quoted text"', "quoted text"],
    ['"a \\"b\\" \\\\ c"', 'a "b" \\ c'],
    ['"%20"', " "],
    ['x="a b"; y="c"', "x=a b; y=c"],
    ['open " quote', 'open " quote'],
    ["%2520", "%20"],
  ])("%j is decoded once to %j", (header, text) => {
    expect(decodeHeaderValue(header)).toBe(text);
  });

  it.each([
    ["100%", "100%"],
    ["%", "%"],
    ["%zz%20", "%zz "],
    ["%C0%A0", "%C0%A0"],
    ["%ED%A0%80", "%ED%A0%80"],
    ["%E2%82", "%E2%82"],
    ["%FF%41", "%FFA"],
    ["%C3%A9%A9", "é%A9"],
    ["%F5%80%80%80", "%F5%80%80%80"],
  ])("%j keeps what is no valid sequence: %j", (header, text) => {
    expect(decodeHeaderValue(header)).toBe(text);
  });
});

describe("a value that leaves over HTTP", () => {
  it.each([
    ['stays when it is printable: a b%"~', 'stays when it is printable: a b%"~'],
    ["a\r\nx-evil: 1", "a%0D%0Ax-evil: 1"],
    ["a\nb", "a%0Ab"],
    ["a\u0000b", "a%00b"],
    ["a\tb", "a%09b"],
    ["é", "%C3%A9"],
    ["\u2028", "%E2%80%A8"],
    ["č\u010a", "%C4%8D%C4%8A"],
  ])("%j becomes %j", (value, printable) => {
    expect(printableHeaderValue(value)).toBe(printable);
  });
});

describe("a header name", () => {
  it.each(["x-b3-traceid", "knative-a_b.c", "knative-1!"])("%j is one", (name) => {
    expect(isHeaderName(name)).toBe(true);
  });

  it.each([
    "",
    "knative-a b",
    "knative-a:b",
    "knative-a\r\nb",
    "knative-a\n",
    "knative-é",
    "knative-\u0000",
  ])("%j is none", (name) => {
    expect(isHeaderName(name)).toBe(false);
  });
});
