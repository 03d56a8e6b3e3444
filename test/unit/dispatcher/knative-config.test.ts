import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { hasCrossNamespaceLinks } from "../../../src/dispatcher/knative-config.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "knative-config-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

it.each([
  [undefined, false],
  ["", false],
  ["{}", false],
  ['{"cross-namespace-event-links":"disabled"}', false],
  ['{"cross-namespace-event-links":"enabled"}', true],
  ["cross-namespace-event-links: Enabled", true],
])(
  "with config-features %j Subscriptions of other namespaces are let in: %s",
  async (text, isOn) => {
    if (text !== undefined) await writeFile(join(folder, "config-features"), text);
    expect(await hasCrossNamespaceLinks(folder)).toBe(isOn);
  },
);

it("a file that cannot be read is no answer", async () => {
  await writeFile(join(folder, "config-features"), "{");
  await expect(hasCrossNamespaceLinks(folder)).rejects.toThrow("not YAML");
});
