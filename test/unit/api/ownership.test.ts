import { expect, it } from "vitest";
import {
  consumerMetadataFor,
  consumerOwnerOf,
  describeOwner,
  streamMetadataFor,
  streamOwnerOf,
} from "../../../src/api/ownership.ts";

const channel = { namespace: "default", name: "orders" };
const stream = { clusterId: "7e1c", channel, origin: "created" } as const;
const consumer = { clusterId: "7e1c", channel, subscriberUid: "4f2a" };

it("writes the keys that streams and consumers carry for ever", () => {
  expect(streamMetadataFor(stream)).toEqual({
    "messaging.knative.dev/jetstream-channel.cluster": "7e1c",
    "messaging.knative.dev/jetstream-channel.namespace": "default",
    "messaging.knative.dev/jetstream-channel.name": "orders",
    "messaging.knative.dev/jetstream-channel.origin": "created",
  });
  expect(consumerMetadataFor(consumer)).toEqual({
    "messaging.knative.dev/jetstream-channel.cluster": "7e1c",
    "messaging.knative.dev/jetstream-channel.namespace": "default",
    "messaging.knative.dev/jetstream-channel.name": "orders",
    "messaging.knative.dev/jetstream-channel.subscriber": "4f2a",
  });
});

it.each(["created", "claimed", "adopted"] as const)("reads back a %s stream's owner", (origin) => {
  const owner = { ...stream, origin };
  const metadata = { ...streamMetadataFor(owner), "_nats.level": "1", team: "shop" };
  expect(streamOwnerOf(metadata)).toEqual(owner);
});

it("reads back a consumer's owner", () => {
  expect(consumerOwnerOf({ ...consumerMetadataFor(consumer), "_nats.level": "1" })).toEqual(
    consumer,
  );
});

it.each([[undefined], [{}], [{ "_nats.level": "1", cluster: "7e1c" }]])(
  "finds no owner of ours in %j",
  (metadata) => {
    expect(streamOwnerOf(metadata)).toBeUndefined();
    expect(consumerOwnerOf(metadata)).toBeUndefined();
  },
);

it("takes damaged metadata for somebody else's and for adopted, never for free", () => {
  const damaged = { "messaging.knative.dev/jetstream-channel.namespace": "default" };
  const nobody = { clusterId: "", channel: { namespace: "default", name: "" } };
  expect(streamOwnerOf(damaged)).toEqual({ ...nobody, origin: "adopted" });
  expect(consumerOwnerOf(damaged)).toEqual({ ...nobody, subscriberUid: "" });
});

it.each([
  [stream, "channel default/orders of cluster 7e1c"],
  [consumer, "subscriber 4f2a of channel default/orders of cluster 7e1c"],
  [
    { ...consumer, clusterId: "", subscriberUid: "" },
    "subscriber ? of channel default/orders of cluster ?",
  ],
])("describes %j in words", (owner, words) => {
  expect(describeOwner(owner)).toBe(words);
});
