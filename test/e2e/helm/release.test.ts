/*
 * A release of the chart from its installation to what is left of it, on a control plane of its own: the tests go on from each other.
 */
import { join } from "node:path";
import { request } from "undici";
import { afterAll, beforeAll, expect, it } from "vitest";
import { API_VERSION, KIND } from "../../../src/api/names.ts";
import type { Deployment } from "../../../src/kube/objects.ts";
import { eventually } from "../../support/eventually.ts";
import { goManifests } from "../../support/go-installation.ts";
import { CHART, helm, helmIsThere, renderChart, valueArguments } from "../../support/helm.ts";
import { serviceAddresses } from "../../support/service-addresses.ts";
import { everything } from "./everything.ts";
import { minimalTypes } from "./minimal-types.ts";
import { RESTRICTED, type ReleaseWorld, startReleaseWorld } from "./release-world.ts";
import { objectsIn } from "./rendered.ts";

const BEFORE = join(import.meta.dirname, "fixtures/jetstream-channel-0.1.0.tgz");
const NAMESPACE = "channels";
const CRD = {
  ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
  name: "natsjetstreamchannels.messaging.knative.dev",
};
const CHANNEL = { apiVersion: API_VERSION, kind: KIND, namespace: "default", name: "hello" };
const STREAM = "KN_DEFAULT__HELLO";
const within = 60_000;

let world: ReleaseWorld;

beforeAll(...helmIsThere);
beforeAll(async () => {
  world = await startReleaseWorld();
});

afterAll(async () => {
  await world?.stop();
});

interface Channel {
  status?: {
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    address?: { url: string };
  };
}

async function readyCondition() {
  const { status } = await world.client.get<Channel>(CHANNEL);
  return status?.conditions?.find(({ type }) => type === "Ready");
}

async function untilReady(): Promise<string> {
  return await eventually(
    async () => {
      const { status } = await world.client.get<Channel>(CHANNEL);
      const ready = status?.conditions?.find(({ type }) => type === "Ready");
      if (ready?.status === "True" && status?.address) return status.address.url;
      throw new Error(`${JSON.stringify(status?.conditions)}\n${world.kubelet.describe()}`);
    },
    { within, what: "the channel to be ready" },
  );
}

async function deploymentOf(
  program: "controller" | "dispatcher",
  namespace = NAMESPACE,
): Promise<Deployment> {
  return await world.client.get<Deployment>({
    ...{ apiVersion: "apps/v1", kind: "Deployment", namespace },
    name: `jetstream-ch-${program}`,
  });
}

async function untilAvailable(program: "controller" | "dispatcher", namespace = NAMESPACE) {
  await eventually(
    async () => {
      const { spec, status } = await deploymentOf(program, namespace);
      const { observedGeneration, updatedReplicas, availableReplicas } = status ?? {};
      return (
        observedGeneration === (await deploymentOf(program, namespace)).metadata?.generation &&
        updatedReplicas === spec?.replicas &&
        availableReplicas === spec?.replicas
      );
    },
    { within, what: `the ${program} to be available` },
  );
}

/** A type with channels stays for a while when it is being deleted. */
async function expectTypeIsKept(uid: unknown): Promise<void> {
  const { metadata } = await world.client.get(CRD);
  expect(metadata.uid).toBe(uid);
  expect(metadata.deletionTimestamp).toBeUndefined();
}

const release = (name: string, ...given: string[]) => [name, ...given, "--namespace", NAMESPACE];
const natsUrl = () => ["--set", `nats.url=${world.natsUrl}`];

it("takes over the Go implementation's objects, its type among them, when it is told to", async () => {
  const { client, cluster } = world;
  const metadata = { name: "config-logging", namespace: "knative-eventing" };
  await client.create({ apiVersion: "v1", kind: "ConfigMap", metadata });
  await world.apply(JSON.stringify({ apiVersion: "v1", kind: "List", items: goManifests() }));
  const given = ["install", "first", CHART, ...natsUrl(), "--namespace", "knative-eventing"];
  const refused = await helm(cluster.kubeconfigPath, ...given);
  expect(refused.output).toContain("cannot be imported into the current release");
  await world.helm(...given, "--take-ownership", "--force-conflicts");
  await untilAvailable("controller", "knative-eventing");
  const crd = await client.get(CRD);
  expect(crd.metadata.annotations).toMatchObject({ "meta.helm.sh/release-name": "first" });
  expect(JSON.stringify(crd.spec)).toContain("deletionPolicy");
  await world.helm("uninstall", "first", "--namespace", "knative-eventing");
  await expectTypeIsKept(crd.metadata.uid);
});

