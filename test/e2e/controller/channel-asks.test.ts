import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import {
  type ControlWorld,
  channelRef,
  SYSTEM,
  startControlWorld,
  within,
} from "./control-world.ts";

let world: ControlWorld;
let namespace: string;

beforeAll(async () => {
  world = await startControlWorld();
  await world.startController();
});

afterAll(async () => {
  await world?.stop();
});

beforeEach(async () => {
  namespace = await world.makeNamespace();
});

function sinkTo(deadLetterSink: object) {
  return { spec: { delivery: { deadLetterSink } } };
}

const RESOLVED = { status: "True" };
const PEM = "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n";

it.each([
  ["an absolute URI", { uri: "https://sink.example/dead" }, "https://sink.example/dead"],
  [
    "a Service",
    { ref: { apiVersion: "v1", kind: "Service", name: "sink" } },
    "http://sink.NS.svc.cluster.local",
  ],
  [
    "a Service and a path",
    { ref: { apiVersion: "v1", kind: "Service", name: "sink" }, uri: "/dead?a=b" },
    "http://sink.NS.svc.cluster.local/dead?a=b",
  ],
  [
    "a Service with an authority of its own",
    { ref: { apiVersion: "v1", kind: "Service", name: "sink" }, CACerts: PEM },
    "https://sink.NS.svc.cluster.local",
  ],
  [
    "an addressable",
    { ref: { apiVersion: "example.dev/v1", kind: "Sink", name: "sink" } },
    "http://first.example",
  ],
  [
    "a named address of an addressable",
    { ref: { apiVersion: "example.dev/v1", kind: "Sink", name: "sink", address: "second" } },
    "https://second.example/x",
  ],
])("resolves a dead-letter sink that is %s", async (_, deadLetterSink, expected) => {
  await world.client.create({
    ...{ apiVersion: "v1", kind: "Service", metadata: { namespace, name: "sink" } },
    spec: { ports: [{ port: 80 }] },
  });
  await world.client.create({
    ...{ apiVersion: "example.dev/v1", kind: "Sink", metadata: { namespace, name: "sink" } },
    status: {
      addresses: [
        { name: "first", url: "http://first.example" },
        { name: "second", url: "https://second.example/x", CACerts: PEM, audience: "second" },
      ],
    },
  });
  await world.createChannel(namespace, "orders", sinkTo(deadLetterSink));
  await world.condition([namespace, "orders"], "DeadLetterSinkResolved", RESOLVED);
  const { status } = await world.channel(namespace, "orders");
  expect(status?.deadLetterSinkUri).toBe(expected.replace("NS", namespace));
  if (expected.includes("second")) {
    expect(status).toMatchObject({ deadLetterSinkCACerts: PEM, deadLetterSinkAudience: "second" });
  }
});

it("follows an object that gets an address, changes it and goes", async () => {
  const ref = { apiVersion: "example.dev/v1", kind: "Sink", name: "later" };
  const spec = sinkTo({ ref });
  await world.createChannel(namespace, "orders", spec);
  const channel = [namespace, "orders"] as const;
  const type = "DeadLetterSinkResolved";
  const missing = { status: "False", reason: "DeadLetterSinkNotFound" };
  const { message } = await world.condition(channel, type, missing);
  expect(message).toContain(`Sink ${namespace}/later is not there`);

  const sink = {
    apiVersion: ref.apiVersion,
    kind: ref.kind,
    metadata: { namespace, name: "later" },
  };
  await world.client.create(sink);
  await world.condition(channel, type, { status: "False", reason: "DeadLetterSinkNotAddressable" });
  await world.client.patch(
    { ...ref, namespace },
    { status: { address: { url: "http://a.example" } } },
  );
  await world.condition(channel, type, RESOLVED);
  await world.client.patch(
    { ...ref, namespace },
    { status: { address: { url: "http://b.example" } } },
  );
  await world.object<{ status?: { deadLetterSinkUri?: string } }>(
    channelRef(...channel),
    ({ status }) => {
      expect(status?.deadLetterSinkUri).toBe("http://b.example");
    },
  );
  await world.client.delete({ ...ref, namespace });
  await world.condition(channel, type, missing);
  expect((await world.channel(...channel)).status?.deadLetterSinkUri).toBeUndefined();
});

it("says which role is missing for a kind that may not be read", async () => {
  const ref = { apiVersion: "secret.example.dev/v1", kind: "Hidden", name: "sink" };
  await world.createChannel(namespace, "orders", sinkTo({ ref }));
  const expected = { status: "False", reason: "DeadLetterSinkForbidden" };
  const found = await world.condition([namespace, "orders"], "DeadLetterSinkResolved", expected);
  expect(found.message).toContain("hiddens.secret.example.dev with duck.knative.dev/addressable");
});

