import { dump } from "js-yaml";
import { admissionPolicies } from "./admission-policies.ts";
import { channelCrd } from "./channel-crd.ts";

const HEADER =
  "# Made by `npm run generate` out of src/api and config/generate: change it there.\n";

/** Gives the text of every generated file of config/, by its name. */
export function generatedManifests(): Map<string, string> {
  return new Map([
    ["300-natsjetstreamchannel.yaml", yamlOf([channelCrd()])],
    ["310-admission-policies.yaml", yamlOf(admissionPolicies())],
  ]);
}

function yamlOf(objects: readonly object[]): string {
  const documents = objects.map((object) => dump(object, { lineWidth: -1, noRefs: true }));
  return HEADER + documents.join("---\n");
}
