import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ChannelSettings } from "../../../src/api/settings.ts";
import { aSubscriber } from "../../support/channels-file.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import {
  type JetStreamWorld,
  settingsFor,
  startJetStreamWorld,
} from "../stream/jetstream-world.ts";
import { type FlowOne, startFlowOne } from "./flow-one.ts";

let world: JetStreamWorld;
let flow: FlowOne;
let staying: EventSink;
let vanishing: EventSink;
let channels = 0;
let name: string;
let key: string;
let stream: string;

beforeAll(async () => {
  world = await startJetStreamWorld();
});

afterAll(() => world.stop());

beforeEach(async () => {
  flow = await startFlowOne(world.nats.url);
  staying = await startEventSink();
  vanishing = await startEventSink();
  name = `c${++channels}`;
  key = `default/${name}`;
  stream = `KN_DEFAULT__C${channels}`;
});

afterEach(async () => {
  await flow.stop();
  await staying.close();
  await vanishing.close();
});

function channelWith(...uids: string[]): ChannelSettings {
  const uris: Record<string, string> = { stays: staying.url, vanishes: vanishing.url };
  const subscribers = uids.map((uid) => aSubscriber({ uid, uri: uris[uid] ?? "http://a.example" }));
  return settingsFor({ name, spec: { subscribers } });
}

async function reconcile(channel: ChannelSettings | undefined) {
  if (channel === undefined) flow.said.channels.delete(key);
  else flow.said.channels.set(key, channel);
  return await flow.reconciler.reconcile(key);
}

async function store(...ids: string[]): Promise<void> {
  const events = ids.map((id) =>
    JSON.stringify({ specversion: "1.0", id, source: "/s", type: "t" }),
  );
  await world.publish(`default.${name}._knative`, ...events);
}

const consumers = async () =>
  (await world.jsm.consumers.list(stream).next()).map((info) => info.name).sort();

const both = ["KN_SUB_STAYS", "KN_SUB_VANISHES"];

describe("a subscriber that vanishes from the spec", () => {
  beforeEach(async () => {
    expect(await reconcile(channelWith("stays", "vanishes"))).toEqual({ outcome: "done" });
    await store("1", "2");
    await Promise.all([staying.waitFor(2), vanishing.waitFor(2)]);
  });

  it("and is not known to be gone gets nothing, keeps its consumer, and is looked at again", async () => {
    const result = await reconcile(channelWith("stays"));
    expect(result).toMatchObject({ outcome: "done", requeueAfterMs: expect.any(Number) });
    await store("3", "4");
    await staying.waitFor(4);
    expect(vanishing.ids).toEqual(["1", "2"]);
    expect(await consumers()).toEqual(both);
    const { num_pending: pending } = await world.jsm.consumers.info(stream, "KN_SUB_VANISHES");
    expect(pending).toBe(2);
    expect(
      flow.reconciler.served.get(key)?.subscribers.get("vanishes")?.subscription.attached,
    ).toBe(false);
  });

  it("and returns goes on at its position: nothing is lost and nothing comes twice", async () => {
    await reconcile(channelWith("stays"));
    await store("3", "4");
    await staying.waitFor(4);
    await reconcile(channelWith("stays", "vanishes"));
    await store("5");
    await vanishing.waitFor(5);
    await staying.waitFor(5);
    expect(vanishing.ids).toEqual(["1", "2", "3", "4", "5"]);
    expect(staying.ids).toEqual(["1", "2", "3", "4", "5"]);
  });

  it("and is known to be gone loses its consumer, its series, and nothing of the others'", async () => {
    await reconcile(channelWith("stays"));
    flow.said.gone.add("vanishes");
    expect(await reconcile(channelWith("stays"))).toEqual({ outcome: "done" });
    expect(await consumers()).toEqual(["KN_SUB_STAYS"]);
    expect(await flow.metrics.registry.metrics()).not.toContain('subscriber="vanishes"');
    await store("3");
    await staying.waitFor(3);
  });

  it("and comes back while it is asked for is not deleted", async () => {
    flow.said.gone.add("vanishes");
    flow.said.onAsked = () => {
      flow.said.channels.set(key, channelWith("stays", "vanishes"));
    };
    await reconcile(channelWith("stays"));
    expect(await consumers()).toEqual(both);
    await flow.reconciler.reconcile(key);
    await store("3");
    await vanishing.waitFor(3);
    expect(vanishing.ids).toEqual(["1", "2", "3"]);
  });

  it("and cannot be asked for fails the reconcile, while the others and the address are served", async () => {
    flow.said.onAsked = () => {
      throw new Error("the API server is away");
    };
    expect(await reconcile(channelWith("stays"))).toEqual({ outcome: "failed" });
    expect(await consumers()).toEqual(both);
    expect(flow.reconciler.served.get(key)?.status).toMatchObject({
      ready: true,
      message: "the API server is away",
    });
    await store("3");
    await staying.waitFor(3);
    expect(vanishing.ids).toEqual(["1", "2"]);
  });

  it("goes on when it returns after the server was away in the middle of its deletion", async () => {
    flow.said.gone.add("vanishes");
    flow.said.onAsked = () => world.nats.kill();
    expect(await reconcile(channelWith("stays"))).toEqual({ outcome: "failed" });
    flow.said.onAsked = () => {};
    await world.startAgain();
    flow.said.channels.set(key, channelWith("stays", "vanishes"));
    await eventually(async () => (await flow.reconciler.reconcile(key)).outcome === "done", {
      within: 20_000,
      what: "the channel to be served again",
    });
    await store("3");
    // The server may have forgotten the newest acknowledgements, so that an event comes again.
    const hasCome = () => vanishing.ids.includes("3");
    await eventually(hasCome, { within: 10_000, what: "the event to arrive" });
  });

  it("while its newest entry is refused goes on by the last good one", async () => {
    flow.said.refusals = [
      { path: "spec.subscribers[1]", reason: "bad", subscriberUid: "vanishes" },
    ];
    flow.said.gone.add("vanishes");
    await reconcile(channelWith("stays"));
    await store("3");
    await vanishing.waitFor(3);
    expect(await consumers()).toEqual(both);
  });
});

