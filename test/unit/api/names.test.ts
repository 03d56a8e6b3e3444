import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import {
  CHANNEL_LABEL,
  channelHostsFor,
  channelServiceNameFor,
  consumerNameFor,
  FINALIZER,
  isChannelHost,
  ROLE_LABEL,
  SCOPE_ANNOTATION,
  streamNameFor,
  subjectFor,
  TAKE_OVER_ANNOTATION,
} from "../../../src/api/names.ts";

const EAST = { subjectPrefix: "plant.east", streamPrefix: "EAST_" };

it.each([
  ["default", "orders", "KN_DEFAULT__ORDERS", "default.orders._knative"],
  ["my-ns", "my-orders", "KN_MY_NS__MY_ORDERS", "my-ns.my-orders._knative"],
  ["a", "b--c", "KN_A__B__C", "a.b--c._knative"],
  ["a--b", "c", "KN_A__B__C", "a--b.c._knative"],
])("names stream and subject of %s/%s", (namespace, name, stream, subject) => {
  expect(streamNameFor({ namespace, name })).toBe(stream);
  expect(subjectFor({ namespace, name })).toBe(subject);
  expect(streamNameFor({ namespace, name }, EAST)).toBe(`EAST_${stream}`);
  expect(subjectFor({ namespace, name }, EAST)).toBe(`plant.east.${subject}`);
});

it.each([
  ["7b1d0c2e-aa11-4f7e-9c39-1234567890ab", "KN_SUB_7B1D0C2EAA114F7E9C391234567890AB"],
  ["Mine_1", "KN_SUB_MINE_1"],
])("names the consumer of subscriber %s", (uid, consumer) => {
  expect(consumerNameFor(uid)).toBe(consumer);
});

it.each([
  ["orders", "orders-kn-jsm-channel"],
  ["a".repeat(48), `${"a".repeat(48)}-kn-jsm-channel`],
  ["a".repeat(49), `${"a".repeat(16)}${md5("a".repeat(49))}-kn-jsm-channel`],
  ["b".repeat(63), `${"b".repeat(16)}${md5("b".repeat(63))}-kn-jsm-channel`],
])("names the Service of channel %s within 63 characters", (name, service) => {
  expect(channelServiceNameFor(name)).toBe(service);
  expect(service.length).toBeLessThanOrEqual(63);
});

it("shortens as clusters already have it", () => {
  expect(channelServiceNameFor("a-very-long-channel-name-that-does-not-fit-in-a-label")).toBe(
    "a-very-long-chan82ca16e01b076ec920caf8090559e7d8-kn-jsm-channel",
  );
});

it("lists a channel's hosts, the address first", () => {
  expect(channelHostsFor("default", "orders", "cluster.local")).toEqual([
    "orders-kn-jsm-channel.default.svc.cluster.local",
    "orders-kn-jsm-channel.default.svc",
    "orders-kn-jsm-channel.default",
  ]);
});

it.each([
  ["orders-kn-jsm-channel.default.svc.cluster.local", true],
  ["Orders-KN-jsm-channel.Default.svc.Cluster.local.:80", true],
  ["orders-kn-jsm-channel.default.svc.cluster.local:8080", true],
  ["orders-kn-jsm-channel.default.svc", true],
  ["orders-kn-jsm-channel.default", true],
  ["orders-kn-jsm-channel", false],
  ["orders-kn-jsm-channel.", false],
  ["-kn-jsm-channel.default", false],
  ["orders.default.svc.cluster.local", false],
  ["orders-kn-jsm-channel.default.svc.other.local", false],
  ["orders-kn-jsm-channel.default.pod", false],
  ["orders-kn-jsm-channel..svc", false],
  ["or ders-kn-jsm-channel.default", false],
  [`${"a".repeat(49)}-kn-jsm-channel.default`, false],
  [`orders-kn-jsm-channel.${"a".repeat(64)}`, false],
  ["", false],
  [".".repeat(1000), false],
])("says that host %j has the form of a channel's: %s", (host, form) => {
  expect(isChannelHost(host, "cluster.local")).toBe(form);
});

it.each(["cluster.local", "Corp.Example"])("knows its own hosts in %s", (domain) => {
  const hosts = channelHostsFor("team-a", "a".repeat(63), domain);
  expect(hosts.map((host) => isChannelHost(host, domain))).toEqual([true, true, true]);
});

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}

it("keeps the names that clusters already depend on", () => {
  expect([FINALIZER, SCOPE_ANNOTATION, TAKE_OVER_ANNOTATION, CHANNEL_LABEL, ROLE_LABEL]).toEqual([
    "natsjetstreamchannels.messaging.knative.dev",
    "eventing.knative.dev/scope",
    "nats.messaging.knative.dev/take-over",
    { key: "messaging.knative.dev/channel", value: "nats-jetstream-channel" },
    "messaging.knative.dev/role",
  ]);
});
