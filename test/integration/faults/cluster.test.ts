/** Three nats-servers with an R3 stream and R3 consumers, of which one steps down, dies, is cut off or is restarted. */
import { setTimeout as pause } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import {
  type Led,
  type NatsCluster,
  type NodeName,
  startNatsCluster,
} from "../../support/nats-cluster.ts";
import { shownPage } from "../standalone/standalone-world.ts";
import { either, rounds } from "./length.ts";
import { STREAM } from "./load.ts";
import { CONCURRENCY, type FaultWorld, withFaultWorld } from "./world.ts";

const LEADERS: [what: string, led: Led][] = [
  ["the stream", { stream: STREAM }],
  ["a consumer", { stream: STREAM, consumer: "KN_SUB_STEADY" }],
  ["a consumer that is sent again to", { stream: STREAM, consumer: "KN_SUB_MOODY" }],
];
/** As long as an election may take, and some more: events wait for it and are not refused. */
const PATIENT = { publishTimeout: "PT30S" };

let cluster: NatsCluster;

beforeAll(async () => {
  cluster = await startNatsCluster();
});

beforeEach(async () => {
  // A server that was away takes part in what is new only after a while.
  const { streams } = await jetstreamManager(cluster.nc);
  await eventually(() => streams.add({ name: "PROBE", num_replicas: 3 }), {
    within: 60_000,
    what: "every server to take a new stream",
  });
  await streams.delete("PROBE");
});

afterEach(async () => {
  // The next scenario begins with a stream of its own.
  await (await jetstreamManager(cluster.nc)).streams.delete(STREAM);
});

afterAll(async () => {
  await cluster.stop();
});

function withCluster(scenario: (world: FaultWorld) => Promise<void>): Promise<void> {
  const { urls } = cluster;
  const stream = { config: { replicas: 3 } };
  const options = {
    ...{ stream, nats: cluster.nodes.n1, urls, dispatch: PATIENT },
    replicas: either<1 | 2>({ short: 1, long: 2 }),
    load: { betweenMs: 30 },
  };
  return withFaultWorld({ ...options, env: { NATS_URL: urls.join() } }, scenario);
}

/** Tells which server the first dispatcher is on, and has everything led there. */
async function allOnOne({ plane }: FaultWorld): Promise<NodeName> {
  const { nats } = (await shownPage(plane.dispatcher)) as { nats: { server?: string } };
  const nodes = Object.entries(cluster.nodes) as [NodeName, { url: string }][];
  const name = nodes.find(([, { url }]) => url === `nats://${nats.server}`)?.[0] ?? "n1";
  for (const [, led] of LEADERS) expect(await cluster.stepDown(led, name)).toBe(name);
  return name;
}

it("leaders that step down again and again, of the stream and of consumers, cost no event and hardly any time", async () => {
  await withCluster(async ({ load, goesOn, judged }) => {
    let stepDowns = 0;
    for (const _ of rounds({ short: 1, long: 60 })) {
      for (const [what, led] of LEADERS) {
        await load.acknowledges(50);
        await cluster.stepDown(led);
        await goesOn(`a step-down of the leader of ${what}`);
        await pause(either({ short: 0, long: 3_000 }));
        stepDowns += 1;
      }
    }
    await judged(`${stepDowns} step-downs`, { duplicates: stepDowns * CONCURRENCY });
    expect(Object.fromEntries(load.refused)).toEqual({});
  });
});

it("kill -9 of the server that leads all and that a dispatcher is on costs no event", async () => {
  await withCluster(async (world) => {
    let kills = 0;
    for (const round of rounds({ short: 1, long: 20 })) {
      const doomed = await allOnOne(world);
      await world.load.acknowledges(50);
      await cluster.nodes[doomed].kill("SIGKILL");
      const killedAt = performance.now();
      const elections = LEADERS.map(([, led]) => cluster.leaderOf(led, doomed));
      const elected = Promise.all(elections).then(() => Math.round(performance.now() - killedAt));
      const took = await world.goesOn("kill -9 of the server that leads all");
      console.info(`elected after ${await elected} ms, delivered after ${took} ms`);
      // A pull that nobody answers is made again after two seconds at the latest.
      expect(took - (await elected)).toBeLessThan(20_000);
      await cluster.nodes[doomed].start();
      await cluster.whole();
      kills = round;
    }
    await world.judged(`kill -9 of the leader, ${kills} times`, {
      duplicates: kills * 2 * CONCURRENCY,
    });
    expect(Object.fromEntries(world.load.refused)).toEqual({});
  });
});

it("a server that leads all and is cut off from the others costs no event", async () => {
  await withCluster(async (world) => {
    let cuts = 0;
    for (const round of rounds({ short: 1, long: 20 })) {
      const alone = await allOnOne(world);
      await world.load.acknowledges(50);
      cluster.cutOff(alone);
      await pause(either({ short: 4_000, long: 20_000 }));
      cluster.letBack(alone);
      await cluster.whole();
      await world.goesOn("the return of a server that was cut off");
      cuts = round;
    }
    await world.judged(`cut off, ${cuts} times`, { duplicates: cuts * 4 * CONCURRENCY });
    expect([...world.load.refused.keys()].filter((answer) => answer !== 503)).toEqual([]);
  });
});

it("servers that are restarted one after the other cost no event", async () => {
  await withCluster(async ({ goesOn, judged, load }) => {
    let turns = 0;
    for (const round of rounds({ short: 1, long: 10 })) {
      for (const node of Object.values(cluster.nodes)) {
        await load.acknowledges(50);
        await node.restart();
        await cluster.whole();
        await goesOn("the restart of a server");
      }
      turns = round;
    }
    await judged(`rolling restart, ${turns} times`, { duplicates: turns * 3 * 2 * CONCURRENCY });
    expect(Object.fromEntries(load.refused)).toEqual({});
  });
});
