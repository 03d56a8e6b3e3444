import { expect, it } from "vitest";
import { expand } from "../../../support/kubelet/container-environment.ts";

it.each([
  ["plain", "plain"],
  ["$(A)/$(B)", "one/two"],
  ["$(NOBODY)", "$(NOBODY)"],
  ["$$(A)", "$(A)"],
  ["$$$(A)", "$one"],
  ["cost: 5$", "cost: 5$"],
])("expands %s to %s", (text, expanded) => {
  expect(expand(text, { A: "one", B: "two" })).toBe(expanded);
});
