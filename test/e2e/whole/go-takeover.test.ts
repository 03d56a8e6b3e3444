/*
 * An installation of the Go implementation becomes ours: with kubectl, as docs/migration.md says, and with the commands that stand there.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { KIND } from "../../../src/api/names.ts";
import type { Deployment, EndpointSlice } from "../../../src/kube/objects.ts";
import { ABOVE_FLOOR, dataOf, NOT_ACKNOWLEDGED } from "../../integration/consumer/go-leftovers.ts";
import { createCloudEventClient } from "../../support/cloud-event-client.ts";
import { eventually } from "../../support/eventually.ts";
import { GO_IMAGES } from "../../support/go-installation.ts";
import { SYSTEM_NAMESPACE } from "../../support/installation.ts";
import { serviceAddresses } from "../../support/service-addresses.ts";
import {
  CHANNELS,
  type Channel,
  commandsOf,
  type GoWorld,
  installOurs,
  refOf,
  startGoWorld,
  untilServed,
  within,
} from "./go-world.ts";

const DISPATCHER = "jetstream-ch-dispatcher";

let world: GoWorld;

beforeAll(async () => {
  world = await startGoWorld();
});

afterAll(async () => {
  await world?.stop();
});

const deploymentRef = (namespace: string, name = DISPATCHER) => ({
  ...{ apiVersion: "apps/v1", kind: "Deployment", namespace, name },
});

async function untilWarned(isWarned: boolean): Promise<void> {
  for (const channel of CHANNELS) {
    const warning = async () => {
      const { status } = await world.client.get<Channel>(refOf(channel));
      return status?.conditions?.find(({ type }) => type === "ConfigurationApplied");
    };
    const what = `the warning of ${channel.name} to be ${isWarned ? "there" : "gone"}`;
    const isSo = async () => ((await warning())?.reason === "GoConfigurationUsed") === isWarned;
    await eventually(isSo, { within, what });
  }
}

/** Sends an event to a channel's address, and waits until its subscriber has it. */
async function sendThrough({ namespace, name }: { namespace: string; name: string }, id: string) {
  const url = `http://${name}-kn-jsm-channel.${namespace}.svc.cluster.local`;
  await eventually(
    async () => {
      const [address = ""] = await serviceAddresses(world.client, world.kubelet, url);
      const port = Number(address.slice(address.lastIndexOf(":") + 1));
      const sender = createCloudEventClient({ port, host: new URL(url).host });
      const { status } = await sender.sendBinary({ id }).finally(() => sender.close());
      expect(status).toBe(202);
    },
    { within, what: `${name} to take an event` },
  );
  const isThere = () => received(name).includes(id);
  await eventually(isThere, { within, what: `event ${id} at the subscriber of ${name}` });
}

/** Looks again and again whether any Pod is behind a dispatcher's Service, until it is asked how often there was none. */
function followEndpoints(namespace: string) {
  const ref = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", namespace };
  const selection = { labelSelector: `kubernetes.io/service-name=${DISPATCHER}` };
  let isFollowing = true;
  const looking = (async () => {
    let without = 0;
    while (isFollowing) {
      const { items } = await world.client.list<EndpointSlice>(ref, selection);
      const isAny = items.some(({ endpoints, ports }) =>
        endpoints?.some(({ conditions }) => conditions?.ready && (ports?.length ?? 0) > 0),
      );
      if (!isAny) without += 1;
      // Others need the API server, too.
      await delay(20);
    }
    return without;
  })();
  return {
    async looksWithoutAny() {
      isFollowing = false;
      return await looking;
    },
  };
}

const requestsTo = (name: string) => world.sink.requests.filter(({ path }) => path === `/${name}`);
const received = (name: string) => requestsTo(name).map(({ event }) => event?.id);

it("touches nothing while the webhooks stand, and says which commands remove them", async () => {
  for (const command of await commandsOf(2)) await world.run(...command);
  await installOurs(world);
  const events = { apiVersion: "events.k8s.io/v1", kind: "Event", namespace: SYSTEM_NAMESPACE };
  const note = await eventually(
    async () => {
      const { items } = await world.client.list<{ reason: string; note: string }>(events);
      return items.find(({ reason }) => reason === "GoWebhooksStand")?.note ?? false;
    },
    { within, what: "the Event" },
  );
  const [pod] = world.kubelet.pods({ labels: { "messaging.knative.dev/role": "controller" } });
  const answer = await fetch(`http://${pod?.addressOf("admin")}/readyz`);
  expect([answer.status, await answer.text()]).toEqual([503, `${note}\n`]);
  expect(await world.client.find(deploymentRef(SYSTEM_NAMESPACE))).toMatchObject({
    metadata: { ownerReferences: [{ kind: "ClusterRole" }] },
    spec: { template: { spec: { containers: [{ image: GO_IMAGES.dispatcher }] } } },
  });
  expect(world.sink.requests).toEqual([]);

  const commands = note.slice(note.indexOf("kubectl")).split("; ");
  const documented = await commandsOf(3);
  const named = documented.map((words) => `kubectl ${words.slice(0, 3).join(" ")}`);
  expect(commands).toEqual(named);
});

