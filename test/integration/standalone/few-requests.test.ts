import { afterAll, beforeAll, expect, it } from "vitest";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";

const CHANNELS = 20;
const SUBSCRIBERS = 3;
let plane: DataPlane;
let requestsAtStart: number;

const jetStreamRequests = async (): Promise<number> => {
  const answer = await fetch(`${plane.nats.monitorUrl}/jsz`);
  return ((await answer.json()) as { api: { total: number } }).api.total;
};

beforeAll(async () => {
  const channels = Array.from({ length: CHANNELS }, (_, index) =>
    aChannel({
      name: `few-${index}`,
      spec: {
        subscribers: Array.from({ length: SUBSCRIBERS }, () =>
          aSubscriber({ uri: "http://127.0.0.1:9/" }),
        ),
      },
    }),
  );
  plane = await startDataPlane({ channels });
  requestsAtStart = await jetStreamRequests();
});

afterAll(() => plane?.stop());

it("asks JetStream of a new channel whether there is a stream, and for what it has to make", () => {
  expect(requestsAtStart / CHANNELS).toBeLessThanOrEqual(2 + SUBSCRIBERS);
});

it("asks JetStream twice for a channel that is there, however many subscribers it has", async () => {
  const before = await jetStreamRequests();
  await plane.restartDispatcher();
  expect(((await jetStreamRequests()) - before) / CHANNELS).toBeLessThanOrEqual(2);
});

it("asks JetStream for nothing that is there when the connection comes back", async () => {
  await plane.nats.kill();
  await plane.nats.start();
  await plane.dispatcher.waitForLog(({ msg }) => msg === "connection to nats lost", {
    within: 10_000,
    what: "the loss of the connection",
  });
  const connections = () =>
    plane.dispatcher.logs.filter(({ msg }) => msg === "connected to nats").length;
  await expect.poll(connections, { timeout: 20_000 }).toBe(2);
  await expect.poll(async () => (await plane.dispatcher.readiness()) === 200).toBe(true);
  expect(await jetStreamRequests()).toBeLessThan(CHANNELS);
});
