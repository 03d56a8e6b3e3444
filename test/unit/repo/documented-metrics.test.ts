import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createControllerMetrics, createMetrics } from "../../../src/runtime/metrics.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/metrics.md"), "utf8");
const cells = [...page.matchAll(/^\| (`[^|]+`) \|/gm)].map(([, cell = ""]) => cell);
const named = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name));

it.each([
  ["dispatcher", createMetrics],
  ["controller", createControllerMetrics],
])("docs/metrics.md has every metric of the %s", (_program, create) => {
  const own = create()
    .registry.getMetricsAsArray()
    .map(({ name }) => name)
    .filter((name) => /^(jetstream|kn)_/.test(name));
  // Of several in a row those behind the first are given by their ends: `_reserved_bytes`.
  const missing = own.filter(
    (name) => !named.some((one) => one === name || (one.startsWith("_") && name.endsWith(one))),
  );
  expect(own.length).toBeGreaterThan(5);
  expect(missing).toEqual([]);
});
