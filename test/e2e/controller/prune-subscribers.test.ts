import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { CHANNELS, type Channel } from "../../../src/controller/kinds.ts";
import { subscriberPruner } from "../../../src/controller/prune-subscribers.ts";
import { findAccess } from "../../../src/kube/access.ts";
import { KubeClient } from "../../../src/kube/client.ts";
import { createLogger } from "../../../src/runtime/logger.ts";
import { makeNamespace } from "../../support/cluster.ts";
import type { KubeObject } from "../../support/kube-client.ts";
import { type ChannelApi, channelApi } from "../api/channel-api.ts";
import { SUBSCRIPTION, serveSubscriptions } from "../dispatcher/subscriptions.ts";

let api: ChannelApi;
let client: KubeClient;

beforeAll(async () => {
  api = await channelApi();
  await serveSubscriptions({ api });
  const access = await findAccess({ kubeconfig: inject("cluster").kubeconfigPath });
  client = new KubeClient({ access, userAgent: "test" });
});

afterAll(() => client?.close());

it("asks for Subscriptions of all namespaces before it takes away an entry that no watch has shown", async () => {
  const namespace = await makeNamespace(api.client, "elsewhere");
  const { metadata } = await api.client.create<KubeObject>({
    ...{ ...SUBSCRIPTION, metadata: { namespace, name: "far" } },
    spec: { channel: { name: "orders", namespace: api.namespace } },
  } as KubeObject);
  const entry = (uid: string, name: string) => ({
    ...{ uid, name, generation: 1, subscriberUri: "http://subscriber.example" },
  });
  const far = `${metadata.uid}`;
  const gone = "11111111-2222-3333-4444-555555555555";
  const subscribers = [entry(far, "far"), entry(gone, "gone")];
  await api.client.create(api.channel("orders", { spec: { subscribers } }));
  const log = createLogger({ name: "test", level: "silent" });
  const pruner = subscriberPruner({ client, areKnown: () => true, log, betweenChecksMs: 1 });
  const name = { namespace: api.namespace, name: "orders" };
  const { signal } = new AbortController();
  const channel = await client.get<Channel>(CHANNELS, name);
  expect(await pruner.prune(channel, signal), "when to look again").toBeGreaterThan(0);
  await pause(2);
  await pruner.prune(channel, signal);
  const { spec } = await client.get<Channel>(CHANNELS, name);
  expect(spec?.subscribers).toMatchObject([{ uid: far }]);
});
