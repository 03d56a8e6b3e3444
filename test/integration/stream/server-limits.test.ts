import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensureConsumer } from "../../../src/dispatcher/consumer.ts";
import { aSubscriber } from "../../support/channels-file.ts";
import {
  type JetStreamWorld,
  served,
  settingsFor,
  startJetStreamWorld,
} from "./jetstream-world.ts";

let world: JetStreamWorld;

beforeAll(async () => {
  world = await startJetStreamWorld({
    jetstream: `limits { duplicate_window: "1m", max_ack_pending: 500 }`,
  });
});

afterAll(() => world.stop());

const channelOf = (name: string, config = {}, consumerConfigTemplate = {}) =>
  settingsFor({
    name,
    spec: {
      ...{ stream: { config }, consumerConfigTemplate },
      subscribers: [aSubscriber({ uid: "one", uri: "http://a.example" })],
    },
  });

const parts = (config: Record<string, unknown>) => ({
  name: "window",
  spec: { stream: { config } },
});

async function ensureOne(channel: ReturnType<typeof channelOf>) {
  const [subscriber] = channel.subscribers;
  if (subscriber === undefined) throw new Error("the channel has no subscriber");
  const ensured = await ensureConsumer(channel, subscriber, world.context());
  if (!ensured.ok) throw new Error(ensured.message);
  return ensured;
}

describe("a server that limits what is below NATS' own defaults", () => {
  it("has streams with its own window, which a channel can shorten and leave to it again", async () => {
    const windowOf = async (config: Record<string, unknown>) => {
      const { info, unapplied } = served(await world.ensure(parts(config)));
      expect(unapplied).toEqual([]);
      return info.config.duplicate_window / 1e9;
    };
    expect(await windowOf({})).toBe(60);
    expect(await windowOf({ duplicateWindow: "7s" })).toBe(7);
    expect(await windowOf({})).toBe(60);
  });

  it("has consumers with its own maximum of pending events, and is asked for another one once at most", async () => {
    const channel = channelOf("pending");
    await world.ensure({ name: "pending" });
    expect((await ensureOne(channel)).info.config.max_ack_pending).toBe(500);
    await ensureOne(channel);
    expect(await world.writesOf(() => ensureOne(channel))).toEqual([]);
    const said = await ensureOne(channelOf("pending", {}, { maxAckPending: 7 }));
    expect(said.info.config.max_ack_pending).toBe(7);
    const unsaid = await ensureOne(channelOf("pending"));
    expect(unsaid).toMatchObject({ info: { config: { max_ack_pending: 500 } }, unapplied: [] });
  });
});

it("what the limits of an adopted stream keep of its consumers is said, and asked for once", async () => {
  const limits = { consumer_limits: { inactive_threshold: 3_600e9 } };
  await world.jsm.streams.add({ name: "STRICT", subjects: ["strict"], ...limits });
  const channel = channelOf("strict");
  const adopting = { ...channel, stream: { ...channel.stream, name: "STRICT", overridden: true } };
  await ensureOne(adopting);
  const second = await ensureOne(adopting);
  expect(second.unapplied).toEqual([
    {
      path: "spec.consumerConfigTemplate.inactiveThreshold",
      reason: "3600s stays, nothing is not applied: NATS keeps it as it is",
    },
  ]);
  const third = async () =>
    expect(await ensureOne(adopting)).toMatchObject({ unapplied: second.unapplied });
  expect(await world.writesOf(third)).toEqual([]);
});
