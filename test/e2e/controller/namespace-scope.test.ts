import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { CHANNEL_LABEL } from "../../../src/api/names.ts";
import type { Deployment } from "../../../src/kube/objects.ts";
import { eventually } from "../../support/eventually.ts";
import type { KubeObject } from "../../support/kube-client.ts";
import {
  type ControlWorld,
  channelRef,
  DISPATCHER,
  SYSTEM,
  startControlWorld,
  within,
} from "./control-world.ts";

let world: ControlWorld;
let namespace: string;

const SCOPED = { annotations: { "eventing.knative.dev/scope": "namespace" } };
const FINALIZER = "natsjetstreamchannels.messaging.knative.dev";
const LEASES_ROLE = "jetstream-ch-dispatcher-leases";
const RBAC = "rbac.authorization.k8s.io/v1";

beforeAll(async () => {
  world = await startControlWorld();
  await world.startController();
});

afterAll(async () => {
  await world?.stop();
});

beforeEach(async () => {
  namespace = await world.makeNamespace("scoped");
});

async function configure(text = "url: nats://nats.example\n"): Promise<void> {
  await world.client.apply({
    ...{ apiVersion: "v1", kind: "ConfigMap", data: { "eventing-jetstream": text } },
    metadata: { namespace, name: "config-jetstream" },
  });
}

