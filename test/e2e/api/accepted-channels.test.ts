import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadAll } from "js-yaml";
import { beforeAll, describe, expect, it } from "vitest";
import { ACCEPTED_CHANNELS } from "../../support/accepted-channels.ts";
import { eventually } from "../../support/eventually.ts";
import { knativeObjects } from "../../support/knative.ts";
import type { KubeObject } from "../../support/kube-client.ts";
import { type ChannelApi, channelApi, sentenceOf } from "./channel-api.ts";

const ROOT = join(import.meta.dirname, "../../..");
const EXAMPLES = ["examples", "examples/channels"].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => `${folder}/${file}`),
);

let api: ChannelApi;
beforeAll(async () => {
  api = await channelApi();
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "knative-eventing" } };
  for (const object of [namespace, ...knativeObjects()]) {
    await api.client.apply(object, { force: true });
  }
  const subscriptions = { apiVersion: "messaging.knative.dev/v1", kind: "Subscription" };
  await eventually(async () => await api.client.list(subscriptions), {
    within: 30_000,
    what: "Subscriptions to be served",
  });
});

describe("the API server", () => {
  it.each(ACCEPTED_CHANNELS)("takes a channel with %s as it is", async (_, parts) => {
    const channel = api.channel("orders", parts);
    const options = { dryRun: true, fieldValidation: "Strict" } as const;
    const stored = await api.client.create(channel, undefined, options);
    expect(stored.spec).toEqual(channel.spec);
    expect(stored.metadata.annotations).toEqual(channel.metadata.annotations);
  });

  it.each(EXAMPLES)("takes %s as it is", async (file) => {
    const documents = loadAll(readFileSync(join(ROOT, file), "utf8")) as KubeObject[];
    expect(documents).not.toEqual([]);
    for (const document of documents) {
      const options = { dryRun: true, force: true, fieldValidation: "Strict" } as const;
      expect(await sentenceOf(api.client.apply(document, options))).toBeUndefined();
    }
  });

  it("takes subscribers that a dispatcher refuses alone, since Knative writes the whole list", async () => {
    const subscribers = [
      { uid: "a b", subscriberUri: "ftp://a" },
      { uid: "b", delivery: { retry: -1, backoffDelay: "soon", backoffPolicy: "cubic" } },
      { uid: "b", subscriberUri: "http://b", subscriberCACerts: "none" },
      { uid: "c", subscriberUri: "http://c", delivery: { later: true } },
    ];
    const channel = api.channel("orders", { spec: { subscribers } });
    const stored = await api.client.create(channel, undefined, { dryRun: true });
    expect(stored.spec).toEqual({ subscribers });
  });
});
