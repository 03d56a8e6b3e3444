/**
 * Channels live random lives while the programs that serve them are killed at random moments. What is there in the end is what the same
 * requests lead to without any kill. The seed is in the name of the test: to see one again, put it into SEEDS.
 */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createCloudEventClient } from "../../support/cloud-event-client.ts";
import { eventually } from "../../support/eventually.ts";
import { serviceAddresses } from "../../support/service-addresses.ts";
import { ChannelLane } from "./channel-lane.ts";
import {
  type Channel,
  channelRef,
  dispatcherRef,
  type OperatorWorld,
  type Role,
  startOperatorWorld,
  untilGone,
  untilReady,
} from "./operator-world.ts";
import {
  type Expected,
  expectedAfter,
  oneOf,
  type Random,
  randomFrom,
  randomSteps,
  type Step,
} from "./random-sequence.ts";

const SEEDS = [Date.now() % 1_000_000];
const NAMESPACES = 3;
const CHANNELS = 3;
const SUBSCRIBERS = 3;
const KILLS = 6;
const KILLED_WITHIN_MS = 8_000;
const within = 75_000;
/** A later step may wait for what the kills before have held up. */
const timeoutMs = 180_000;

interface Life {
  lane: ChannelLane;
  steps: Step[];
  expected: Expected;
}

let world: OperatorWorld;

beforeAll(async () => {
  world = await startOperatorWorld();
});

afterAll(async () => {
  await world?.stop();
});

it.each(SEEDS)(
  "comes to the same end as without kills, whatever dies while channels come, change and go (seed %i)",
  async (seed) => {
    const random = randomFrom(seed);
    const namespaces = await Promise.all(
      Array.from({ length: NAMESPACES }, () => world.makeNamespace("kills")),
    );
    const lives = namespaces.flatMap((namespace) =>
      Array.from({ length: CHANNELS }, (_, index) => lifeOf(random, namespace, `c${index}`)),
    );
    await Promise.all(lives.map(begin));
    const kills = randomKills(random);
    await Promise.all([...lives.map(goOn), ...kills.map(kill)]);
    await Promise.all(lives.map(hasCome));
    await Promise.all(namespaces.map((namespace) => hasItsDispatcher(namespace, lives)));
    await Promise.all(lives.map(delivers));
    await Promise.all(lives.map(end));
  },
  timeoutMs,
);

function lifeOf(random: Random, namespace: string, name: string): Life {
  const steps = randomSteps(random);
  return { lane: new ChannelLane(world, namespace, name), steps, expected: expectedAfter(steps) };
}

/** The first life of each channel has had its stream when the first program dies. */
async function begin({ lane, steps: [first] }: Life): Promise<void> {
  await lane.makeSubscriptions(SUBSCRIBERS);
  if (first !== undefined) await lane.take(first);
  await untilReady(world.client, [lane.namespace, lane.name]);
}

async function goOn({ lane, steps: [, ...steps] }: Life): Promise<void> {
  for (const step of steps) {
    await pause(step.afterMs);
    await lane.take(step);
  }
}

interface Kill {
  afterMs: number;
  role: Role;
  which: number;
}

function randomKills(random: Random): Kill[] {
  return Array.from({ length: KILLS }, () => ({
    afterMs: Math.floor(random() * KILLED_WITHIN_MS),
    role: oneOf(random, ["controller", "dispatcher"] as const),
    which: random(),
  }));
}

async function kill({ afterMs, role, which }: Kill): Promise<void> {
  await pause(afterMs);
  const alive = world.pods(role).filter(({ pid }) => pid !== undefined);
  alive[Math.floor(which * alive.length)]?.signal("SIGKILL");
}

async function hasCome({ lane, steps, expected }: Life): Promise<void> {
  const what = `${lane.namespace}/${lane.name} after ${JSON.stringify(steps)}`;
  await eventually(
    async () => expect(await lane.actual(expected)).toEqual(lane.expected(expected)),
    { within, what },
  );
}

/** A namespace has a dispatcher of its own while a channel wants it, and nothing of it else. */
async function hasItsDispatcher(namespace: string, lives: readonly Life[]): Promise<void> {
  const isWanted = lives.some(
    ({ lane, expected }) => lane.namespace === namespace && expected.channel?.scope === "namespace",
  );
  const kinds = [
    ...[["Deployment", "apps/v1"] as const, ["PodDisruptionBudget", "policy/v1"] as const],
    ...[["RoleBinding", "rbac.authorization.k8s.io/v1"] as const, ["Service", "v1"] as const],
    ["ServiceAccount", "v1"] as const,
  ];
  await eventually(
    async () => {
      for (const [kind, apiVersion] of kinds) {
        const found = await world.client.find(dispatcherRef(kind, apiVersion, namespace));
        expect(found !== undefined, `${kind} in ${namespace}`).toBe(isWanted);
      }
    },
    { within, what: `the dispatcher of ${namespace} to be there or not` },
  );
}

async function delivers({ lane, expected }: Life): Promise<void> {
  if (expected.channel === undefined) return;
  const ref = channelRef(lane.namespace, lane.name);
  const { status } = await world.client.get<Channel>(ref);
  const url = status?.address?.url ?? "";
  const [address = ""] = await serviceAddresses(world.client, world.installation.kubelet, url);
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  const sender = createCloudEventClient({ port, host: new URL(url).host });
  const id = `${lane.namespace}-${lane.name}`;
  expect((await sender.sendBinary({ id })).status, url).toBe(202);
  sender.close();
  const paths = (status?.subscribers ?? []).map(({ uid }) => `/${uid}`);
  const received = () =>
    world.sink.requests.filter(({ event }) => event?.id === id).map(({ path }) => path);
  await eventually(() => expect(new Set(received())).toEqual(new Set(paths)), {
    within,
    what: `an event of ${url} at all of its subscribers`,
  });
}

/** Leaves nothing to the tests that come after. */
async function end({ lane }: Life): Promise<void> {
  const ref = channelRef(lane.namespace, lane.name);
  await world.client.delete(ref);
  await untilGone(world.client, ref);
}
