import { setTimeout as pause } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FINALIZER } from "../../../src/api/names.ts";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import { KubeError } from "../../support/kube-client.ts";
import { type Channel, type ClusterWorld, startClusterWorld, subscriber } from "./cluster-world.ts";
import { serveSubscriptions } from "./subscriptions.ts";

const STEPS = 150;
const NAMES = ["a", "b", "c", "d", "e"];
const UIDS = ["u1", "u2", "u3", "u4"];
const within = 90_000;
let world: ClusterWorld;
let dispatcher: DispatcherProcess;

beforeAll(async () => {
  world = await startClusterWorld();
  await serveSubscriptions(world);
  dispatcher = await world.start();
});

afterAll(() => world?.stop());

/** Gives numbers below a bound, always the same for a seed. */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

/** Ends the dispatcher as a node that fails does, and starts the next one. Its Lease is taken at once, since nobody has it. */
async function kill(): Promise<void> {
  await dispatcher.kill("SIGKILL");
  const { client, namespace } = world.api;
  const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace };
  const spec = { holderIdentity: "" };
  await client.patch({ ...lease, name: "jetstream-channel-dispatcher" }, { spec });
  dispatcher = await world.start({ untilReady: false });
}

const entries = (uids: string[]) => uids.map((uid) => subscriber(uid, world.sink.url));
const refusedBecause =
  (...codes: number[]) =>
  (error: unknown) => {
    // Another step has deleted or made it meanwhile.
    if (!(error instanceof KubeError) || !codes.includes(error.status)) throw error;
  };

async function step(random: (bound: number) => number): Promise<void> {
  const name = NAMES[random(NAMES.length)] as string;
  const config = { maxMsgs: 100 + random(5) };
  const spec = { stream: { config } };
  const uids = UIDS.filter(() => random(2) === 0);
  const { client } = world.api;
  switch (random(8)) {
    case 0:
    case 1:
      return await world.create(name, spec).catch(refusedBecause(409));
    case 2:
    case 3:
      await client.patch(world.api.ref(name), { spec }).catch(refusedBecause(404, 409));
      return;
    case 4:
    case 5:
      return await world.subscribe(name, ...entries(uids)).catch(refusedBecause(404, 409));
    case 6:
      return await client.delete(world.api.ref(name)).catch(refusedBecause(404));
    default:
      await pause(random(200));
  }
}

/** Gives what there is, and what there should be by the channels that are left. */
async function compare(): Promise<[found: unknown, wanted: unknown]> {
  const { client, namespace } = world.api;
  const jsm = await jetstreamManager(world.nc);
  const { items } = await client.list<Channel>({ ...world.api.ref(""), name: undefined });
  const found: unknown[] = [];
  for await (const { config } of jsm.streams.list()) {
    const consumers: string[] = [];
    for await (const info of jsm.consumers.list(config.name)) consumers.push(info.name);
    found.push({ stream: config.name, maxMsgs: config.max_msgs, consumers: consumers.sort() });
  }
  const wanted = items.map(({ metadata, spec }) => {
    const { stream } = spec as { stream: { config: { maxMsgs: number } } };
    const uids = (spec?.subscribers ?? []) as { uid: string }[];
    return {
      stream: `KN_${namespace}__${metadata.name}`.toUpperCase().replaceAll("-", "_"),
      maxMsgs: stream.config.maxMsgs,
      consumers: uids.map(({ uid }) => `KN_SUB_${uid.toUpperCase()}`).sort(),
    };
  });
  const status = items.map(({ metadata, status }) => ({
    name: metadata.name,
    deleted: metadata.deletionTimestamp !== undefined,
    finalizers: metadata.finalizers,
    conditions: status?.conditions?.map(({ type, status }) => [type, status]),
    generations: status?.conditions?.map(
      (one) => (one as { observedGeneration?: number }).observedGeneration,
    ),
    subscribers: status?.subscribers?.map(({ uid, ready }) => [uid, ready]) ?? [],
  }));
  const wantedStatus = items.map(({ metadata, spec }) => ({
    name: metadata.name,
    deleted: false,
    finalizers: [FINALIZER],
    conditions: [
      ["StreamReady", "True"],
      ["SpecApplied", "True"],
    ],
    generations: [metadata.generation, metadata.generation],
    subscribers: ((spec?.subscribers ?? []) as { uid: string }[])
      .map(({ uid }) => [uid, "True"])
      .sort(),
  }));
  return [
    { streams: byName(found), status },
    { streams: byName(wanted), status: wantedStatus },
  ];
}

function byName(streams: unknown[]): unknown {
  return Object.fromEntries(streams.map((one) => [(one as { stream: string }).stream, one]));
}

it("a dispatcher that is killed at random moments while channels come, change and go ends with what there should be", async () => {
  const seed = Date.now() % 1_000_000;
  const random = randomFrom(seed);
  let kills = 0;
  let killing = Promise.resolve();
  for (let i = 0; i < STEPS; i++) {
    await step(random);
    await pause(random(80));
    if (random(12) === 0) {
      kills += 1;
      // Channels change while it comes up, too.
      killing = killing.then(kill);
    }
  }
  await killing;
  console.info(`seed ${seed}: ${STEPS} steps, ${kills} kills`);
  let last: [unknown, unknown] = [undefined, undefined];
  await eventually(
    async () => {
      last = await compare();
      return JSON.stringify(last[0]) === JSON.stringify(last[1]);
    },
    { within, what: "the end state" },
  ).catch(() => expect(last[0], `seed ${seed}`).toEqual(last[1]));
});
