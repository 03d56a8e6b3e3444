import { afterAll, beforeAll, expect, it } from "vitest";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";

const SLOTS = 2;
const EVENTS = 5;
let plane: DataPlane;
let sink: EventSink;

beforeAll(async () => {
  sink = await startEventSink({ respond: () => "hang" });
  plane = await startDataPlane({
    channels: [
      aChannel({
        name: "slow",
        spec: { subscribers: [aSubscriber({ uid: "hangs", uri: sink.url })] },
      }),
    ],
    dispatch: { concurrency: SLOTS },
  });
});

afterAll(async () => {
  await plane.stop();
  await sink.close();
});

async function gauge(name: string): Promise<number> {
  const line = new RegExp(`^jetstream_channel_${name}\\{.*subscriber="hangs".*\\} (\\S+)$`, "m");
  return Number(line.exec(await plane.dispatcher.metrics())?.[1]);
}

it("tells what waits for a subscriber all of whose slots are taken, and since when", async () => {
  const client = plane.client("slow");
  for (let id = 0; id < SLOTS; id++) await client.sendBinary({ id: `${id}` });
  await eventually(() => sink.requests.length === SLOTS, { within: 10_000, what: "requests" });
  const takenAtMs = Date.now();
  // No delivery tells of these, and nothing has read the metrics before.
  for (let id = SLOTS; id < EVENTS; id++) await client.sendBinary({ id: `${id}` });
  expect(await gauge("pending_messages")).toBe(EVENTS - SLOTS);
  const age = await gauge("oldest_unacknowledged_seconds");
  expect(age).toBeGreaterThan((Date.now() - takenAtMs - 1_000) / 1_000);
  await eventually(async () => (await gauge("oldest_unacknowledged_seconds")) > age, {
    within: 10_000,
    what: "it to get older",
  });
});