/** Tells what the account of the namespace's dispatcher may do. */
async function may(verb: string, resource: string, where = namespace): Promise<boolean> {
  const [group = "", plural = ""] = resource.split("/");
  const { status } = await world.client.create<{ status: { allowed: boolean } }>({
    ...{ apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", metadata: {} },
    spec: {
      user: `system:serviceaccount:${namespace}:${DISPATCHER}`,
      resourceAttributes: { namespace: where, verb, group, resource: plural },
    },
  });
  return status.allowed;
}

const deploymentRef = () => world.dispatcher("Deployment", "apps/v1", namespace);
const secretsOf = (deployment: Deployment) =>
  (deployment.spec?.template.spec?.volumes ?? []).flatMap(({ secret }) => secret?.secretName ?? []);

it("gives a namespace a dispatcher of its own, with rights there and nowhere else, and takes it away with the last channel", async () => {
  await configure();
  await world.createChannel(namespace, "orders", { metadata: SCOPED });
  await world.createChannel(namespace, "bills", { metadata: SCOPED });
  await world.streamReady(namespace, "orders");
  await world.condition([namespace, "orders"], "Ready", { status: "True" });
  const { status } = await world.client.get<Deployment>(deploymentRef());
  expect(status?.availableReplicas).toBe(1);
  expect(await may("patch", "messaging.knative.dev/natsjetstreamchannels")).toBe(true);
  expect(await may("create", "coordination.k8s.io/leases")).toBe(true);
  expect(await may("patch", "messaging.knative.dev/natsjetstreamchannels", SYSTEM)).toBe(false);
  expect(await may("get", "/secrets")).toBe(false);
  expect(await may("get", "/configmaps")).toBe(false);

  await world.client.delete(channelRef(namespace, "bills"));
  await world.gone(channelRef(namespace, "bills"));
  expect(await world.client.find(deploymentRef())).toBeDefined();
  await world.client.delete(channelRef(namespace, "orders"));
  for (const [kind, apiVersion, name] of [
    ["Deployment", "apps/v1", DISPATCHER],
    ["Service", "v1", DISPATCHER],
    ["PodDisruptionBudget", "policy/v1", DISPATCHER],
    ["ServiceAccount", "v1", DISPATCHER],
    ["RoleBinding", RBAC, DISPATCHER],
    ["RoleBinding", RBAC, LEASES_ROLE],
    ["ConfigMap", "v1", "jetstream-ch-dispatcher-knative"],
  ] as const) {
    await world.gone({ kind, apiVersion, name, namespace });
  }
});

it("says which ConfigMap is missing or wrong, and recovers when it is right", async () => {
  await world.createChannel(namespace, "orders", { metadata: SCOPED });
  const channel = [namespace, "orders"] as const;
  const missing = { status: "False", reason: "ConfigMapNotFound" };
  const { message } = await world.condition(channel, "DispatcherReady", missing);
  expect(message).toContain(`ConfigMap ${namespace}/config-jetstream is not there; create it`);
  await configure("urls: nats://nats.example\n");
  const invalid = { status: "False", reason: "ConfigMapInvalid" };
  const wrong = await world.condition(channel, "DispatcherReady", invalid);
  expect(wrong.message).toContain('unknown key "urls"; allowed: url, auth');
  await configure();
  await world.condition(channel, "DispatcherReady", { status: "True" });
});

it("replaces the Pods for another Secret or other names, and not for another url or what is wrong, which it names", async () => {
  await configure();
  await world.createChannel(namespace, "orders", { metadata: SCOPED });
  const channel = [namespace, "orders"] as const;
  await world.condition(channel, "DispatcherReady", { status: "True" });
  const after = (made: number) =>
    world.object<Deployment>(deploymentRef(), (deployment) =>
      expect(deployment.metadata?.generation).toBe(made),
    );
  const invalid = { status: "False", reason: "ConfigMapInvalid" };
  for (const url of ["nats://other.example", "[1]"]) await configure(`url: ${url}\n`);
  await world.condition(channel, "ConfigurationApplied", invalid);
  await after(1);
  const auth = "auth: { token: { secret: { secretName: nats-login } } }\n";
  await configure(auth);
  expect(secretsOf(await after(2))).toEqual(["nats-login"]);
  await configure(`${auth}jetstream: { streamPrefix: EAST_ }\n`);
  await after(3);
});

it("collects the Secrets with which channels log in, and mounts them together", async () => {
  await configure();
  await world.createChannel(namespace, "plain", { metadata: SCOPED });
  await world.condition([namespace, "plain"], "DispatcherReady", { status: "True" });
  const before = await world.client.get<Deployment>(deploymentRef());
  for (const name of ["first", "second", "third"]) {
    const auth = { token: { secret: { secretName: `login-of-${name}` } } };
    await world.createChannel(namespace, name, { metadata: SCOPED, spec: { auth } });
  }
  const after = await world.object<Deployment>(deploymentRef(), (deployment) => {
    const expected = ["login-of-first", "login-of-second", "login-of-third"];
    expect(secretsOf(deployment)).toEqual(expected);
  });
  expect(after.metadata?.generation).toBe(Number(before.metadata?.generation) + 1);
});

it("runs as the oldest channel's deploymentSpecTemplate says, and tells the others", async () => {
  await configure();
  const template = (team: string) => ({ deploymentSpecTemplate: { labels: { team } } });
  await world.createChannel(namespace, "aaa", { metadata: SCOPED, spec: template("first") });
  const ref = deploymentRef();
  await world.object<Deployment>(ref, ({ spec }) => {
    expect(spec?.template.metadata?.labels).toMatchObject({ team: "first" });
  });
  await world.createChannel(namespace, "bbb", { metadata: SCOPED, spec: template("second") });
  const other = { status: "False", reason: "OldestChannelCounts" };
  const { message } = await world.condition(
    [namespace, "bbb"],
    "DeploymentSpecTemplateApplied",
    other,
  );
  expect(message).toContain("aaa");
  await world.createChannel(namespace, "ccc", { metadata: SCOPED, spec: template("second") });
  await world.client.delete(channelRef(namespace, "aaa"));
  await world.object<Deployment>(ref, ({ spec }) => {
    expect(spec?.template.metadata?.labels).toMatchObject({ team: "second" });
  });
  // Nothing of the dispatcher changes this time.
  await world.client.delete(channelRef(namespace, "bbb"));
  const isContent = async () => {
    const { status } = await world.channel(namespace, "ccc");
    return status?.conditions?.every(({ type }) => type !== "DeploymentSpecTemplateApplied");
  };
  await eventually(async () => (await isContent()) ?? false, { within, what: "no warning" });
});

it("replaces the Pods when their account is made again, whose tokens are refused for ever", async () => {
  await configure();
  await world.createChannel(namespace, "orders", { metadata: SCOPED });
  const channel = [namespace, "orders"] as const;
  await world.condition(channel, "EndpointsReady", { status: "True" });
  const [before] = world.kubelet.pods({ namespace });
  const { metadata } = await world.client.get<Deployment>(deploymentRef());
  expect(metadata?.generation).toBe(1);
  const account = world.dispatcher("ServiceAccount", "v1", namespace);
  await world.client.delete(account);
  const isReplaced = () => {
    const [pod, ...others] = world.kubelet.pods({ namespace });
    return others.length === 0 && pod?.isReady === true && pod.uid !== before?.uid;
  };
  await eventually(isReplaced, { within, what: "another Pod" });
  const after = await world.client.get<KubeObject>(account);
  await world.object<Deployment>(deploymentRef(), ({ spec }) => {
    const { annotations } = spec?.template.metadata ?? {};
    expect(annotations?.["nats.messaging.knative.dev/account-uid"]).toBe(after.metadata.uid);
  });
});

it.each([
  ["with the dispatcher's name", { app: "theirs" }],
  // What selects other Pods than ours cannot be changed to select them.
  ["that selects by fewer labels than ours", { [CHANNEL_LABEL.key]: CHANNEL_LABEL.value }],
])("leaves a foreign Deployment %s alone, and names it until it is gone", async (_, labels) => {
  await configure();
  const template = {
    metadata: { labels },
    spec: { containers: [{ name: "a", image: "theirs:1" }] },
  };
  const spec = { replicas: 0, selector: { matchLabels: labels }, template };
  await world.client.create({
    ...{ apiVersion: "apps/v1", kind: "Deployment", spec },
    metadata: { namespace, name: DISPATCHER, labels },
  });
  await world.createChannel(namespace, "orders", { metadata: SCOPED });
  const foreign = { status: "False", reason: "ForeignObject" };
  const { message } = await world.condition([namespace, "orders"], "DispatcherReady", foreign);
  expect(message).toContain(`Deployment ${namespace}/${DISPATCHER}`);
  await world.client.delete(deploymentRef());
  await world.condition([namespace, "orders"], "DispatcherReady", { status: "True" });
});

it("takes over what the Go implementation left in a namespace", async () => {
  await configure();
  const selector = {
    "messaging.knative.dev/channel": "nats-jetstream-channel",
    "messaging.knative.dev/role": "dispatcher",
  };
  const clusterRole = await world.client.get<{ metadata: { uid: string } }>({
    ...{ apiVersion: RBAC, kind: "ClusterRole", name: "jetstream-ch-controller" },
  });
  const owner = {
    ...{ apiVersion: RBAC, kind: "ClusterRole", name: "jetstream-ch-controller" },
    ...{ uid: clusterRole.metadata.uid, controller: true, blockOwnerDeletion: true },
  };
  const metadata = { namespace, name: DISPATCHER };
  const containers = [{ name: "dispatcher", image: "go:1" }];
  const template = { metadata: { labels: selector }, spec: { containers } };
  await world.client.create({ apiVersion: "v1", kind: "ServiceAccount", metadata });
  await world.client.create({
    ...{ apiVersion: "apps/v1", kind: "Deployment" },
    metadata: { ...metadata, ownerReferences: [owner] },
    spec: { replicas: 0, selector: { matchLabels: selector }, template },
  });
  await world.client.create({
    ...{ apiVersion: RBAC, kind: "RoleBinding", metadata },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: DISPATCHER },
    subjects: [{ kind: "ServiceAccount", name: DISPATCHER, namespace }],
  });
  await world.createChannel(namespace, "orders", { metadata: SCOPED });
  const taken = await world.object<Deployment>(deploymentRef(), ({ spec }) => {
    expect(spec?.template.spec?.containers.map(({ image }) => image)).not.toContain("go:1");
  });
  expect(taken.metadata?.ownerReferences ?? []).toEqual([]);
});

