import { networkInterfaces } from "node:os";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import type { ChannelReport } from "../../../src/cli/channel-reports.ts";
import { runCli } from "../../support/cli.ts";
import { kubeconfigFor } from "../../support/cluster.ts";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { type Somebody, somebody } from "../../support/documented-roles.ts";
import { eventually } from "../../support/eventually.ts";
import type { KubeObject } from "../../support/kube-client.ts";
import { type ClusterWorld, startClusterWorld, subscriber } from "../dispatcher/cluster-world.ts";

const EVENTS = 3;

let world: ClusterWorld;
let dispatcher: DispatcherProcess;
let namespace: string;

/** The API server hands requests on to no Pod with a loopback address. */
const ownAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

beforeAll(async () => {
  world = await startClusterWorld();
  namespace = world.api.namespace;
  dispatcher = await world.start();
  await world.create("orders", { stream: { config: { maxMsgs: 100 } } });
  await world.untilReady("orders");
  await world.subscribe("orders", subscriber("billing", `${world.sink.url}/orders`));
  await world.untilReady("orders", "billing");
  const client = world.client("orders", dispatcher);
  for (let id = 1; id <= EVENTS; id++) await client.sendBinary({ id: `${id}` });
  await world.sink.waitFor(EVENTS);
});

afterAll(async () => {
  for (const { remove } of granted) await remove();
  await world.stop();
});

const granted: Somebody[] = [];

/** Makes somebody with documented roles in this namespace; gives the environment of whoever is that. */
async function withRoles(name: string, ...roles: string[]): Promise<Record<string, string>> {
  const parts = { client: world.api.client, cluster: inject("cluster") };
  const made = await somebody(parts, { namespace, name, systemNamespace: namespace }, roles);
  granted.push(made);
  return made.env;
}

async function readerEnv(): Promise<Record<string, string>> {
  const account = { namespace, name: "reader" };
  return { KUBECONFIG: await kubeconfigFor(world.api.client, inject("cluster"), account) };
}

/** Makes the Pod that a dispatcher would have: nobody runs it, and the dispatcher of this test answers at its address. */
async function makePod(name: string, ip: string, port: number): Promise<void> {
  const { client } = world.api;
  const labels = {
    "messaging.knative.dev/channel": "nats-jetstream-channel",
    "messaging.knative.dev/role": "dispatcher",
  };
  const ports = [{ name: "admin", containerPort: port }];
  const containers = [{ name: "dispatcher", image: "none", ports }];
  const ref = { apiVersion: "v1", kind: "Pod", namespace, name };
  await client.create({
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { name, namespace, labels },
    // A node that is not there, so that none takes it.
    spec: { nodeName: "nowhere", serviceAccountName: "viewer", containers },
  } as KubeObject);
  await client.patch(
    { ...ref, subresource: "status" },
    { status: { podIP: ip, podIPs: [{ ip }] } },
  );
}

it("needs no more than the documented roles: the API server asks the Pods of the dispatcher", async ({
  skip,
}) => {
  if (ownAddress === undefined) return skip("this machine has no address but loopback ones");
  const env = await withRoles("viewer", "jetstream-channel-viewer", "jetstream-channel-counts");
  await makePod("dispatcher-0", ownAddress, dispatcher.adminPort);
  const [orders] = await eventually(
    async () => {
      const { out, err } = await runCli(["status", "-o", "json"], { env });
      expect(err).toBe("");
      const { channels } = JSON.parse(out) as { channels: ChannelReport[] };
      // The last acknowledgement is under way.
      return channels[0]?.subscribers[0]?.ackPending === 0 && channels;
    },
    { within: 10_000, what: "the counts of JetStream" },
  );
  expect(orders).toMatchObject({
    ...{ namespace, name: "orders", messages: EVENTS, warnings: [], unapplied: [] },
    subscribers: [
      { uid: "billing", name: "billing", ready: "True", pending: 0, redelivered: 0, held: false },
    ],
  });
  // There is no controller here, which alone says Ready.
  expect(orders?.ready).toBe("Unknown");
});

it("shows what Kubernetes has to whoever may not ask Pods, and says what is missing", async () => {
  const env = await withRoles("reader", "jetstream-channel-viewer");
  const { out, err, exitCode } = await runCli(["status", "orders", "-n", namespace], { env });
  const [, orders = ""] = out.split("\n");
  expect(orders.trim().split(/ {2,}/)).toEqual([
    ...[namespace, "orders", "Unknown", expect.stringMatching(/^KN_.*__ORDERS$/)],
    ...["-", "-", "1/1", "-", "-", "-"],
  ]);
  expect(err).toMatch(/^jetstream-channel: cannot list pods of \S+: .*forbidden/);
  expect(exitCode).toBe(0);
});

it("gets the same through a forwarded port", async () => {
  const env = await readerEnv();
  const url = `http://127.0.0.1:${dispatcher.adminPort}`;
  const { out, err } = await runCli(["status", "-o", "json", "--dispatcher-url", url], { env });
  const { channels } = JSON.parse(out) as { channels: ChannelReport[] };
  expect(channels).toMatchObject([{ name: "orders", messages: EVENTS }]);
  expect(err).toBe("");
});

it("says whom it asked in vain", async () => {
  const env = await readerEnv();
  const missing = await runCli(["status", "nothing"], { env });
  expect(missing.err).toMatch(/cannot get natsjetstreamchannels \S+\/nothing: .*not found/);
  expect(missing.exitCode).toBe(1);
  const all = await runCli(["status", "-A"], { env });
  expect(all.err).toMatch(/cannot list natsjetstreamchannels of all namespaces: .*forbidden/);
  expect(all.exitCode).toBe(1);
  const context = await runCli(["status", "--context", "other"], { env });
  expect(context.err).toContain('the kubeconfig has no context "other"; it has: test');
  const nowhere = await runCli(["status", "--kubeconfig", "/no/such"], { env });
  expect(nowhere.err).toContain("/no/such");
});
