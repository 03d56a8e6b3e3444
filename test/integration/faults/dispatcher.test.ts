import { jetstreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import "./length.ts";
import { judge, STREAM, type Subscribers, startLoad, startSubscribers } from "./load.ts";

/** The half of it is the longest that a dispatcher receives after SIGTERM. */
const GRACE = { gracePeriod: "PT6S" };
let subscribers: Subscribers;
let dataPlane: DataPlane;
let replica: DispatcherProcess | undefined;

beforeEach(async () => {
  subscribers = await startSubscribers();
  dataPlane = await startDataPlane({ channels: subscribers.channels, dispatch: GRACE });
});

afterEach(async () => {
  await replica?.kill("SIGKILL");
  replica = undefined;
  await dataPlane.stop();
  await subscribers.close();
});

async function stored(): Promise<number> {
  const jsm = await jetstreamManager(dataPlane.nc);
  return (await jsm.streams.info(STREAM)).state.messages;
}

const nothingMissing = { missing: 0, unknown: 0 };

it("SIGTERM of a replica under load loses nothing and refuses nothing: its senders find the other", async () => {
  const { ledger } = subscribers;
  const other = await dataPlane.startReplica();
  replica = other;
  const load = startLoad(ledger, () => [dataPlane.dispatcher.httpPort, other.httpPort]);
  await load.acknowledges(500);
  const exitCode = await dataPlane.dispatcher.kill("SIGTERM");
  await load.acknowledges(500);
  await load.finish();
  const summary = await judge("SIGTERM of a replica", ledger, load);
  expect(exitCode).toBe(0);
  expect(summary.receivers).toMatchObject({ steady: nothingMissing, moody: nothingMissing });
  expect(summary.acknowledged).toBe(summary.sent);
  // Only connections that closed at the very end, not more than there were senders.
  expect([...load.refused.keys()].filter((outcome) => outcome !== "broken")).toEqual([]);
  expect(load.refused.get("broken") ?? 0).toBeLessThanOrEqual(8);
  expect(await stored()).toBe(summary.sent);
  // What it had in work it finished, or gave back: nothing came twice.
  expect(summary.receivers.steady?.duplicates).toBe(0);
  const { logs } = dataPlane.dispatcher;
  expect(logs.filter(({ level }) => level === "error" || level === "fatal")).toEqual([]);
});
