import { afterAll, beforeAll, beforeEach, expect, inject, it } from "vitest";
import type { Channel } from "../../../src/controller/kinds.ts";
import type { Deployment, PodDisruptionBudget, Service } from "../../../src/kube/objects.ts";
import { auditEvents } from "../../support/audit-log.ts";
import {
  type ControlWorld,
  channelRef,
  DISPATCHER,
  DISPATCHER_IMAGE,
  SYSTEM,
  startControlWorld,
} from "./control-world.ts";

let world: ControlWorld;
let namespace: string;

beforeAll(async () => {
  world = await startControlWorld();
  await world.startController();
  const first = await world.makeNamespace("first");
  await world.createChannel(first, "first");
  await world.condition([first, "first"], "DispatcherReady", { status: "True" });
});

afterAll(async () => {
  await world?.stop();
});

beforeEach(async () => {
  namespace = await world.makeNamespace();
});

const serviceRef = (name: string) => ({
  ...{ apiVersion: "v1", kind: "Service", namespace },
  name: `${name}-kn-jsm-channel`,
});

it("makes a channel Ready once its dispatcher and its stream are, with few requests", async () => {
  const since = new Date();
  await world.createChannel(namespace, "orders");
  const unknown = { status: "Unknown", reason: "NotYetKnown" };
  await world.condition([namespace, "orders"], "Ready", unknown);
  await world.streamReady(namespace, "orders");
  await world.condition([namespace, "orders"], "Ready", { status: "True" });

  const { metadata, status } = await world.channel(namespace, "orders");
  const url = `http://orders-kn-jsm-channel.${namespace}.svc.cluster.local`;
  expect(metadata?.annotations).toMatchObject({ "messaging.knative.dev/subscribable": "v1" });
  expect(status).toMatchObject({
    observedGeneration: 1,
    address: { name: "http", url },
    addresses: [{ name: "http", url }],
  });
  const service = await world.client.get<Service>(serviceRef("orders"));
  expect(service.spec).toMatchObject({
    type: "ExternalName",
    externalName: `${DISPATCHER}.${SYSTEM}.svc.cluster.local`,
    ports: [{ name: "http", port: 80 }],
  });
  const requests = await auditEvents(inject("cluster").auditLogPath, since);
  const ours = requests.filter(
    ({ userAgent, objectRef }) =>
      userAgent === "jetstream-channel-controller" && objectRef?.namespace === namespace,
  );
  const list = ours.map(
    ({ verb, objectRef }) => `${verb} ${objectRef?.resource}/${objectRef?.subresource ?? ""}`,
  );
  expect(list.length, list.join("\n")).toBeLessThanOrEqual(5);
});

it("writes nothing more once all is as it should be", async () => {
  await world.createChannel(namespace, "quiet");
  await world.streamReady(namespace, "quiet");
  await world.condition([namespace, "quiet"], "Ready", { status: "True" });
  const before = await world.channel(namespace, "quiet");
  // A change that the controller looks at and that changes nothing of what it has to say.
  await world.client.patch(channelRef(namespace, "quiet"), { metadata: { labels: { a: "b" } } });
  await world.createChannel(namespace, "later");
  await world.streamReady(namespace, "later");
  await world.condition([namespace, "later"], "Ready", { status: "True" });
  const after = await world.channel(namespace, "quiet");
  expect(after.status).toEqual(before.status);
});

it("moves observedGeneration only when the dispatcher has seen the generation", async () => {
  await world.createChannel(namespace, "moving");
  await world.streamReady(namespace, "moving");
  await world.condition([namespace, "moving"], "Ready", { status: "True" });
  const spec = { delivery: { retry: 3 } };
  await world.client.patch(channelRef(namespace, "moving"), { spec });
  await world.createChannel(namespace, "other");
  await world.condition([namespace, "other"], "Addressable", { status: "True" });
  const { metadata, status } = await world.channel(namespace, "moving");
  expect([metadata?.generation, status?.observedGeneration]).toEqual([2, 1]);

  await world.streamReady(namespace, "moving");
  await world.object<Channel>(channelRef(namespace, "moving"), (channel) => {
    expect(channel.status?.observedGeneration).toBe(2);
    for (const condition of channel.status?.conditions ?? []) {
      expect(condition.observedGeneration).toBe(2);
    }
  });
});

