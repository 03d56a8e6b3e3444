import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { createLedger } from "../../support/ledger.ts";
import { settled, startLoad } from "./cluster-load.ts";
import { type ClusterWorld, startClusterWorld, subscriber } from "./cluster-world.ts";

/** What it takes until everybody knows that an endpoint is gone. */
const HEARD_AFTER_MS = 1_500;
/** The program's own times: it goes on receiving until nobody sends any more. */
const REAL_TIMES = { NATS_CONFIG_PATH: "" };
let world: ClusterWorld;

beforeAll(async () => {
  world = await startClusterWorld();
});

afterAll(() => world?.stop());

it("rolling two replicas under load refuses no connection, answers nothing but 202, and loses nothing", async () => {
  await world.create("rolled");
  await world.subscribe("rolled", subscriber("rolled", world.sink.url));
  const ledger = createLedger("rolled");
  world.sink.onRequest = ({ event }) => ledger.received("rolled", event?.id ?? "");
  let endpoints: DispatcherProcess[] = [];
  for (let i = 0; i < 2; i++) endpoints.push(await world.start({ env: REAL_TIMES }));
  await world.untilReady("rolled", "rolled");
  const load = startLoad(world, { channel: "rolled", ledger, endpoints: () => endpoints });
  await load.flows();
  const ends: Promise<number | null>[] = [];
  for (const old of [...endpoints]) {
    // As a Deployment with maxUnavailable 0 does it: first one more.
    endpoints = [...endpoints, await world.start({ env: REAL_TIMES })];
    await load.flows();
    ends.push(old.kill("SIGTERM"));
    await pause(HEARD_AFTER_MS);
    endpoints = endpoints.filter((one) => one !== old);
    await load.flows();
  }
  expect(await Promise.all(ends)).toEqual([0, 0]);
  await load.flows();
  await load.finish();
  const summary = await settled(ledger, "rolled");
  console.info(`rolled under load: ${JSON.stringify(summary)}`);
  expect(summary).toMatchObject({ missing: 0, unknown: 0 });
  expect(Object.fromEntries(load.refused)).toEqual({});
});
