import { beforeAll, expect, it } from "vitest";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import { FIELD_VALUES } from "../../support/field-values.ts";
import { type ChannelApi, channelApi, refusal } from "./channel-api.ts";

let api: ChannelApi;
beforeAll(async () => {
  api = await channelApi();
});

it.each(FIELD_VALUES)("dispatcher and API server judge %s alike", async (_, specOf, values) => {
  const [here, there] = [new Map<string, boolean>(), new Map<string, boolean>()];
  const judge = async (value: unknown) => {
    const channel = api.channel("orders", { spec: specOf(value) });
    const parsed = parseChannel(channel, { jetstream: { subjectPrefix: "", streamPrefix: "" } });
    here.set(JSON.stringify(value), parsed.ok);
    there.set(JSON.stringify(value), (await refusal(api.client, channel)) === undefined);
  };
  await Promise.all(values.map(judge));
  expect(Object.fromEntries(there)).toEqual(Object.fromEntries(here));
  // Both answers were given, or the values say nothing.
  expect(new Set(here.values()).size).toBe(2);
});
