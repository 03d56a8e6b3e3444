import { expect, it } from "vitest";
import {
  firstOverlap,
  isLiteralSubject,
  isStreamName,
  isSubject,
  subjectsOverlap,
} from "../../../src/api/subjects.ts";

it.each([
  ["orders", true, true],
  ["default.orders._knative", true, true],
  ["orders.*.new", true, false],
  ["orders.>", true, false],
  [">", true, false],
  ["", false, false],
  [".orders", false, false],
  ["orders.", false, false],
  ["a..b", false, false],
  ["a.>.b", false, false],
  ["a b", false, false],
  ["a\u0000b", false, false],
  ["a\u200bb", false, false],
  ["a".repeat(1025), false, false],
])("takes the subject %j: %s, without wildcards: %s", (text, subject, literal) => {
  expect([isSubject(text), isLiteralSubject(text)]).toEqual([subject, literal]);
});

it.each([
  ["KN_DEFAULT__ORDERS", true],
  ["a".repeat(255), true],
  ["", false],
  ["a".repeat(256), false],
  ["a.b", false],
  ["a b", false],
  ["a\tb", false],
  ["a*", false],
  ["a>", false],
  ["a/b", false],
  ["a\\b", false],
  ["a,b", false],
])("takes the stream name %j: %s", (text, valid) => {
  expect(isStreamName(text)).toBe(valid);
});

it.each([
  ["a.b", "a.b", true],
  ["a.b", "a.c", false],
  ["a.*", "a.c", true],
  ["*.b", "a.*", true],
  ["a.>", "a.b.c", true],
  ["a.>", "a", false],
  [">", "a", true],
  ["a", "a.b", false],
  ["a.*", "a.b.c", false],
])("finds that %j and %j overlap: %s", (first, second, overlap) => {
  expect(subjectsOverlap(first, second)).toBe(overlap);
  expect(subjectsOverlap(second, first)).toBe(overlap);
});

it.each([
  [undefined, undefined],
  ["a", undefined],
  [[], undefined],
  [["a", "b", 5, null], undefined],
  [["a.b", "c", "a.*"], '"a.*" overlaps with "a.b"'],
  [["a", "a"], '"a" overlaps with "a"'],
])("finds the first overlap in %j: %s", (subjects, overlap) => {
  expect(firstOverlap(subjects)).toBe(overlap);
});
