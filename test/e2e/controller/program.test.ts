import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, it } from "vitest";
import type { Deployment, HorizontalPodAutoscaler, Lease } from "../../../src/kube/objects.ts";
import { type RunningChild, startChild } from "../../support/child-process.ts";
import { kubeconfigFor } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";
import { manifests } from "../../support/manifests.ts";
import { notThere } from "../../support/observability-files.ts";
import {
  type ControlWorld,
  DISPATCHER_IMAGE,
  SYSTEM,
  startControlWorld,
  within,
  writeDefaults,
} from "./control-world.ts";

const MAIN = join(import.meta.dirname, "../../../src/controller/main.ts");
const LEASE = {
  ...{ apiVersion: "coordination.k8s.io/v1", kind: "Lease" },
  ...{ namespace: SYSTEM, name: "jetstream-channel-controller" },
};

let world: ControlWorld;
let namespace: string;
let started: Program[] = [];

beforeAll(async () => {
  world = await startControlWorld();
});

afterAll(async () => {
  await world?.stop();
});

beforeEach(async () => {
  namespace = await world.makeNamespace("program");
});

afterEach(async () => {
  for (const { child } of started) child.signal("SIGKILL");
  await Promise.all(started.map(({ child }) => child.ended));
  started = [];
  await world.client.delete(LEASE);
});

class Program {
  readonly child: RunningChild;
  readonly #lines: Record<string, unknown>[];

  constructor(child: RunningChild, lines: Record<string, unknown>[]) {
    this.child = child;
    this.#lines = lines;
  }

  async said(msg: string): Promise<Record<string, unknown>> {
    const find = () => this.#lines.find((line) => line.msg === msg) ?? false;
    return await eventually(find, { within, what: `the log line "${msg}"` });
  }

  async ask(path: string): Promise<{ status: number; text: string }> {
    const { port } = await this.said("admin server listening");
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: answer.status, text: await answer.text() };
  }
}

async function start(name: string, env: Record<string, string> = {}): Promise<Program> {
  const account = { namespace: SYSTEM, name: "jetstream-ch-controller" };
  const lines: Record<string, unknown>[] = [];
  const child = await startChild({
    command: process.execPath,
    arguments: [MAIN],
    env: {
      KUBECONFIG: await kubeconfigFor(world.client, inject("cluster"), account),
      SYSTEM_NAMESPACE: SYSTEM,
      DISPATCHER_IMAGE,
      DISPATCHER_CONFIG_PATH: join(inject("cluster").folder, "no-defaults"),
      ADMIN_PORT: "0",
      POD_NAME: name,
      ...env,
    },
    onLine: (line) => lines.push(JSON.parse(line)),
  });
  const program = new Program(child, lines);
  started.push(program);
  return program;
}

const deploymentRef = () => world.dispatcher("Deployment", "apps/v1");

it("says everything that is wrong with its environment, and ends", async () => {
  const program = await start("a", { SYSTEM_NAMESPACE: "", DISPATCHER_IMAGE: "", ADMIN_PORT: "x" });
  const { error } = await program.said("cannot start");
  for (const name of ["SYSTEM_NAMESPACE", "DISPATCHER_IMAGE", "ADMIN_PORT"]) {
    expect(error).toContain(name);
  }
  expect((await program.child.ended).exitCode).toBe(1);
});

