import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { API_VERSION, KIND } from "../../../src/api/names.ts";
import { streamMetadataFor } from "../../../src/api/ownership.ts";
import type { ChannelReport } from "../../../src/cli/channel-reports.ts";
import type { Line } from "../../../src/cli/diagnosis.ts";
import { runCli } from "../../support/cli.ts";
import { kubeconfigFor, makeNamespace } from "../../support/cluster.ts";
import { faulty, linesOf } from "../../support/doctor-lines.ts";
import { type Somebody, somebody } from "../../support/documented-roles.ts";
import { eventually } from "../../support/eventually.ts";
import {
  available,
  type Installation,
  install,
  SYSTEM_NAMESPACE,
} from "../../support/installation.ts";
import { createKubeClient, type KubeClient, type KubeObject } from "../../support/kube-client.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";

const orders = () => ({ apiVersion: API_VERSION, kind: KIND, namespace, name: "orders" });

let client: KubeClient;
let nats: NatsServer;
let nc: NatsConnection;
let installation: Installation;
let namespace: string;
let admin: Somebody;
let env: Record<string, string>;
let natsConfig: string;
/** What other tests have left in their namespaces is theirs. */
let others: string[];

beforeAll(async () => {
  const cluster = inject("cluster");
  client = createKubeClient(cluster.admin);
  nats = await startNatsServer();
  nc = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  installation = await install({ cluster, client, natsUrl: nats.url });
  // It ends quickly: no sender has to learn of it.
  const quick = "dispatch: { quietPeriod: PT0.1S, gracePeriod: PT15S }";
  natsConfig = `url: ${nats.url}\n${quick}\n`;
  await config("config-jetstream", { "eventing-jetstream": natsConfig });
  namespace = await makeNamespace(client, "doctor");
  await client.create({
    ...{ apiVersion: API_VERSION, kind: KIND },
    metadata: { name: "orders", namespace },
    spec: { stream: { config: { maxMsgs: 100 } } },
  } as KubeObject);
  await untilReady();
  await available(client, "jetstream-ch-dispatcher");
  await eventually(() => dispatcherPods().length === 1, {
    within: 60_000,
    what: "one Pod of the dispatcher alone, with the configuration of these tests",
  });
  const account = { namespace, name: "admin", systemNamespace: SYSTEM_NAMESPACE, everywhere: true };
  admin = await somebody({ client, cluster }, account, [
    "jetstream-channel-viewer",
    "jetstream-channel-counts",
    "jetstream-channel-doctor",
  ]);
  env = admin.env;
  const { items } = await client.list({ apiVersion: "v1", kind: "Namespace" });
  const own = [SYSTEM_NAMESPACE, namespace, "default"];
  others = items.map(({ metadata }) => metadata.name ?? "").filter((name) => !own.includes(name));
});

afterAll(async () => {
  await client.delete(orders());
  await eventually(async () => (await client.find(orders())) === undefined, {
    within: 60_000,
    what: "the channel to go",
  });
  await admin.remove();
  await installation?.stop();
  await nc.close();
  await nats.stop();
  await client.close();
});

async function untilReady(): Promise<void> {
  await eventually(
    async () => {
      const { status } = await client.get<
        KubeObject & { status?: { conditions?: { type: string; status: string }[] } }
      >(orders());
      return status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";
    },
    { within: 60_000, what: "the channel to be Ready" },
  );
}

const dispatcherPods = () =>
  installation.kubelet.pods({
    namespace: SYSTEM_NAMESPACE,
    labels: { "messaging.knative.dev/role": "dispatcher" },
  });

/** Gives `--dispatcher-url` with the Pod that stays: channels that others have left may have had one made before the configuration. */
function asked(): string[] {
  const pod = dispatcherPods().find(({ isReady, isTerminating }) => isReady && !isTerminating);
  return ["--dispatcher-url", `http://${pod?.addressOf("admin")}`];
}

