import { expect, it } from "vitest";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import { specNotes } from "../../../src/dispatcher/spec-notes.ts";
import { aChannel } from "../../support/channels-file.ts";

it.each([
  [{}, []],
  [{ stream: { config: { template: "base" } } }, ["spec.stream.config.template"]],
  [
    { consumerConfigTemplate: { consumerType: "Push" } },
    ["spec.consumerConfigTemplate.consumerType"],
  ],
  [{ consumerConfigTemplate: { consumerType: "Pull" } }, []],
  [
    { consumerConfigTemplate: { memoryStorage: true } },
    ["spec.consumerConfigTemplate.memoryStorage"],
  ],
])("notes of %j the paths %j", (spec, paths) => {
  const jetstream = { subjectPrefix: "", streamPrefix: "" };
  const parsed = parseChannel(aChannel({ name: "orders", spec }), { jetstream });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.refusals));
  expect(specNotes(parsed.channel).map(({ path }) => path)).toEqual(paths);
});
