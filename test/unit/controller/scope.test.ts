import { describe, expect, it } from "vitest";
import type { Channel } from "../../../src/controller/kinds.ts";
import { oldestOf, scopeFor, scopeKeyOf } from "../../../src/controller/scope.ts";

describe("a scope", () => {
  const channel = (annotation: string | undefined): Channel => ({
    metadata: {
      namespace: "orders",
      annotations: annotation === undefined ? {} : { "eventing.knative.dev/scope": annotation },
    },
  });

  it.each([
    [undefined, "cluster", "system"],
    ["cluster", "cluster", "system"],
    // The dispatcher and the admission policy read it as exactly.
    ["Namespace", "cluster", "system"],
    ["namespace", "namespace/orders", "orders"],
  ])("of a channel annotated with %s is %s", (annotation, key, namespace) => {
    expect(scopeKeyOf(channel(annotation))).toBe(key);
    expect(scopeFor(key, "system")).toEqual({ key, namespace, isNamespaced: key !== "cluster" });
  });

  it("has one oldest channel, also among those of one second", () => {
    const made = (name: string, creationTimestamp: string) => ({
      metadata: { namespace: "n", name, creationTimestamp },
    });
    const [old, first, second] = [
      made("z", "2026-01-01T00:00:00Z"),
      made("a", "2026-01-01T00:00:01Z"),
      made("b", "2026-01-01T00:00:01Z"),
    ];
    expect(oldestOf([second, first, old])).toBe(old);
    expect(oldestOf([second, first])).toBe(first);
    expect(oldestOf([])).toBeUndefined();
  });
});
