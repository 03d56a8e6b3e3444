import { afterAll, beforeAll, expect, it } from "vitest";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { type StandaloneWorld, startStandalone, streamOf } from "../standalone/standalone-world.ts";

const CONSUMER = "KN_SUB_ONE";
let sink: EventSink;
let world: StandaloneWorld;

beforeAll(async () => {
  sink = await startEventSink();
  world = await startStandalone({ paused: { subscribers: [{ uid: "one", uri: sink.url }] } });
});

afterAll(async () => {
  await world.stop();
  await sink.close();
});

/** Makes flow 1 look at the channel now, and not when it is its turn. */
const look = (retry: number) =>
  world.edit({ paused: { subscribers: [{ uid: "one", uri: sink.url, delivery: { retry } }] } });

it("a consumer that somebody has paused is said with its end, and gets what waited once it is resumed", async () => {
  const until = new Date(Date.now() + 600_000);
  await world.jsm.consumers.pause(streamOf("paused"), CONSUMER, until);
  await world.dataPlane.client("paused").sendBinary({ id: "waits" });
  await look(1);
  const { subscribers = [] } = await world.shows(
    "paused",
    (shown) => shown.subscribers?.[0]?.ready === false,
    "a subscriber that is not ready",
  );
  expect(subscribers[0]?.message).toMatch(
    /^consumer KN_SUB_ONE is paused until .*, and its events wait in the stream/,
  );
  expect(sink.ids).toEqual([]);

  await world.jsm.consumers.resume(streamOf("paused"), CONSUMER);
  await sink.waitFor(1);
  await look(2);
  await world.shows("paused", (shown) => shown.subscribers?.[0]?.ready, "a ready subscriber");
  expect(sink.ids).toEqual(["waits"]);
});
