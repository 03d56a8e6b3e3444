import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import { specNotes } from "../../../src/dispatcher/spec-notes.ts";
import { parseYaml } from "../../../src/runtime/yaml.ts";

const folder = join(import.meta.dirname, "../../../examples/channels");

describe.each(readdirSync(folder))("examples/channels/%s", (file) => {
  it("holds channels that are taken as they are", () => {
    const documents = parseYaml(readFileSync(join(folder, file), "utf8"));
    expect(documents).not.toEqual([]);
    for (const document of documents) {
      const jetstream = { subjectPrefix: "", streamPrefix: "" };
      const parsed = parseChannel(document, { jetstream });
      expect(parsed).toMatchObject({ ok: true, refusals: [] });
      expect(parsed.ok && specNotes(parsed.channel)).toEqual([]);
    }
  });
});