it("closes a channel while Knative demands what it cannot do, and opens it again", async () => {
  await world.createChannel(namespace, "orders");
  await world.streamReady(namespace, "orders");
  const channel = [namespace, "orders"] as const;
  await world.condition(channel, "Ready", { status: "True" });
  const policy = { apiVersion: "eventing.knative.dev/v1alpha1", kind: "EventPolicy" };
  const features = {
    apiVersion: "v1",
    kind: "ConfigMap",
    namespace: SYSTEM,
    name: "config-features",
  };
  const setFeatures = (data: object) =>
    world.client.apply({
      ...{ apiVersion: "v1", kind: "ConfigMap", data },
      metadata: { namespace: SYSTEM, name: "config-features" },
    });
  const closed = async (reason: string) => {
    await world.condition(channel, "Ready", { status: "False", reason });
    expect((await world.channel(...channel)).status?.address).toBeUndefined();
  };

  await setFeatures({ "authentication-oidc": "enabled" });
  await closed("OIDCNotSupported");
  await setFeatures({ "transport-encryption": "strict" });
  await closed("EncryptionNotSupported");
  await world.object<{ data: Record<string, string> }>(
    { ...features, name: "jetstream-ch-dispatcher-knative" },
    ({ data }) => {
      expect(data["config-features"]).toBe('{"transport-encryption":"strict"}');
    },
  );
  await world.client.delete(features);
  await world.condition(channel, "Ready", { status: "True" });

  const to = [
    {
      ref: {
        apiVersion: "messaging.knative.dev/v1alpha1",
        kind: "NatsJetStreamChannel",
        name: "orders",
      },
    },
  ];
  await world.client.create({ ...policy, metadata: { namespace, name: "mine" }, spec: { to } });
  await closed("EventPolicyNotSupported");
  await world.client.delete({ ...policy, namespace, name: "mine" });
  await world.condition(channel, "Ready", { status: "True" });
});

it("says what of a cluster-scoped channel does not count, and is Ready all the same", async () => {
  const auth = { token: { secret: { secretName: "login" } } };
  const spec = { deploymentSpecTemplate: { nodeSelector: { a: "b" } }, auth };
  await world.createChannel(namespace, "orders", { spec });
  await world.streamReady(namespace, "orders");
  const channel = [namespace, "orders"] as const;
  await world.condition(channel, "Ready", { status: "True" });
  const ignored = { status: "False", reason: "DeploymentSpecTemplateIgnored" };
  const { message, severity } = await world.condition(
    channel,
    "DeploymentSpecTemplateApplied",
    ignored,
  );
  expect([message, severity]).toEqual([expect.stringContaining("clusterDefault"), "Warning"]);
  const elsewhere = { status: "False", reason: "SecretOfAnotherNamespace" };
  await world.condition(channel, "CredentialsMounted", elsewhere);
  await eventually(
    async () => {
      const events = { apiVersion: "events.k8s.io/v1", kind: "Event", namespace };
      const { items } = await world.client.list<{ reason: string }>(events);
      return items.some(({ reason }) => reason === "DeploymentSpecTemplateIgnored");
    },
    { within, what: "the Event" },
  );

  await world.client.patch(channelRef(...channel), { spec: { deploymentSpecTemplate: null } });
  await world.object<{ status?: { conditions?: { type: string }[] } }>(
    channelRef(...channel),
    ({ status }) => {
      const types = status?.conditions?.map(({ type }) => type);
      expect(types).not.toContain("DeploymentSpecTemplateApplied");
    },
  );
});

it("prunes entries whose Subscription is gone, and leaves those that no Subscription made", async () => {
  const subscription = { apiVersion: "messaging.knative.dev/v1", kind: "Subscription" };
  const make = async (name: string) => {
    const { metadata } = await world.client.create<{ metadata: { uid: string } }>({
      ...{ ...subscription, metadata: { namespace, name } },
      spec: { channel: { name: "orders" } },
    });
    return metadata.uid;
  };
  const [alive, gone] = [await make("alive"), await make("gone")];
  const uri = "http://subscriber.example";
  const entry = (uid: string, fields: object = {}) => ({ uid, subscriberUri: uri, ...fields });
  const never = "11111111-2222-3333-4444-555555555555";
  const subscribers = [
    entry("by-hand", { name: "by-hand" }),
    entry(gone, { name: "gone", generation: 1 }),
    entry(alive, { name: "alive", generation: 1 }),
    entry(never, { name: "earlier", generation: 2 }),
    entry("99999999-2222-3333-4444-555555555555"),
  ];
  await world.createChannel(namespace, "orders", { spec: { subscribers } });
  await world.client.delete({ ...subscription, namespace, name: "gone" });
  await world.object<{ spec: { subscribers: { uid: string }[] } }>(
    channelRef(namespace, "orders"),
    ({ spec }) => {
      const uids = spec.subscribers.map(({ uid }) => uid);
      expect(uids).toEqual(["by-hand", alive, "99999999-2222-3333-4444-555555555555"]);
    },
  );
});
