import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";

const STREAM = "KN_DEFAULT__RECREATED";

let plane: DataPlane;
let sink: EventSink;

beforeAll(async () => {
  sink = await startEventSink();
  const delivery = { retry: 5, backoffPolicy: "linear", backoffDelay: "PT0.2S" };
  const subscribers = [aSubscriber({ uid: "one", uri: sink.url, delivery })];
  plane = await startDataPlane({
    channels: [aChannel({ name: "recreated", spec: { subscribers } })],
  });
});

afterAll(async () => {
  await plane.stop();
  await sink.close();
});

it("does not settle an event by the outcome of one that had its sequence in an earlier stream", async () => {
  const jsm = await jetstreamManager(plane.nc);
  const client = plane.client("recreated");
  // The old event is accepted while the first attempt at the new one is still under way, and fails.
  sink.respond = ({ event }, attempt) => {
    if (event?.id === "old") return { status: 200, afterMs: 2_500 };
    return attempt === 1 ? { status: 500, afterMs: 4_000 } : { status: 200 };
  };
  await client.sendBinary({ id: "old" });
  await sink.waitFor(1);
  const before = await jsm.consumers.info(STREAM, "KN_SUB_ONE");
  await jsm.streams.delete(STREAM);
  await eventually(
    async () => (await jsm.consumers.info(STREAM, "KN_SUB_ONE")).created !== before.created,
    { within: 20_000, what: "the stream and its consumer to be made again" },
  );
  expect(await client.sendBinary({ id: "new" })).toMatchObject({ status: 202 });
  await sink.waitFor(3, 30_000);
  expect(sink.ids).toEqual(["old", "new", "new"]);
});