async function examine(more: string[] = [], who = env): Promise<Line[]> {
  const lines = await linesOf([...asked(), ...more], who);
  return lines.filter(({ message }) => !others.some((name) => message.includes(name)));
}

const config = (name: string, data: Record<string, string>) =>
  client.patch(
    { apiVersion: "v1", kind: "ConfigMap", namespace: SYSTEM_NAMESPACE, name },
    { data },
  );

it("finds an installation as it should be, with the documented roles and no others", async () => {
  const lines = await examine(["--nats-url", nats.url]);
  expect(faulty(lines)).toEqual([]);
  expect(lines.map(({ check }) => check)).toEqual(
    expect.arrayContaining([
      ...["API server", "your permissions", "CRD", "Go webhooks", "configuration"],
      ...["controller", "controller Lease", "dispatcher", "dispatcher Lease"],
      ...["NATS", "JetStream", "streams"],
    ]),
  );
});

it("is not alone in that: status shows the channel as Ready, with its address", async () => {
  const given = ["status", "orders", "-n", namespace, "-o", "json"];
  const { out } = await runCli([...given, ...asked()], { env });
  const { channels } = JSON.parse(out) as { channels: ChannelReport[] };
  expect(channels).toMatchObject([
    {
      ...{ namespace, name: "orders", ready: "True", storage: "file", messages: 0, bytes: 0 },
      address: `http://orders-kn-jsm-channel.${namespace}.svc.cluster.local`,
    },
  ]);
});

it("tells of a stream of this cluster whose channel is gone", async () => {
  const { metadata } = await client.get<KubeObject & { metadata: { uid: string } }>({
    ...{ apiVersion: "v1", kind: "Namespace", name: "kube-system" },
  });
  const owner = { clusterId: metadata.uid, channel: { namespace, name: "gone" } };
  const jsm = await jetstreamManager(nc);
  const stream = { name: "LEFT", subjects: ["left"] };
  await jsm.streams.add({
    ...stream,
    metadata: streamMetadataFor({ ...owner, origin: "created" }),
  });
  // From the dispatcher, and the same from here: it is one stream.
  expect(faulty(await examine(["--nats-url", nats.url]))).toMatchObject([
    {
      level: "warn",
      check: "streams",
      message: expect.stringContaining(`LEFT is of channel ${namespace}/gone`),
    },
  ]);
  await jsm.streams.delete("LEFT");
});

it("tells of a configuration with a typo", async () => {
  await config("config-jetstream", { "eventing-jetstream": "urls: nats://a\n" });
  const lines = await examine();
  await config("config-jetstream", { "eventing-jetstream": natsConfig });
  expect(lines.filter(({ check }) => check === "configuration")).toMatchObject([
    { level: "ok" },
    {
      level: "fail",
      message: expect.stringContaining('config-jetstream: unknown key "urls"; allowed: url,'),
    },
  ]);
});

it("tells of somebody who may not look, and goes on", async () => {
  const account = { namespace, name: "nobody" };
  await client.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: account });
  const nobody = { KUBECONFIG: await kubeconfigFor(client, inject("cluster"), account) };
  const lines = await examine([], nobody);
  const checks = new Map(faulty(lines).map((line) => [line.check, line]));
  expect([...checks.keys()].sort()).toEqual([
    ...["CRD", "Go webhooks", "channels", "configuration", "controller", "dispatcher"],
    "your permissions",
  ]);
  for (const { level, remedy } of checks.values()) {
    expect([level, remedy]).toEqual(["warn", expect.stringContaining("docs/cli.md")]);
  }
});

it("tells of NATS that is away", async () => {
  await nats.kill();
  const line = await eventually(
    async () =>
      (await examine()).find(({ check, level }) => check === "NATS" && level === "fail") ?? false,
    { within: 20_000, what: "the loss to be told" },
  );
  expect(line.message).toMatch(/not connected: /);
  expect(line.remedy).toContain("config-jetstream");
  await nats.start();
});
