import { expect, it } from "vitest";
import { NewestVersions } from "../../../src/controller/newest-versions.ts";

it("prefers what it wrote to a copy that is a moment behind, of the same object only", () => {
  const version = (resourceVersion: string, uid = "u") => ({
    metadata: { namespace: "n", name: "c", uid, resourceVersion },
  });
  const newest = new NewestVersions();
  const written = version("10");
  newest.take(written);
  expect(newest.of(version("9"))).toBe(written);
  const replaced = version("8", "another");
  expect(newest.of(replaced)).toBe(replaced);
  newest.take(written);
  const later = version("11");
  expect(newest.of(later)).toBe(later);
  expect(newest.of(undefined)).toBeUndefined();
});
