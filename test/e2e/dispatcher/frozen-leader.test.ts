import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import { stopped } from "../../support/stopped-process.ts";
import { type ClusterWorld, startClusterWorld } from "./cluster-world.ts";

const within = 60_000;
let world: ClusterWorld;

beforeAll(async () => {
  world = await startClusterWorld();
});

afterAll(() => world?.stop());

async function isLeader(dispatcher: DispatcherProcess): Promise<boolean> {
  return ((await dispatcher.channels()) as { leader: boolean }).leader;
}

it("a leader that stood still until another one led writes nothing when it goes on", async () => {
  const updates: string[] = [];
  world.nc.subscribe("$JS.API.STREAM.UPDATE.>", {
    callback: (_error, { subject }) => void updates.push(subject),
  });
  const stream = `KN_${world.api.namespace}__FROZEN`.toUpperCase().replaceAll("-", "_");
  const jsm = await jetstreamManager(world.nc);
  const setMaxMsgs = async (maxMsgs: number) => {
    const spec = { stream: { config: { maxMsgs } } };
    await world.api.client.patch(world.api.ref("frozen"), { spec });
    const isSet = async () => (await jsm.streams.info(stream)).config.max_msgs === maxMsgs;
    await eventually(isSet, { within, what: `maxMsgs ${maxMsgs}` });
  };
  await world.create("frozen", { stream: { config: { maxMsgs: 100 } } });
  const old = await world.start();
  await world.untilReady("frozen");
  const next = await world.start();
  expect([await isLeader(old), await isLeader(next)]).toEqual([true, false]);

  old.signal("SIGSTOP");
  await stopped(old.pid);
  await eventually(() => isLeader(next), { within, what: "the other one to lead" });
  await setMaxMsgs(200);
  old.signal("SIGCONT");
  const isSettled = async () => !(await isLeader(old)) && (await old.readiness()) === 200;
  await eventually(isSettled, { within, what: "the old one to follow" });
  await setMaxMsgs(300);
  expect(updates).toHaveLength(2);
  expect([await isLeader(old), await isLeader(next)]).toEqual([false, true]);
});
