import { describe, expect, it } from "vitest";
import { isAtLeast, requiredVersion } from "../../../support/tools/version.ts";

describe("isAtLeast", () => {
  it.each([
    ["2.10", "2.10", true],
    ["2.10.0", "2.10", true],
    ["2.15.2", "2.10", true],
    ["2.9.25", "2.10", false],
    ["1.99.99", "2.10", false],
    ["3.0", "2.10.5", true],
    ["2.10", "2.10.5", false],
  ])("says of %s against the floor %s: %s", (version, floor, wanted) => {
    expect(isAtLeast(version, floor)).toBe(wanted);
  });
});

describe("requiredVersion", () => {
  const goMod = `module tools
require example.com/alone v1.2.3
require (
\texample.com/one v2.0.1
\texample.com/one/v2 v2.15.2 // indirect
)
tool example.com/unversioned
`;

  it.each([
    ["example.com/alone", "1.2.3"],
    ["example.com/one", "2.0.1"],
    ["example.com/one/v2", "2.15.2"],
  ])("finds the version of %s", (module, version) => {
    expect(requiredVersion(goMod, module)).toBe(version);
  });

  it("refuses a module that go.mod does not require", () => {
    expect(() => requiredVersion(goMod, "example.com/unversioned")).toThrow(
      "go.mod requires no version of example.com/unversioned",
    );
  });
});
