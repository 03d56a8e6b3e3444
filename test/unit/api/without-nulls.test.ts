import { expect, it } from "vitest";
import { withoutNulls } from "../../../src/api/without-nulls.ts";

it.each([
  [null, null],
  [5, 5],
  [{ a: null, b: { c: null, d: 1 } }, { b: { d: 1 } }],
  [{ a: [null, { b: null }] }, { a: [null, {}] }],
])("takes the null fields out of %j", (value, wanted) => {
  expect(withoutNulls(value)).toEqual(wanted);
});

it("keeps what is shared shared, so that aliases cannot grow", () => {
  let value: unknown = { end: null };
  for (let level = 0; level < 30; level++) value = { left: value, right: value };
  const copy = withoutNulls(value) as { left: unknown; right: unknown };
  expect(copy.left).toBe(copy.right);
});

it("ends on a cycle and on any depth", () => {
  const cycle: Record<string, unknown> = { none: null };
  cycle.self = cycle;
  const copy = withoutNulls(cycle) as Record<string, unknown>;
  expect(Object.keys(copy)).toEqual(["self"]);
  expect(copy.self).toBe(copy);

  let deep: unknown = "end";
  for (let level = 0; level < 100_000; level++) deep = [deep];
  expect(withoutNulls(deep)).toBeInstanceOf(Array);
});

it("keeps a key __proto__ a key", () => {
  const copy = withoutNulls(JSON.parse('{"__proto__":{"polluted":true}}')) as object;
  expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  expect(Object.keys(copy)).toEqual(["__proto__"]);
});