it("installs in a namespace of its own with Pod Security restricted, over the type that another release left", async () => {
  const { client, cluster } = world;
  const metadata = { name: NAMESPACE, labels: RESTRICTED };
  await client.create({ apiVersion: "v1", kind: "Namespace", metadata });
  const privileged = {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: NAMESPACE } },
    spec: { containers: [{ name: "a", image: "a" }] },
  };
  await expect(client.create(privileged)).rejects.toThrow("violates PodSecurity");
  const given = release("events", BEFORE, ...natsUrl());
  const refused = await helm(cluster.kubeconfigPath, "install", ...given);
  expect(refused.output).toContain("cannot be imported into the current release");
  await world.helm("install", ...given, "--take-ownership");
  await untilAvailable("controller");
});

it("prints a channel and an event that work as they are", async () => {
  const notes = await world.helm("get", "notes", ...release("events"));
  expect(notes).not.toContain("WARNING");
  const [, yaml = ""] = /<<'EOF'\n([\s\S]*?)\nEOF\n/.exec(notes) ?? [];
  await world.apply(yaml, "--namespace", "default");
  const url = await untilReady();
  expect(url).toBe("http://hello-kn-jsm-channel.default.svc.cluster.local");
  const [, curl = ""] = /--command -- \\\n([\s\S]*?)\nkubectl logs/.exec(notes) ?? [];
  const [address = ""] = await serviceAddresses(world.client, world.kubelet, url);
  const answer = await post(`http://${address}`, curl, new URL(url).host);
  expect(answer).toBe(202);
  expect((await world.jsm.streams.info(STREAM)).state.messages).toBe(1);
});

