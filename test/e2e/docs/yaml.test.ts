/** The pages' YAML: objects are given to the API server on trial, everything else to the parser of the file that it is a part of. */
import { beforeAll, describe, expect, inject, it } from "vitest";
import { parseDispatcherDefaults } from "../../../src/api/dispatcher-defaults.ts";
import { parseNatsConfig } from "../../../src/api/nats-config.ts";
import { parseYaml } from "../../../src/runtime/yaml.ts";
import { fencedBlocks } from "../../support/documents.ts";
import { knativeObjects, openType } from "../../support/knative.ts";
import type { KubeObject } from "../../support/kube-client.ts";
import { type ChannelApi, channelApi, refusal } from "../api/channel-api.ts";

let api: ChannelApi;

beforeAll(async () => {
  api = await channelApi(inject("cluster"));
  const types = [...knativeObjects(), openType("messaging.knative.dev", "v1", "Channel")];
  for (const object of types) await api.client.apply(object, { force: true });
});

describe.each(fencedBlocks("yaml"))("the YAML of $at", ({ text }) => {
  it("is taken as it is", async () => {
    const documents = parseYaml(text);
    expect(documents).not.toEqual([]);
    for (const document of documents) expect(await refusalOf(document)).toBeUndefined();
  });
});

/** Says why a document is not taken. */
async function refusalOf(document: unknown): Promise<string | undefined> {
  if (isObject(document)) {
    const metadata = { ...document.metadata, namespace: api.namespace };
    return await refusal(api.client, { ...document, metadata });
  }
  const refusals = [parseNatsConfig, parseDispatcherDefaults].map((parse) =>
    sentenceOf(() => parse(document)),
  );
  return refusals.includes(undefined) ? undefined : refusals.join("; or ");
}

function isObject(document: unknown): document is KubeObject {
  return typeof document === "object" && document !== null && "kind" in document;
}

function sentenceOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    return String(error);
  }
}