it("works as its service account, is observable, and gives its Lease back at the end", async () => {
  const program = await start("only");
  await world.createChannel(namespace, "orders");
  await world.condition([namespace, "orders"], "DispatcherReady", { status: "True" });
  await world.streamReady(namespace, "orders");
  await world.condition([namespace, "orders"], "Ready", { status: "True" });
  expect(await program.ask("/readyz")).toEqual({ status: 200, text: "ok\n" });
  expect((await program.ask("/healthz")).status).toBe(200);
  const { text } = await program.ask("/metrics");
  expect(text).toMatch(/^jetstream_channel_controller_leader 1$/m);
  expect(text).toContain(
    `jetstream_channel_controller_channel_ready{channel="${namespace}/orders"} 1\n`,
  );
  const isOfController = /^jetstream_channel_controller_|^kn_workqueue_|_build_info$/;
  expect(notThere(text, (metric) => isOfController.test(metric))).toEqual([]);
  expect(text).toMatch(/^kn_workqueue_adds_total\{name="channel"\} [1-9]/m);
  expect(text).toMatch(/reconciles_total\{loop="channel",outcome="done"\} [1-9]/);
  const { spec } = await world.client.get<Lease>(LEASE);
  expect(spec?.holderIdentity).toMatch(/^only_/);

  program.child.signal("SIGTERM");
  expect((await program.child.ended).exitCode).toBe(0);
  const after = await world.client.get<Lease>(LEASE);
  expect(after.spec?.holderIdentity ?? "").toBe("");
});

it("has one leader, and the next one goes on where it ended", async () => {
  const first = await start("first");
  await first.said("leading");
  const second = await start("second");
  await eventually(async () => (await second.ask("/readyz")).status === 200, {
    within,
    what: "the second one to be ready to take over",
  });
  expect((await second.ask("/metrics")).text).toMatch(/^jetstream_channel_controller_leader 0$/m);
  first.child.signal("SIGTERM");
  await second.said("leading");
  await world.createChannel(namespace, "orders");
  await world.condition([namespace, "orders"], "ChannelServiceReady", { status: "True" });
});

it("ends when its Lease is another's", async () => {
  const program = await start("loser");
  await program.said("leading");
  const lease = await world.client.get<Lease>(LEASE);
  const spec = { ...lease.spec, holderIdentity: "somebody-else", leaseDurationSeconds: 15 };
  await world.client.patch(LEASE, { spec });
  await program.said("the lease is lost, exiting");
  expect((await program.child.ended).exitCode).toBe(1);
});

it("takes a new configuration of dispatchers at once, and keeps the last good one when it is wrong", async () => {
  const path = await writeDefaults(
    "defaults",
    "clusterDefault: { replicas: 1, priorityClassName: a }\n",
  );
  const program = await start("reloading", { DISPATCHER_CONFIG_PATH: path });
  await world.createChannel(namespace, "orders");
  const priority = (expected: string) =>
    world.object<Deployment>(deploymentRef(), ({ spec }) => {
      expect(spec?.template.spec?.priorityClassName).toBe(expected);
    });
  await priority("a");
  await writeFile(path, "clusterDefault: { replicas: 1, priorityClassName: b }\n");
  await priority("b");

  await writeFile(path, "clusterDefault: { replica: 1, priorityClassName: c }\n");
  const wrong = { status: "False", reason: "DefaultsInvalid" };
  const channel = [namespace, "orders"] as const;
  const { message } = await world.condition(channel, "ConfigurationApplied", wrong);
  expect(message).toContain('clusterDefault: unknown key "replica"; allowed: configName, replicas');
  const ready = await program.ask("/readyz");
  expect([ready.status, ready.text]).toEqual([
    200,
    expect.stringMatching(/^ok\nconfiguration: .*unknown key "replica".*; the last one that/s),
  ]);
  await priority("b");

  await writeFile(path, "clusterDefault: { replicas: 1, priorityClassName: d }\n");
  await priority("d");
  await eventually(async () => (await program.ask("/readyz")).text === "ok\n", {
    within,
    what: "the controller to have nothing to say",
  });
});