it("takes all over, and delivers everything above each consumer's position once", async () => {
  const endpoints = followEndpoints(SYSTEM_NAMESPACE);
  for (const command of await commandsOf(3)) await world.run(...command);
  for (const channel of CHANNELS) {
    const { status } = await untilServed(world, channel);
    const { namespace, name } = channel;
    expect(status?.address).toEqual({
      name: "http",
      url: `http://${name}-kn-jsm-channel.${namespace}.svc.cluster.local`,
    });
    const isComplete = () => {
      const ids = received(name).map(Number);
      return NOT_ACKNOWLEDGED.every((event) => ids.includes(event));
    };
    await eventually(isComplete, { within, what: `what ${name} still had to deliver` });
    const ids = received(name).map(Number);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !ABOVE_FLOOR.includes(id))).toEqual([]);
    for (const { event, body } of requestsTo(name)) {
      expect(body.toString()).toBe(dataOf(Number(event?.id)));
    }
  }
  expect(await endpoints.looksWithoutAny()).toBe(0);
  for (const namespace of [SYSTEM_NAMESPACE, "apart"]) {
    const { metadata, spec } = await world.client.get<Deployment>(deploymentRef(namespace));
    const kinds = (metadata?.ownerReferences ?? []).map(({ kind }) => kind);
    expect(kinds).toEqual(namespace === "apart" ? [] : ["ConfigMap"]);
    const [container] = spec?.template.spec?.containers ?? [];
    expect(container?.env?.map(({ name }) => name)).not.toContain("CONTAINER_NAME");
    expect(container?.volumeMounts?.map(({ mountPath }) => mountPath)).not.toContain(
      "/etc/config-nats",
    );
  }
});

it("says that it reads the Go implementation's configuration, until ours is there", async () => {
  await untilWarned(true);
  for (const namespace of [SYSTEM_NAMESPACE, "apart"]) {
    const data = { "eventing-jetstream": `url: ${world.natsUrl}\n` };
    const metadata = { name: "config-jetstream", namespace };
    await world.client.create({ apiVersion: "v1", kind: "ConfigMap", metadata, data });
  }
  await untilWarned(false);
  for (const command of (await commandsOf(5)).slice(0, 2)) await world.run(...command);
});

it("goes on when what is left of the Go implementation is deleted", async () => {
  for (const command of await commandsOf(6)) await world.run(...command);
  const labels = { "messaging.knative.dev/channel": "nats-jetstream-channel" };
  const pods = world.kubelet.pods({ labels });
  for (const { namespace, name } of pods) {
    await world.client.delete({ apiVersion: "v1", kind: "Pod", namespace, name });
  }
  const isReplaced = () =>
    world.kubelet
      .pods({ labels })
      .filter(({ isReady, uid }) => isReady && !pods.some((old) => old.uid === uid)).length === 3;
  await eventually(isReplaced, { within, what: "new Pods of all three Deployments" });
  for (const channel of CHANNELS) {
    await sendThrough(channel, `new-${channel.name}`);
    await untilServed(world, channel);
  }
});

it("ends the streams of channels that are deleted, and a namespace's dispatcher with its last", async () => {
  for (const channel of CHANNELS)
    await world.run("delete", KIND, channel.name, "-n", channel.namespace);
  expect(await world.jsm.streams.names().next()).toEqual([]);
  const rest = [
    deploymentRef("apart"),
    { apiVersion: "v1", kind: "ServiceAccount", namespace: "apart", name: DISPATCHER },
    {
      ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding" },
      namespace: "apart",
      name: DISPATCHER,
    },
  ];
  for (const ref of rest) {
    const isGone = async () => (await world.client.find(ref)) === undefined;
    await eventually(isGone, { within, what: `${ref.kind} ${ref.name} to go` });
  }
});
