import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { KIND } from "../../../src/api/names.ts";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import { specNotes } from "../../../src/dispatcher/spec-notes.ts";
import { parseYaml } from "../../../src/runtime/yaml.ts";

const root = join(import.meta.dirname, "../../..");
const files = ["examples", "examples/channels"].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => `${folder}/${file}`),
);

function documentsIn(file: string): { kind: string; data?: Record<string, string> }[] {
  const documents = parseYaml(readFileSync(join(root, file), "utf8")) as { kind: string }[];
  expect(documents).not.toEqual([]);
  return documents;
}

function expectTaken(channel: unknown): void {
  const jetstream = { subjectPrefix: "", streamPrefix: "" };
  const parsed = parseChannel(channel, { jetstream });
  expect(parsed).toMatchObject({ ok: true, refusals: [] });
  expect(parsed.ok && specNotes(parsed.channel)).toEqual([]);
}

describe.each(files)("%s", (file) => {
  it("has no channels but such as are taken as they are", () => {
    for (const document of documentsIn(file)) if (document.kind === KIND) expectTaken(document);
  });
});

it("examples/default-channel.yaml has templates of channels that are taken as they are", () => {
  const texts = documentsIn("examples/default-channel.yaml").flatMap(({ data = {} }) =>
    Object.values(data),
  );
  const templates = texts.flatMap(parseYaml).map((template) => {
    const { clusterDefault = template } = template as { clusterDefault?: object };
    return clusterDefault as { kind: string };
  });
  expect(templates.map(({ kind }) => kind)).toEqual([KIND, KIND]);
  const metadata = { namespace: "default", name: "from-template" };
  for (const template of templates) expectTaken({ ...template, metadata });
});
