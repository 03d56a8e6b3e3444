import { expect, it } from "vitest";
import { parseQuantity } from "../../../src/api/quantity.ts";

it.each([
  [0, 0],
  [64_000_000, 64_000_000],
  ["0", 0],
  ["1024", 1024],
  ["1k", 1000],
  ["64M", 64_000_000],
  ["1.1k", 1100],
  ["2G", 2e9],
  ["1Ki", 1024],
  ["128Mi", 134_217_728],
  ["1.5Gi", 1_610_612_736],
  ["1Ti", 1_099_511_627_776],
  ["1e6", 1_000_000],
  ["1.5E3", 1500],
])("reads %j as %d bytes", (value, bytes) => {
  expect(parseQuantity(value)).toBe(bytes);
});

it.each([
  "",
  "-1",
  "1 Mi",
  "1mi",
  "1MiB",
  "1K",
  "Mi",
  "100m",
  "0.5",
  "1.0001k",
  ".5Mi",
  "0x10",
  "1e99",
  "9007199254740993",
  "constructor",
  "1constructor",
  -5,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
])("refuses %j and shows an example", (value) => {
  expect(() => parseQuantity(value)).toThrow(RangeError);
  expect(() => parseQuantity(value)).toThrow(/a whole number of bytes like "128Mi".*got/);
});
