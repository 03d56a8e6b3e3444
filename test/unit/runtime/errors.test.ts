import { describe, expect, it } from "vitest";
import { errorCode, errorMessage } from "../../../src/runtime/errors.ts";

describe("the sentence of what was thrown", () => {
  const inner = new Error("inner");
  it.each([
    ["an error", new Error("outer"), "outer"],
    [
      "an error with its causes",
      new Error("outer", { cause: new Error("middle", { cause: inner }) }),
      "outer: middle: inner",
    ],
    ["an error whose cause is no error", new Error("outer", { cause: "words" }), "outer: words"],
    ["a group without words", new AggregateError([inner, new Error("other")], ""), "inner; other"],
    ["a group with words", new AggregateError([inner], "both failed"), "both failed"],
    ["a group in a group", new AggregateError([new AggregateError([inner], "")], ""), "inner"],
    ["a text", "words", "words"],
    ["undefined", undefined, "undefined"],
    ["null", null, "null"],
    ["an object", { code: 7 }, "[object Object]"],
  ])("%s", (_what, error, message) => {
    expect(errorMessage(error)).toBe(message);
  });
});

describe("the code of a system error", () => {
  it.each([
    [Object.assign(new Error("no file"), { code: "ENOENT" }), "ENOENT"],
    [Object.assign(new Error("JetStream's"), { code: 10059 }), undefined],
    [new Error("plain"), undefined],
    ["ENOENT", undefined],
    [null, undefined],
    [undefined, undefined],
  ])("%s", (error, code) => {
    expect(errorCode(error)).toBe(code);
  });
});
