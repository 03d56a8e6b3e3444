import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { type Lanes, startLanes } from "../delivery/lanes.ts";

let world: Lanes<"lane" | "other">;

beforeAll(async () => {
  world = await startLanes({
    lane: { consumer: { ackWait: "1s" }, subscriber: () => ({ status: 200, afterMs: 3_500 }) },
    // An empty file would take no channel away.
    other: {},
  });
});

afterAll(() => world.stop());

it("an attempt that outlives its channel's removal is still worked on for the channel that comes back", async () => {
  const { dataPlane, channels } = world;
  const { lane } = world.lanes;
  const served = async () => {
    const page = (await dataPlane.dispatcher.channels()) as { channels: { ready: boolean }[] };
    return page.channels.filter(({ ready }) => ready).length;
  };
  const servesChannels = (count: number) =>
    eventually(async () => (await served()) === count, {
      within: 10_000,
      what: `${count} channels to be served`,
    });
  await lane.send();
  await lane.subscriber.waitFor(1);
  await dataPlane.write(channels.filter(({ metadata }) => metadata.name === "other"));
  await servesChannels(1);
  await dataPlane.write([...channels]);
  await servesChannels(2);
  await lane.settled();
  // Without a word from the first attempt the server would have delivered it to the new subscription.
  expect(lane.subscriber.requests).toHaveLength(1);
  expect((await lane.consumer()).delivered.consumer_seq).toBe(1);
});
