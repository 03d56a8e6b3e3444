import { afterAll, beforeAll, expect, it } from "vitest";
import {
  type ShownChannel,
  type StandaloneWorld,
  startStandalone,
} from "../standalone/standalone-world.ts";

const WARNING = {
  path: "spec.stream.config",
  reason:
    "the stream has no limit and keeps every event until the disk is full; set maxAge, maxBytes or maxMsgs",
};
let world: StandaloneWorld;

beforeAll(async () => {
  world = await startStandalone({
    unlimited: {},
    limited: { spec: { stream: { config: { maxBytes: 1_000_000 } } } },
  });
});

afterAll(() => world.stop());

const warnings = (shown: ShownChannel) => (shown as ShownChannel & { warnings: unknown }).warnings;
const told = () =>
  world.dataPlane.dispatcher.logs.filter(({ reason }) => reason === WARNING.reason);

it("a stream without a limit is warned of in /channels, and once in the log", async () => {
  expect(warnings(await world.shows("unlimited", ({ ready }) => ready, "ready"))).toEqual([
    WARNING,
  ]);
  expect(warnings(await world.shows("limited", ({ ready }) => ready, "ready"))).toEqual([]);

  const edited = { spec: { stream: { config: { description: "edited" } } } };
  await world.edit({ unlimited: { ...edited, subscribers: [{ uri: "http://127.0.0.1:9" }] } });
  const isServed = ({ subscribers }: ShownChannel) => subscribers?.[0]?.ready === true;
  expect(warnings(await world.shows("unlimited", isServed, "a subscriber"))).toEqual([WARNING]);
  const channel = "default/unlimited";
  const line = { channel, ...WARNING, msg: "channel is served, with a risk" };
  expect(told()).toEqual([expect.objectContaining(line)]);
});

it("the warning ends when the stream has a limit", async () => {
  await world.edit({ unlimited: { spec: { stream: { config: { maxAge: "24h" } } } } });
  await world.shows("unlimited", (shown) => JSON.stringify(warnings(shown)) === "[]", "no warning");
});
