import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { API_VERSION, KIND } from "../../../src/api/names.ts";
import { createCloudEventClient } from "../../support/cloud-event-client.ts";
import { makeNamespace } from "../../support/cluster.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import {
  available,
  type Installation,
  install,
  SYSTEM_NAMESPACE,
} from "../../support/installation.ts";
import { createKubeClient, type KubeClient } from "../../support/kube-client.ts";
import { createLedger } from "../../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { serviceAddresses } from "../../support/service-addresses.ts";

const KNATIVE = "system:serviceaccount:knative-eventing:eventing-controller";

let client: KubeClient;
let nats: NatsServer;
let nc: NatsConnection;
let sink: EventSink;
let installation: Installation;
let namespace: string;

beforeAll(async () => {
  const cluster = inject("cluster");
  client = createKubeClient(cluster.admin);
  nats = await startNatsServer();
  nc = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  sink = await startEventSink();
  installation = await install({ cluster, client, natsUrl: nats.url });
  namespace = await makeNamespace(client, "whole");
});

afterAll(async () => {
  await installation?.stop();
  await nc.close();
  await sink.close();
  await nats.stop();
  await client.close();
});

interface Channel {
  metadata: { name: string };
  status?: {
    address?: { url: string };
    conditions?: { type: string; status: string; message?: string }[];
    subscribers?: { uid: string; ready: string }[];
  };
}

const ref = (name: string) => ({ apiVersion: API_VERSION, kind: KIND, namespace, name });

async function untilReady(name: string): Promise<string> {
  const { status } = await eventually(
    async () => {
      const channel = await client.get<Channel>(ref(name));
      const conditions = channel.status?.conditions ?? [];
      if (conditions.find(({ type }) => type === "Ready")?.status === "True") return channel;
      throw new Error(JSON.stringify(conditions));
    },
    { within: 60_000, what: `channel ${name} to be ready` },
  );
  return status?.address?.url ?? "";
}

const dispatchers = () =>
  installation.kubelet
    .pods({ namespace: SYSTEM_NAMESPACE })
    .filter(({ labels }) => labels["messaging.knative.dev/role"] === "dispatcher");

/** Sends to the ready dispatchers in turn, as the Service does. */
async function send(url: string, id: string): Promise<number> {
  const addresses = await serviceAddresses(client, installation.kubelet, url);
  const address = addresses[Math.floor(Math.random() * addresses.length)];
  if (address === undefined) return 0;
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  const sender = createCloudEventClient({ port, host: new URL(url).host });
  try {
    return (await sender.sendBinary({ id })).status;
  } finally {
    sender.close();
  }
}

it("leads from an applied channel to a delivered event, through a dispatcher that is scaled, killed and rolled", async () => {
  await client.create({
    ...ref("orders"),
    metadata: { name: "orders", namespace },
    spec: {},
  } as never);
  const url = await untilReady("orders");
  expect(url).toBe(`http://orders-kn-jsm-channel.${namespace}.svc.cluster.local`);
  const ledger = createLedger("good", "dead-letters");
  sink.onRequest = ({ path, event }) => {
    ledger.received(path === "/good" ? "good" : "dead-letters", event?.id ?? "");
  };
  const failing = await startEventSink({ respond: () => ({ status: 400 }) });
  const subscribers = [
    { uid: "good-1", generation: 1, subscriberUri: `${sink.url}/good` },
    {
      uid: "bad-1",
      generation: 1,
      subscriberUri: failing.url,
      delivery: { deadLetterSink: { uri: `${sink.url}/dead` } },
    },
  ];
  await client.as(KNATIVE).patch(ref("orders"), { spec: { subscribers } });
  await eventually(
    async () => {
      const { status } = await client.get<Channel>(ref("orders"));
      return status?.subscribers?.filter(({ ready }) => ready === "True").length === 2;
    },
    { within: 30_000, what: "both subscribers to be ready" },
  );
  const statuses = new Map<number, number>();
  let isSending = true;
  const sending = (async () => {
    for (let i = 0; isSending; i++) {
      const id = `order-${i}`;
      ledger.sent(id);
      const status = await send(url, id).catch(() => -1);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status === 202) ledger.acknowledged(id);
    }
  })();
  await eventually(() => (statuses.get(202) ?? 0) > 50, { within: 30_000, what: "events" });
  // Scaled by the configuration of dispatchers, as an admin does.
  const defaults = {
    apiVersion: "v1",
    kind: "ConfigMap",
    namespace: SYSTEM_NAMESPACE,
    name: "config-ch-jetstream-defaults",
  };
  const text = "clusterDefault: { configName: config-jetstream, replicas: 2 }\n";
  await client.patch(defaults, { data: { "jetstream-dispatcher-config": text } });
  await eventually(() => dispatchers().filter(({ isReady }) => isReady).length === 2, {
    within: 60_000,
    what: "two dispatchers",
  });
  dispatchers()[0]?.signal("SIGKILL");
  await eventually(() => dispatchers().some(({ restarts }) => restarts > 0), {
    within: 30_000,
    what: "the kill to be seen",
  });
  await available(client, "jetstream-ch-dispatcher");
  isSending = false;
  await sending;
  await eventually(
    () => Object.values(ledger.summary().receivers).every(({ missing }) => missing === 0),
    { within: 60_000, what: "every acknowledged event at the subscriber and the dead-letter sink" },
  );
  expect(statuses.get(202)).toBeGreaterThan(100);
  await failing.close();
});

it("is gone without a trace when the channel is deleted", async () => {
  const service = { apiVersion: "v1", kind: "Service", namespace, name: "orders-kn-jsm-channel" };
  // The garbage collector takes it with its owner; it learns of types that are new to it only every half minute.
  expect((await client.get(service)).metadata).toMatchObject({
    ownerReferences: [{ kind: KIND, name: "orders", controller: true }],
  });
  await client.delete(ref("orders"));
  await eventually(async () => (await client.find(ref("orders"))) === undefined, {
    within: 60_000,
    what: "the channel to go",
  });
  // Channels of other tests may be served by this dispatcher too.
  const own = `KN_${namespace.toUpperCase().replaceAll("-", "_")}__`;
  const left = await (await jetstreamManager(nc)).streams.names().next();
  expect(left.filter((stream) => stream.startsWith(own))).toEqual([]);
});