it("puts right what is edited or deleted by hand", async () => {
  await world.createChannel(namespace, "mended");
  await world.condition([namespace, "mended"], "ChannelServiceReady", { status: "True" });
  const own = serviceRef("mended");
  await world.client.patch(own, { spec: { externalName: "elsewhere.example" } });
  await world.object<Service>(own, ({ spec }) => {
    expect(spec?.externalName).toBe(`${DISPATCHER}.${SYSTEM}.svc.cluster.local`);
  });
  const { metadata } = await world.client.get<Service>(own);
  await world.client.delete(own);
  await world.object<Service>(own, (service) => {
    expect(service.metadata?.uid).not.toBe(metadata?.uid);
  });

  const deployment = world.dispatcher("Deployment", "apps/v1");
  const containers = [{ name: "dispatcher", image: "another:1" }];
  await world.client.patch(
    deployment,
    { spec: { template: { spec: { containers } } } },
    { type: "strategic-merge" },
  );
  await world.object<Deployment>(deployment, ({ spec }) => {
    expect(spec?.template.spec?.containers[0]?.image).toBe(DISPATCHER_IMAGE);
  });
  await world.client.patch(world.dispatcher("Service"), {
    spec: { selector: { wrong: "yes", "messaging.knative.dev/role": "nobody" } },
  });
  await world.object<Service>(world.dispatcher("Service"), ({ spec }) => {
    expect(spec?.selector).toMatchObject({ "messaging.knative.dev/role": "dispatcher" });
  });
  const budget = world.dispatcher("PodDisruptionBudget", "policy/v1");
  await world.client.delete(budget);
  await world.object<PodDisruptionBudget>(budget, ({ spec }) =>
    expect(spec?.maxUnavailable).toBe(1),
  );
});

it("leaves a foreign Service with the channel's name alone, and names it until it is gone", async () => {
  const labels = { "app.kubernetes.io/managed-by": "somebody" };
  const foreign = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace, name: "taken-kn-jsm-channel", labels },
    spec: { type: "ExternalName", externalName: "theirs.example" },
  };
  await world.client.create(foreign);
  await world.createChannel(namespace, "taken");
  const expected = { status: "False", reason: "ForeignService" };
  const { message } = await world.condition([namespace, "taken"], "ChannelServiceReady", expected);
  expect(message).toContain(`Service ${namespace}/taken-kn-jsm-channel (managed by somebody)`);
  const { status } = await world.channel(namespace, "taken");
  expect(status?.address).toBeUndefined();
  expect(await world.client.get(serviceRef("taken"))).toMatchObject({
    metadata: { labels },
    spec: foreign.spec,
  });

  await world.client.delete(serviceRef("taken"));
  // Nobody told the controller, which does not watch what is not ours; any change of the channel does.
  await world.client.patch(channelRef(namespace, "taken"), {
    metadata: { labels: { look: "again" } },
  });
  await world.condition([namespace, "taken"], "ChannelServiceReady", { status: "True" });
});

it("carries on a channel and a Service that the Go implementation left", async () => {
  await world.stopController();
  await world.createChannel(namespace, "old");
  const { metadata } = await world.channel(namespace, "old");
  const owner = {
    ...{ apiVersion: "messaging.knative.dev/v1alpha1", kind: "NatsJetStreamChannel", name: "old" },
    ...{ uid: metadata?.uid, controller: true, blockOwnerDeletion: true },
  };
  await world.client.create({
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      ...{ namespace, name: "old-kn-jsm-channel", ownerReferences: [owner] },
      labels: { "messaging.knative.dev/role": "nats-jetstream-channel" },
    },
    spec: { type: "ExternalName", externalName: `${DISPATCHER}.${SYSTEM}.svc.cluster.local` },
  });
  const since = "2025-01-01T00:00:00Z";
  const conditions = ["Ready", "DispatcherReady", "StreamReady", "FormerCondition"].map((type) => ({
    ...{ type, status: "True", lastTransitionTime: since },
  }));
  const status = { conditions, deadLetterSinkUri: "http://former", observedGeneration: 1 };
  await world.client.patch({ ...channelRef(namespace, "old"), subresource: "status" }, { status });
  await world.startController();

  await world.object<Service>(serviceRef("old"), ({ spec }) => {
    expect(spec?.ports).toMatchObject([{ name: "http", port: 80 }]);
  });
  await world.object<Channel>(channelRef(namespace, "old"), ({ status: after }) => {
    const types = after?.conditions?.map(({ type }) => type);
    expect(types).not.toContain("FormerCondition");
    expect(types).toEqual(expect.arrayContaining(["StreamReady", "Addressable"]));
    expect(after?.deadLetterSinkUri).toBeUndefined();
  });
});