it("lets a channel go whose namespace goes, and says which stream is left behind", async () => {
  await configure();
  const metadata = { ...SCOPED, finalizers: [FINALIZER] };
  await world.createChannel(namespace, "orders", { metadata });
  await world.streamReady(namespace, "orders");
  await world.condition([namespace, "orders"], "Ready", { status: "True" });
  await world.client.delete({ apiVersion: "v1", kind: "Namespace", name: namespace });
  await world.gone({ apiVersion: "v1", kind: "Namespace", name: namespace });
  await eventually(
    async () => {
      const events = { apiVersion: "events.k8s.io/v1", kind: "Event", namespace: "default" };
      const { items } = await world.client.list<{
        reason: string;
        note: string;
        regarding: object;
      }>(events);
      const found = items.find(({ note }) => note?.includes(`${namespace}/orders`));
      expect(found).toMatchObject({ reason: "StreamLeftBehind", regarding: { name: namespace } });
      expect(found?.note).toContain("STREAM_orders");
    },
    { within, what: "the Event" },
  );
});

it("lets a deleted channel go when its dispatcher cannot be made", async () => {
  const metadata = { ...SCOPED, finalizers: [FINALIZER] };
  await world.createChannel(namespace, "orders", { metadata });
  const missing = { status: "False", reason: "ConfigMapNotFound" };
  await world.condition([namespace, "orders"], "DispatcherReady", missing);
  await world.client.delete(channelRef(namespace, "orders"));
  await world.gone(channelRef(namespace, "orders"));
});

it("keeps a deleted channel as long as a dispatcher is there to end its stream", async () => {
  await configure();
  const metadata = { ...SCOPED, finalizers: [FINALIZER] };
  await world.createChannel(namespace, "orders", { metadata });
  await world.condition([namespace, "orders"], "EndpointsReady", { status: "True" });
  await world.client.delete(channelRef(namespace, "orders"));
  await world.createChannel(namespace, "other", { metadata: SCOPED });
  await world.condition([namespace, "other"], "EndpointsReady", { status: "True" });
  expect(await world.client.find(channelRef(namespace, "orders"))).toBeDefined();
  await world.client.patch(channelRef(namespace, "orders"), { metadata: { finalizers: [] } });
});

it("has no dispatcher of its own in the namespace of the cluster's", async () => {
  await world.createChannel(SYSTEM, "here", { metadata: SCOPED });
  const impossible = { status: "False", reason: "NamespaceScopeNotPossible" };
  await world.condition([SYSTEM, "here"], "DispatcherReady", impossible);
  await world.client.delete(channelRef(SYSTEM, "here"));
});
