import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadAll } from "js-yaml";
import { beforeAll, describe, expect, it } from "vitest";
import { ACCEPTED_CHANNELS } from "../../support/accepted-channels.ts";
import type { KubeObject } from "../../support/kube-client.ts";
import { type ChannelApi, channelApi, refusal } from "./channel-api.ts";

const EXAMPLES = join(import.meta.dirname, "../../../examples/channels");

let api: ChannelApi;
beforeAll(async () => {
  api = await channelApi();
});

describe("the API server", () => {
  it.each(ACCEPTED_CHANNELS)("takes a channel with %s as it is", async (_, parts) => {
    const channel = api.channel("orders", parts);
    const options = { dryRun: true, fieldValidation: "Strict" } as const;
    const stored = await api.client.create(channel, undefined, options);
    expect(stored.spec).toEqual(channel.spec);
    expect(stored.metadata.annotations).toEqual(channel.metadata.annotations);
  });

  it.each(readdirSync(EXAMPLES))("takes examples/channels/%s as it is", async (file) => {
    const documents = loadAll(readFileSync(join(EXAMPLES, file), "utf8")) as KubeObject[];
    for (const { metadata, ...parts } of documents) {
      const channel = api.channel(String(metadata.name), parts);
      expect(await refusal(api.client, channel)).toBeUndefined();
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
