import { setTimeout as pause } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import type { KubeObject } from "../../support/kube-client.ts";
import { createLedger } from "../../support/ledger.ts";
import { settled, startLoad } from "./cluster-load.ts";
import { type ClusterWorld, startClusterWorld, subscriber } from "./cluster-world.ts";
import { SUBSCRIPTION, serveSubscriptions } from "./subscriptions.ts";

const within = 60_000;
const AWAY_MS = 5_000;
let world: ClusterWorld;
let dispatcher: DispatcherProcess;

beforeAll(async () => {
  world = await startClusterWorld();
  await serveSubscriptions(world);
  dispatcher = await world.start();
});

afterAll(() => world?.stop());

/** Makes a Subscription, and gives its uid. */
async function makeSubscription(name: string): Promise<string> {
  const { client, namespace } = world.api;
  const object = { ...SUBSCRIPTION, metadata: { namespace, name }, spec: {} };
  const { metadata } = await client.create<KubeObject>(object);
  return `${metadata.uid}`;
}

const streamOf = (name: string): string =>
  `KN_${world.api.namespace}__${name}`.toUpperCase().replaceAll("-", "_");

async function consumersOf(name: string): Promise<string[]> {
  const jsm = await jetstreamManager(world.nc);
  return (await jsm.consumers.list(streamOf(name)).next()).map((info) => info.name);
}

async function attached(name: string): Promise<boolean | undefined> {
  const page = (await dispatcher.channels()) as {
    channels: { channel: string; subscribers?: { attached?: boolean }[] }[];
  };
  const channel = page.channels.find((one) => one.channel.endsWith(`/${name}`));
  return channel?.subscribers?.[0]?.attached;
}

describe("an entry of spec.subscribers that is dropped for seconds under load", () => {
  it.each([
    [
      "on Limits, with new events only",
      "limits",
      { retention: "Limits" },
      { deliverPolicy: "New" },
    ],
    ["on Interest", "interest", { retention: "Interest" }, {}],
  ])(
    "%s: nothing is lost, nothing comes twice",
    async (_, name, config, consumerConfigTemplate) => {
      const uid = await makeSubscription(name);
      const ledger = createLedger(name);
      world.sink.onRequest = ({ event, path }) => {
        if (path === `/${name}`) ledger.received(name, event?.id ?? "");
      };
      const entry = subscriber(uid, `${world.sink.url}/${name}`);
      await world.create(name, { stream: { config }, consumerConfigTemplate });
      await world.subscribe(name, entry);
      await world.untilReady(name, uid);
      const load = startLoad(world, { channel: name, ledger, endpoints: () => [dispatcher] });
      await load.flows();

      await world.subscribe(name);
      await eventually(async () => (await attached(name)) === false, { within, what: "the pause" });
      const before = ledger.summary().acknowledged;
      await pause(AWAY_MS);
      expect(await consumersOf(name)).toHaveLength(1);
      await world.subscribe(name, entry);
      await world.untilReady(name, uid);
      await load.flows();

      await load.finish();
      expect(ledger.summary().acknowledged).toBeGreaterThan(before + 100);
      expect(await settled(ledger, name)).toMatchObject({ missing: 0, duplicates: 0 });
      expect(Object.fromEntries(load.refused)).toEqual({});
    },
  );
});

describe("a consumer", () => {
  const ofGone = async (name: string) => {
    const uid = await makeSubscription(name);
    await world.create(name);
    await world.subscribe(name, subscriber(uid, `${world.sink.url}/${name}`));
    await world.untilReady(name, uid);
    const { namespace } = world.api;
    await world.api.client.delete({ ...SUBSCRIPTION, namespace, name });
  };
  const untilNone = (name: string) =>
    eventually(async () => (await consumersOf(name)).length === 0, {
      within,
      what: "the consumer to go",
    });

  it("goes when its entry has gone and its Subscription is gone", async () => {
    await ofGone("gone");
    expect(await consumersOf("gone"), "the entry alone decides about a pause").toHaveLength(1);
    await world.subscribe("gone");
    await untilNone("gone");
  });

  it("stays while the dispatcher may not read Subscriptions, and an Event says why", async () => {
    await ofGone("unknown");
    const { client, namespace } = world.api;
    const rbac = "rbac.authorization.k8s.io";
    const named = { apiVersion: `${rbac}/v1`, name: "jetstream-ch-dispatcher" };
    const whole = { ...named, kind: "RoleBinding", namespace };
    const binding = await client.get<KubeObject>(whole);
    const { rules } = await client.get<{ rules: { resources: string[] }[] }>({
      ...named,
      kind: "ClusterRole",
    });
    const metadata = { namespace, name: "without-subscriptions" };
    await client.create({
      ...{ apiVersion: named.apiVersion, kind: "Role", metadata },
      rules: rules.filter(({ resources }) => !resources.includes("subscriptions")),
    } as KubeObject);
    const roleRef = { apiGroup: rbac, kind: "Role", name: metadata.name };
    await client.create({ ...binding, metadata, roleRef } as KubeObject);
    await client.delete(whole);
    await world.subscribe("unknown");
    const isTold = async () =>
      (await world.events("unknown")).some((event) =>
        /^Warning SubscriptionsUnknown: .*cannot list subscriptions/.test(event),
      );
    await eventually(isTold, { within, what: "the Event" });
    expect(await consumersOf("unknown")).toHaveLength(1);
    const { name } = named;
    await client.create({ ...binding, metadata: { namespace, name } } as KubeObject);
    await untilNone("unknown");
  });

  it("that was left behind while no dispatcher ran goes when one leads again", async () => {
    await ofGone("orphan");
    await dispatcher.kill("SIGTERM");
    await world.subscribe("orphan");
    dispatcher = await world.start();
    await untilNone("orphan");
  });

  it("stays while no dispatcher knows that its Subscription is gone", async () => {
    const uid = await makeSubscription("alive");
    await world.create("alive");
    await world.subscribe("alive", subscriber(uid, world.sink.url));
    await world.untilReady("alive", uid);
    await dispatcher.kill("SIGTERM");
    await world.subscribe("alive");
    dispatcher = await world.start();
    await world.create("later");
    await world.untilReady("later");
    expect(await consumersOf("alive")).toHaveLength(1);
  });
});
