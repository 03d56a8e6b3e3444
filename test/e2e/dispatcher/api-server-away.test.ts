import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ControlPlane, startControlPlane } from "../../support/control-plane.ts";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import { createLedger } from "../../support/ledger.ts";
import { settled, startLoad } from "./cluster-load.ts";
import { type ClusterWorld, startClusterWorld, subscriber } from "./cluster-world.ts";

const within = 110_000;
let controlPlane: ControlPlane;
let world: ClusterWorld;
let dispatcher: DispatcherProcess;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  world = await startClusterWorld(controlPlane.cluster);
  dispatcher = await world.start();
});

afterAll(async () => {
  await world?.stop();
  await controlPlane?.stop();
});

const streamOf = (name: string): string =>
  `KN_${world.api.namespace}__${name}`.toUpperCase().replaceAll("-", "_");

it("an API server that is away for longer than the lease lasts costs no event, and status catches up", async () => {
  const ledger = createLedger("steady");
  world.sink.onRequest = ({ event }) => ledger.received("steady", event?.id ?? "");
  for (const name of ["steady", "other"]) {
    await world.create(name);
    await world.subscribe(name, subscriber(name, `${world.sink.url}/${name}`));
    await world.untilReady(name, name);
  }
  const load = startLoad(world, { channel: "steady", ledger, endpoints: () => [dispatcher] });
  await load.flows();

  await controlPlane.stopApiServer();
  const stopped = performance.now();
  const unknown = world.client("unknown", dispatcher);
  const isNotKnown = async () => (await unknown.sendBinary({})).status === 503;
  await eventually(isNotKnown, { within, what: "503 for an unknown host" });
  expect(performance.now() - stopped).toBeGreaterThan(9_000);
  const isLeader = async () => ((await dispatcher.channels()) as { leader: boolean }).leader;
  await eventually(async () => !(await isLeader()), { within, what: "the end of the lease" });
  // Now nobody may mend this.
  const jsm = await jetstreamManager(world.nc);
  await jsm.consumers.delete(streamOf("other"), "KN_SUB_OTHER");
  await load.flows(500);
  expect(await dispatcher.readiness()).toBe(200);

  await controlPlane.startApiServer();
  await eventually(isLeader, { within, what: "the lease" });
  await world.create("afterwards");
  await world.untilReady("afterwards");
  const { config } = await eventually(() => jsm.consumers.info(streamOf("other"), "KN_SUB_OTHER"), {
    within,
    what: "the consumer",
  });
  expect(config.durable_name).toBe("KN_SUB_OTHER");
  await world.untilReady("other", "other");
  expect((await unknown.sendBinary({})).status).toBe(404);

  await load.finish();
  expect(await settled(ledger, "steady")).toMatchObject({ missing: 0, duplicates: 0 });
  expect(Object.fromEntries(load.refused)).toEqual({});
});

it("the cluster's dispatcher serves the channels of every namespace, and none that has a dispatcher of its own", async () => {
  const { client, namespace } = world.api;
  const account = { kind: "ServiceAccount", name: "jetstream-ch-dispatcher", namespace };
  const apiGroup = "rbac.authorization.k8s.io";
  await client.create({
    apiVersion: `${apiGroup}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: "jetstream-ch-dispatcher" },
    roleRef: { apiGroup, kind: "ClusterRole", name: "jetstream-ch-dispatcher" },
    subjects: [account],
  });
  await client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "elsewhere" } });
  await dispatcher.kill("SIGTERM");
  const inNamespace = world.api.channel("theirs");
  await client.create({ ...inNamespace, metadata: { name: "theirs", namespace: "elsewhere" } });
  await client.create(world.api.channel("ours"));
  await world.create("of-the-namespace");
  const clusters = await world.start({ env: { NAMESPACE: "" } });
  await world.untilReady("ours");
  await eventually(async () => (await world.streams()).includes("KN_ELSEWHERE__THEIRS"), {
    within,
    what: "the stream of the other namespace",
  });
  expect(await world.streams()).not.toContain(streamOf("of-the-namespace"));
  const { channels } = (await clusters.channels()) as { channels: { channel: string }[] };
  expect(channels.map(({ channel }) => channel).sort()).toEqual(
    [`${namespace}/ours`, "elsewhere/theirs"].sort(),
  );
});
