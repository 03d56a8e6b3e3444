import { beforeAll, expect, it } from "vitest";
import type { KubeObject } from "../../support/kube-client.ts";
import { type ChannelApi, channelApi } from "./channel-api.ts";

let api: ChannelApi;
beforeAll(async () => {
  api = await channelApi();
});

it("of a channel has two writers, each with entries of its own in one list", async () => {
  await api.client.create(api.channel("shared"));
  const stream = {
    type: "StreamReady",
    status: "True",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  };
  const ready = { type: "Ready", status: "Unknown", reason: "NotYetKnown" };
  const subscribers = [
    { uid: "a", ready: "True", observedGeneration: 1 },
    { uid: "b", ready: "False" },
  ];
  await apply("dispatcher", {
    conditions: [stream],
    subscribers,
    stream: { name: "S", replicas: 1 },
  });
  const address = { url: "http://shared" };
  await apply("controller", {
    conditions: [ready],
    address,
    addresses: [address],
    observedGeneration: 1,
  });
  const { status } = await api.client.get(api.ref("shared"));
  expect(status).toEqual({
    conditions: [stream, ready],
    subscribers,
    stream: { name: "S", replicas: 1 },
    address,
    addresses: [address],
    observedGeneration: 1,
  });
  const again = await apply("dispatcher", { conditions: [stream], subscribers: [subscribers[0]] });
  expect(again.status).toMatchObject({
    conditions: [stream, ready],
    subscribers: [subscribers[0]],
  });
  expect(again.status).not.toHaveProperty("stream");
  const unchanged = await apply("controller", {
    conditions: [ready],
    address,
    addresses: [address],
    observedGeneration: 1,
  });
  expect(unchanged.metadata.resourceVersion).toBe(again.metadata.resourceVersion);
});

it("takes an entry over as a whole, so that the taker can drop it", async () => {
  await api.client.create(api.channel("taken-over"));
  const before = { type: "StreamReady", status: "False", reason: "Gone", message: "it is gone" };
  await apply("go", { conditions: [before] }, "taken-over");
  const after = { type: "StreamReady", status: "True" };
  const taken = await apply("dispatcher", { conditions: [after] }, "taken-over");
  expect(taken.status).toEqual({ conditions: [after] });
  const dropped = await apply("dispatcher", { observedGeneration: 1 }, "taken-over");
  expect(dropped.status).toEqual({ observedGeneration: 1 });
});

it("does not move the generation, and is left out by writers of the spec", async () => {
  await api.client.create(api.channel("apart"));
  await apply("controller", { observedGeneration: 1 }, "apart");
  const patch = { spec: { delivery: { retry: 1 } }, status: { observedGeneration: 7 } };
  const { metadata, status } = await api.client.patch(api.ref("apart"), patch);
  expect(metadata.generation).toBe(2);
  expect(status).toEqual({ observedGeneration: 1 });
});

async function apply(fieldManager: string, status: object, name = "shared"): Promise<KubeObject> {
  return await api.client.apply(api.channel(name, { status }), {
    subresource: "status",
    fieldManager,
    force: true,
  });
}
