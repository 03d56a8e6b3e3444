import { jetstreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { eventually } from "../../support/eventually.ts";
import { judge, STREAM, type Subscribers, startLoad, startSubscribers } from "./load.ts";

const KILLS = 2;
let subscribers: Subscribers;
let dataPlane: DataPlane;

beforeEach(async () => {
  subscribers = await startSubscribers();
  dataPlane = await startDataPlane({ channels: subscribers.channels });
});

afterEach(async () => {
  await dataPlane.stop();
  await subscribers.close();
});

async function stored(): Promise<number> {
  const jsm = await jetstreamManager(dataPlane.nc);
  return (await jsm.streams.info(STREAM)).state.messages;
}

const nothingMissing = { missing: 0, unknown: 0 };

it("kill -9 and restart of nats-server under load, twice, loses no acknowledged event", async () => {
  const { ledger } = subscribers;
  const load = startLoad(ledger, () => [dataPlane.dispatcher.httpPort]);
  for (let kill = 1; kill <= KILLS; kill++) {
    await load.acknowledges(500);
    await dataPlane.nats.kill("SIGKILL");
    expect(await notReady()).toBe(503);
    await dataPlane.nats.start();
  }
  await load.acknowledges(500);
  await load.finish();
  const summary = await judge("kill -9 of nats-server", ledger, load);
  expect(summary.receivers).toMatchObject({ steady: nothingMissing, moody: nothingMissing });
  expect(summary.acknowledged).toBe(summary.sent);
  // A short outage costs latency, and neither errors nor connections.
  expect(Object.fromEntries(load.refused)).toEqual({});
  expect(await stored()).toBe(summary.sent);
});

async function notReady(): Promise<number> {
  const what = "the dispatcher not to be ready";
  return await eventually(
    async () => {
      const status = await dataPlane.dispatcher.readiness();
      return status === 200 ? false : status;
    },
    { within: 10_000, what },
  );
}
