import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import { type Lane, type Lanes, metric, startLanes } from "./lanes.ts";

let world: Lanes<"held" | "bydefault">;

beforeAll(async () => {
  world = await startLanes({
    held: {
      subscriber: ({ headers }) => ({ status: headers["ce-bad"] ? 503 : 200 }),
      consumer: { maxAckPending: 20 },
      delivery: { backoffPolicy: "linear", backoffDelay: "PT2S", backoffMax: "PT2S" },
    },
    bydefault: {
      subscriber: ({ headers }) => ({ status: headers["ce-bad"] ? 503 : 200 }),
      delivery: { backoffPolicy: "linear", backoffDelay: "PT10M" },
    },
  });
});

afterAll(() => world.stop());

describe("a subscriber with maxAckPending 20", () => {
  it("is stopped by the 20th failing event and not by the 19th, says so, and is freed when it recovers", async () => {
    const { held } = world.lanes;
    const { dispatcher } = world.dataPlane;
    for (let n = 0; n < 19; n++) await held.send({ bad: "yes" });
    await held.subscriber.waitFor(19);
    const good = await held.send();
    await eventually(() => held.subscriber.ids.includes(good), {
      within: 20_000,
      what: "the good event to pass 19 that wait",
    });
    expect(await heldGauge(dispatcher, held)).toBe(0);

    await held.send({ bad: "yes" });
    await dispatcher.waitForLog(
      ({ msg, channel }) =>
        msg?.includes("subscriber is held") === true && channel === "default/held",
      { within: 60_000, what: "the log to say that the subscriber is held" },
    );
    const stopped = await held.send();
    expect(await heldGauge(dispatcher, held)).toBe(1);
    expect(await subscriberOnStatusPage(held, dispatcher)).toMatchObject({
      held: true,
      lastFailure: { destination: held.subscriber.url, reason: "status 503" },
    });
    expect(held.subscriber.ids).not.toContain(stopped);

    held.subscriber.respond = () => ({ status: 200 });
    await held.settled();
    expect(held.subscriber.ids).toContain(stopped);
    await eventually(async () => (await heldGauge(dispatcher, held)) === 0, {
      within: 60_000,
      what: "the gauge to say that the subscriber is no longer held",
    });
    expect(await subscriberOnStatusPage(held, dispatcher)).toMatchObject({ held: false });
  });
});

describe("a subscriber without a maxAckPending", () => {
  it("gets a good event past 999 that wait, and is held by the 1,000th", async () => {
    const { bydefault } = world.lanes;
    const { dispatcher } = world.dataPlane;
    await Promise.all(Array.from({ length: 999 }, () => bydefault.send({ bad: "yes" })));
    const good = await bydefault.send();
    await eventually(() => bydefault.subscriber.ids.includes(good), {
      within: 60_000,
      what: "the good event to pass 999 that wait",
    });
    expect(await heldGauge(dispatcher, bydefault)).toBe(0);
    await bydefault.send({ bad: "yes" });
    await eventually(async () => (await heldGauge(dispatcher, bydefault)) === 1, {
      within: 60_000,
      what: "the gauge to say that the subscriber is held",
    });
    const stopped = await bydefault.send();
    expect(await subscriberOnStatusPage(bydefault, dispatcher)).toMatchObject({ held: true });
    expect(bydefault.subscriber.ids).not.toContain(stopped);
  });
});

async function heldGauge(dispatcher: DispatcherProcess, { name }: Lane): Promise<number> {
  const labels = { channel: `default/${name}` };
  return await metric({ dispatcher }, "jetstream_channel_subscriber_held", labels);
}

async function subscriberOnStatusPage(
  { name }: Lane,
  dispatcher: DispatcherProcess,
): Promise<unknown> {
  const page = (await dispatcher.channels()) as {
    channels: { channel: string; subscribers: unknown[] }[];
  };
  return page.channels.find(({ channel }) => channel === `default/${name}`)?.subscribers[0];
}