describe("consumers that an earlier life of the program left", () => {
  beforeEach(async () => {
    await reconcile(channelWith("stays", "vanishes"));
    await flow.stop();
    flow = await startFlowOne(world.nats.url);
  });

  it("stay while their subscriptions may exist, and go when they do not", async () => {
    await reconcile(channelWith("stays"));
    expect(await consumers()).toEqual(both);
    flow.said.gone.add("vanishes");
    await reconcile(channelWith("stays"));
    expect(await consumers()).toEqual(["KN_SUB_STAYS"]);
  });

  it("are not asked for again once none is left", async () => {
    flow.said.gone.add("vanishes");
    await reconcile(channelWith("stays"));
    let asked = 0;
    flow.said.onAsked = () => void asked++;
    await reconcile(channelWith("stays"));
    expect(asked).toBe(0);
  });
});

describe("a subscriber that cannot be served", () => {
  it("because its push consumer is still being read does not hold up the others, and is looked at again", async () => {
    await world.ensure({ name });
    const reader = world.nc.subscribe("pushed.here");
    await world.jsm.consumers.add(stream, {
      durable_name: "KN_SUB_VANISHES",
      ack_policy: "explicit",
      deliver_subject: "pushed.here",
    });
    const result = await reconcile(channelWith("stays", "vanishes"));
    expect(result).toMatchObject({ outcome: "done", requeueAfterMs: expect.any(Number) });
    const { status } = flow.reconciler.served.get(key) ?? {};
    expect(status?.ready).toBe(true);
    expect(status?.subscribers.get("vanishes")).toMatchObject({
      ready: false,
      message: expect.stringContaining("is still being read"),
    });
    await store("1");
    await staying.waitFor(1);

    reader.unsubscribe();
    await eventually(
      async () => (await world.jsm.consumers.info(stream, "KN_SUB_VANISHES")).push_bound !== true,
      { within: 10_000, what: "nobody to read the push consumer" },
    );
    await reconcile(channelWith("stays", "vanishes"));
    await vanishing.waitFor(1);
    expect(flow.reconciler.served.get(key)?.status.subscribers.get("vanishes")?.ready).toBe(true);
  });
});

describe("the status of a channel", () => {
  it("after a failed reconcile says why, and is ready as long as it takes events", async () => {
    await eventually(
      async () => {
        await reconcile(channelWith("stays"));
        return flow.reconciler.served.get(key)?.status.ready === true;
      },
      { within: 20_000, what: "the channel to be served" },
    );
    await world.nats.kill();
    expect(await reconcile(channelWith("stays"))).toEqual({ outcome: "failed" });
    const status = () => flow.reconciler.served.get(key)?.status;
    expect(status()).toMatchObject({ ready: true, message: expect.any(String) });
    await world.startAgain();
    await eventually(async () => (await reconcile(channelWith("stays"))).outcome === "done", {
      within: 20_000,
      what: "the channel to be served again",
    });
    expect(status()?.message).toBeUndefined();
  });

  it("is not ready once it has left its stream for one that it cannot get", async () => {
    await eventually(
      async () => {
        await reconcile(channelWith("stays"));
        return flow.reconciler.served.get(key)?.status.ready === true;
      },
      { within: 20_000, what: "the channel to be served" },
    );
    await world.nats.kill();
    const spec = { stream: { overrideName: `OTHER${channels}` } };
    // Either the loss of the connection is known already, or a request over it fails.
    await reconcile(settingsFor({ name, spec }));
    const { status } = flow.reconciler.served.get(key) ?? {};
    expect(status?.ready).toBe(false);
    expect(status?.stream).toBeUndefined();
    // Known, and without a stream: 503 and not 404.
    expect(flow.routes.find(`/${key}`, "")?.store).toEqual({
      unavailable: expect.stringMatching(/waits for its stream|not connected to NATS/),
    });
    await world.startAgain();
  });

  it("is not ready while it is removed and its stream cannot be deleted, and it is served when it returns", async () => {
    const stream = { deletionPolicy: "Delete" };
    const channel = settingsFor({ name, spec: { stream } });
    // The connection is made again after the server has come back, and so is this one's.
    const isServed = async () => {
      await reconcile(channel);
      return flow.reconciler.served.get(key)?.status.ready === true;
    };
    await eventually(isServed, { within: 20_000, what: "the channel to be served" });
    await world.nats.kill();
    expect(await reconcile(undefined)).toEqual({ outcome: "failed" });
    expect(flow.reconciler.served.get(key)?.status.ready).toBe(false);
    await world.startAgain();
    await eventually(isServed, { within: 20_000, what: "the channel to be served again" });
    expect(flow.routes.find(`/${key}`, "")).toBeDefined();
  });
});
