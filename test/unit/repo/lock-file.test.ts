import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

interface LockedPackage {
  resolved?: string;
  optionalDependencies?: Record<string, string>;
}

const path = join(import.meta.dirname, "../../../package-lock.json");
const { packages } = JSON.parse(readFileSync(path, "utf8")) as {
  packages: Record<string, LockedPackage>;
};

it("lists the optional packages of every platform, or npm 11 refuses to install on any", () => {
  const missing = Object.entries(packages).flatMap(([parent, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) =>
        packages[`node_modules/${name}`] === undefined &&
        packages[`${parent}/node_modules/${name}`] === undefined,
    ),
  );
  expect(missing).toEqual([]);
});

it("holds no addresses of a registry", () => {
  const resolved = Object.values(packages).filter((one) => one.resolved !== undefined);
  expect(resolved).toEqual([]);
});
