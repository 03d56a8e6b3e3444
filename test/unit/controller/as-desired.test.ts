import { describe, expect, it } from "vitest";
import { isAsDesired } from "../../../src/controller/as-desired.ts";

describe("an object is as desired", () => {
  it.each([
    [{ a: 1, b: 2 }, { a: 1 }, true],
    [{ a: 1 }, { a: 2 }, false],
    [{ a: 1 }, { a: 1, b: undefined }, true],
    [{}, { a: {} }, true],
    [{}, { tolerations: [] }, true],
    [{ tolerations: null }, { tolerations: [] }, true],
    [{ env: [{ name: "A" }] }, { env: [{ name: "A", value: "" }] }, true],
    [{ env: [{ name: "A", value: "x" }] }, { env: [{ name: "A", value: "" }] }, false],
    [{ a: { b: { c: 1 } } }, { a: { b: { c: 2 } } }, false],
    [{ list: [1, 2] }, { list: [1, 2] }, true],
    [{ list: [1, 2, 3] }, { list: [1, 2] }, false],
    [
      { ports: [{ name: "http", port: 80, nodePort: 1 }, { name: "extra" }] },
      { ports: [{ name: "http", port: 80 }] },
      true,
    ],
    [{ ports: [{ name: "http", port: 81 }] }, { ports: [{ name: "http", port: 80 }] }, false],
    [
      { resources: { requests: { cpu: "500m", memory: "1Gi" } } },
      { resources: { requests: { cpu: "0.5", memory: "1024Mi" } } },
      true,
    ],
    [{ resources: { limits: { cpu: "500m" } } }, { resources: { limits: { cpu: "600m" } } }, false],
    [{ name: "1000m" }, { name: "1" }, false],
    [undefined, { a: 1 }, false],
  ])("%j with %j: %s", (actual, desired, expected) => {
    expect(isAsDesired(actual, desired)).toBe(expected);
  });
});