it("says on /readyz and in an Event what it may not read and works without", async () => {
  const role = {
    ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole" },
    name: "jetstream-ch-controller",
  };
  type Rules = { rules: { resources: string[] }[] };
  const { rules } = await world.client.get<Rules>(role);
  const optional = ["subscriptions", "eventpolicies"];
  const without = (resources: string[]) => !resources.some((name) => optional.includes(name));
  await world.client.patch(role, { rules: rules.filter(({ resources }) => without(resources)) });
  try {
    const program = await start("blind");
    const says = (text: string) =>
      eventually(async () => (await program.ask("/readyz")).text.includes(text), {
        within,
        what: `"${text}" on /readyz`,
      });
    await says("eventpolicies.eventing.knative.dev is forbidden");
    const events = { apiVersion: "events.k8s.io/v1", kind: "Event", namespace: SYSTEM };
    const reasons = async () => {
      const { items } = await world.client.list<{ reason: string; note?: string }>(events);
      return items.filter(({ note }) => note?.includes("is forbidden")).map(({ reason }) => reason);
    };
    const both = expect.arrayContaining(["PoliciesUnknown", "SubscriptionsUnknown"]);
    await eventually(async () => expect(await reasons()).toEqual(both), {
      within,
      what: "both Events",
    });
  } finally {
    await world.client.patch(role, { rules });
  }
});

it("hands the number of replicas over to an autoscaler, and takes it back", async () => {
  const path = await writeDefaults("scaling", "clusterDefault: { replicas: 2 }\n");
  await start("scaling", { DISPATCHER_CONFIG_PATH: path });
  await world.createChannel(namespace, "orders");
  const replicas = (expected: number) =>
    world.object<Deployment>(deploymentRef(), ({ spec }) => expect(spec?.replicas).toBe(expected));
  await replicas(2);
  const autoscaler = world.dispatcher("HorizontalPodAutoscaler", "autoscaling/v2");
  await writeFile(path, "clusterDefault: { autoscaling: { minReplicas: 2, maxReplicas: 4 } }\n");
  await world.object<HorizontalPodAutoscaler>(autoscaler, ({ spec }) => {
    expect([spec?.minReplicas, spec?.maxReplicas]).toEqual([2, 4]);
  });
  const scale = { ...deploymentRef(), subresource: "scale" };
  await replicas(2);
  await world.client.patch(scale, { spec: { replicas: 3 } });
  await writeFile(path, "clusterDefault: { autoscaling: { minReplicas: 2, maxReplicas: 5 } }\n");
  await world.object<HorizontalPodAutoscaler>(autoscaler, ({ spec }) => {
    expect(spec?.maxReplicas).toBe(5);
  });
  await replicas(3);
  await writeFile(path, "clusterDefault: { replicas: 1 }\n");
  await replicas(1);
  await world.gone(autoscaler);
});

it("runs as the Pod of its manifest", async () => {
  for (const object of manifests("500")) await world.client.apply(object);
  const deployment = {
    ...{ apiVersion: "apps/v1", kind: "Deployment" },
    ...{ namespace: SYSTEM, name: "jetstream-ch-controller" },
  };
  await world.object<Deployment>(deployment, ({ status }) => {
    expect(status?.availableReplicas, world.kubelet.describe()).toBe(1);
  });
  await world.createChannel(namespace, "orders");
  await world.condition([namespace, "orders"], "EndpointsReady", { status: "True" });
  await world.condition([namespace, "orders"], "Addressable", { status: "True" });
  const text = "clusterDefault: { priorityClassName: mounted }";
  const name = "config-ch-jetstream-defaults";
  const defaults = { apiVersion: "v1", kind: "ConfigMap", namespace: SYSTEM, name };
  await world.client.patch(defaults, { data: { "jetstream-dispatcher-config": text } });
  await world.object<Deployment>(deploymentRef(), ({ metadata, spec }) => {
    expect(spec?.template.spec?.priorityClassName).toBe("mounted");
    expect(metadata?.ownerReferences).toMatchObject([{ kind: "ConfigMap", name }]);
  });
  await world.client.delete(deployment);
  const isGone = () =>
    world.kubelet.pods({ labels: { "messaging.knative.dev/role": "controller" } }).length === 0;
  await eventually(isGone, { within, what: "the controller's Pod to end" });
});