it("lets who may edit or view a namespace do so with its channels, but for the subscribers", async () => {
  const { client } = world;
  for (const role of ["edit", "view"]) {
    await client.create({
      ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding" },
      metadata: { name: role, namespace: "default" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
      subjects: [{ kind: "User", name: `${role}or` }],
    });
  }
  const [editor, viewer] = [client.as("editor"), client.as("viewor")];
  const types = { apiVersion: API_VERSION, kind: KIND, namespace: "default" };
  const aggregated = { within, what: "the roles to be put together" };
  await eventually(async () => (await viewer.list(types)).items.length === 1, aggregated);
  const channel = (spec: object) => ({
    ...{ apiVersion: API_VERSION, kind: KIND, metadata: { name: "a", namespace: "default" }, spec },
  });
  const dryRun = { dryRun: true };
  await eventually(() => editor.create(channel({}), undefined, dryRun), aggregated);
  await expect(viewer.create(channel({}), undefined, dryRun)).rejects.toThrow("forbidden");
  const subscribers = [{ uid: "1", subscriberUri: "http://elsewhere" }];
  await expect(editor.create(channel({ subscribers }), undefined, dryRun)).rejects.toThrow(
    'spec.subscribers is written by Knative, not by "editor"',
  );
});

it("is upgraded from the release before, and the channel is served on", async () => {
  const before = await deploymentOf("controller");
  const dispatcher = {
    replicas: 2,
    labels: { tier: "data" },
    extraVolumes: [{ name: "own", emptyDir: {} }],
    extraVolumeMounts: [{ name: "own", mountPath: "/tmp/own" }],
    readinessProbe: { periodSeconds: 1 },
    securityContext: { runAsUser: 1234 },
  };
  const more = valueArguments({ dispatcher });
  await world.helm("upgrade", ...release("events", CHART, ...natsUrl(), ...more));
  await eventually(async () => (await deploymentOf("dispatcher")).spec?.replicas === 2, {
    ...{ within, what: "two replicas to be asked for" },
  });
  await untilAvailable("controller");
  await untilAvailable("dispatcher");
  await untilReady();
  const { template } = (await deploymentOf("dispatcher")).spec ?? {};
  expect(template?.metadata?.labels).toMatchObject({ tier: "data" });
  expect(template?.spec?.volumes).toContainEqual({ name: "own", emptyDir: {} });
  expect(template?.spec?.containers[0]).toMatchObject({
    volumeMounts: expect.arrayContaining([{ name: "own", mountPath: "/tmp/own" }]),
    readinessProbe: { periodSeconds: 1, failureThreshold: 2 },
    securityContext: { runAsUser: 1234, readOnlyRootFilesystem: true },
  });
  expect((await deploymentOf("controller")).spec?.selector).toEqual(before.spec?.selector);
});

it("changes nothing when it is upgraded to what it is", async () => {
  const versions = async () => {
    const deployments = [await deploymentOf("controller"), await deploymentOf("dispatcher")];
    const { metadata } = await world.client.get(CRD);
    return [...deployments.map((one) => one.metadata?.generation), metadata.generation];
  };
  const before = await versions();
  await world.helm("upgrade", ...release("events", CHART, "--reuse-values"));
  expect(await versions()).toEqual(before);
});

it("follows the configuration of Knative where that is, in another namespace", async () => {
  const features = { name: "config-features", namespace: "knative-eventing" };
  const ref = { apiVersion: "v1", kind: "ConfigMap", ...features };
  const data = { "authentication-oidc": "enabled" };
  await world.client.create({ apiVersion: "v1", kind: "ConfigMap", metadata: features, data });
  await eventually(async () => (await readyCondition())?.reason === "OIDCNotSupported", {
    ...{ within, what: "the channel to be closed" },
  });
  await world.client.delete(ref);
  await untilReady();
});

it("has objects that the API server takes, whatever values make of them", async () => {
  for (const type of minimalTypes) await world.client.apply(type);
  const text = await renderChart({ namespace: NAMESPACE, values: everything });
  const serviceMonitor = { enabled: true, labels: { release: "prometheus" } };
  const other = await renderChart({
    namespace: NAMESPACE,
    values: { metrics: { serviceMonitor } },
  });
  await eventually(
    () => world.client.list({ apiVersion: "keda.sh/v1alpha1", kind: "ScaledObject" }),
    {
      ...{ within, what: "the types to be served" },
    },
  );
  for (const rendered of [text, other]) {
    const strict = ["--dry-run=server", "--validate=strict", "--server-side", "--force-conflicts"];
    const output = await world.apply(rendered, ...strict, "--namespace", NAMESPACE);
    // That of kubectl's own annotation on the type that was applied by hand.
    const lines = output
      .trim()
      .split("\n")
      .filter((line) => !line.includes("last-applied"));
    for (const line of lines) expect(line).toMatch(/ serverside-applied \(server dry run\)$/);
    expect(lines).toHaveLength(objectsIn(rendered).size);
  }
});

it("leaves the type, the channels and their streams when it is uninstalled, and the channels can be let go", async () => {
  const { client, jsm } = world;
  const notes = await world.helm("get", "notes", ...release("events"));
  const { uid } = (await client.get(CRD)).metadata;
  await world.helm("uninstall", ...release("events"));
  await eventually(() => world.kubelet.pods({ namespace: NAMESPACE }).length === 0, {
    ...{ within, what: "all Pods to end" },
  });
  await expectTypeIsKept(uid);
  expect(await client.find(CHANNEL)).toBeDefined();
  await client.delete(CHANNEL);
  expect(await client.find(CHANNEL)).toBeDefined();
  const [, patch = ""] = /kubectl patch natsjetstreamchannel <name> .* -p '(.*)'/.exec(notes) ?? [];
  await world.kubectl("patch", "natsjetstreamchannel/hello", "--type=json", "-p", patch);
  expect(await client.find(CHANNEL)).toBeUndefined();
  expect((await jsm.streams.info(STREAM)).state.messages).toBe(1);
  // The release that left the type finds it again.
  await world.helm("install", ...release("events", CHART, ...natsUrl()));
});

/** Sends what a curl command says to another address; gives the status. */
async function post(url: string, curl: string, host: string): Promise<number> {
  const headers = [...curl.matchAll(/-H '(.*?): (.*?)'/g)].map(([, name, value]) => [name, value]);
  const [, body = ""] = /-d '(.*?)'/.exec(curl) ?? [];
  expect(headers).toHaveLength(5);
  const { statusCode } = await request(url, {
    method: "POST",
    headers: { ...Object.fromEntries(headers), host },
    body,
  });
  return statusCode;
}
