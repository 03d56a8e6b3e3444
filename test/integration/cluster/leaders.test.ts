import { jetstreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { eventually } from "../../support/eventually.ts";
import type { LedgerSummary } from "../../support/ledger.ts";
import { type Led, type NatsCluster, startNatsCluster } from "../../support/nats-cluster.ts";
import {
  judge,
  type Load,
  STREAM,
  type Subscribers,
  startLoad,
  startSubscribers,
} from "../faults/load.ts";

const ROUNDS = 3;
/** More than is under way when a leader goes, so that they cannot all have been delivered before. */
const MORE = 200;
const RECEIVERS = ["steady", "moody"];
const LEADERS: [what: string, led: Led][] = [
  ["stream", { stream: STREAM }],
  ["consumer of steady", { stream: STREAM, consumer: "KN_SUB_STEADY" }],
  ["consumer of moody", { stream: STREAM, consumer: "KN_SUB_MOODY" }],
];
const nothingMissing = { missing: 0, unknown: 0 };

let cluster: NatsCluster;
let subscribers: Subscribers;
let dataPlane: DataPlane;
let load: Load;

beforeEach(async () => {
  cluster = await startNatsCluster();
  subscribers = await startSubscribers({ config: { replicas: 3 } });
  const { channels } = subscribers;
  dataPlane = await startDataPlane({ channels, nats: cluster.nodes.n1, urls: cluster.urls });
  load = startLoad(subscribers.ledger, () => [dataPlane.dispatcher.httpPort]);
});

afterEach(async () => {
  await dataPlane?.stop();
  await subscribers?.close();
  await cluster?.stop();
});

/** Waits for further deliveries to both subscribers, and for as many acknowledgements; gives the time that took. */
async function flows(within: number): Promise<number> {
  const startedAt = performance.now();
  const counts = () => RECEIVERS.map((one) => received(subscribers.ledger.summary(), one));
  const before = counts();
  await load.acknowledges(MORE);
  await eventually(() => counts().every((count, index) => count >= (before[index] ?? 0) + MORE), {
    within,
    what: `${MORE} more deliveries to each of ${RECEIVERS}`,
  });
  return Math.round(performance.now() - startedAt);
}

function received({ receivers }: LedgerSummary, name: string): number {
  return receivers[name]?.received ?? 0;
}

async function nothingIsLost(what: string): Promise<void> {
  await load.finish();
  const summary = await judge(what, subscribers.ledger, load);
  expect(summary.receivers).toMatchObject({ steady: nothingMissing, moody: nothingMissing });
  expect(summary.acknowledged).toBe(summary.sent);
  const { state } = await (await jetstreamManager(cluster.nc)).streams.info(STREAM);
  expect(state.messages).toBe(summary.sent);
}

it("a leader that steps down, of the stream or of a consumer, again and again, costs no event and hardly any time", async () => {
  const took: Record<string, number[]> = {};
  await flows(10_000);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [what, led] of LEADERS) {
      await cluster.stepDown(led);
      const times = took[what] ?? [];
      took[what] = [...times, await flows(10_000)];
    }
  }
  console.info(`ms until ${MORE} more deliveries after a step-down of: ${JSON.stringify(took)}`);
  await nothingIsLost("step-downs");
});

it("kill -9 of the server that leads all and that the dispatcher is on costs no event", async () => {
  await flows(10_000);
  const { nats } = (await dataPlane.dispatcher.channels()) as { nats: { server: string } };
  const [name] =
    Object.entries(cluster.nodes).find(([, { url }]) => url.endsWith(nats.server)) ?? [];
  const doomed = name as keyof typeof cluster.nodes;
  for (const [, led] of LEADERS) expect(await cluster.stepDown(led, doomed)).toBe(doomed);
  await flows(10_000);

  await cluster.nodes[doomed].kill("SIGKILL");
  const took = await flows(60_000);
  console.info(`ms until ${MORE} more deliveries after kill -9 of the leader: ${took}`);
  for (const [, led] of LEADERS) expect(await cluster.leaderOf(led)).not.toBe(doomed);

  await cluster.nodes[doomed].start();
  await cluster.whole();
  await flows(10_000);
  await nothingIsLost("kill -9 of the leader");
});
