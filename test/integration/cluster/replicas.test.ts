import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsCluster, startNatsCluster } from "../../support/nats-cluster.ts";
import { type StandaloneWorld, startStandalone, streamOf } from "../standalone/standalone-world.ts";

const WITHIN = 20_000;
const ALL = ["n1", "n2", "n3"];
let cluster: NatsCluster;
let sink: EventSink;
let world: StandaloneWorld;

beforeAll(async () => {
  cluster = await startNatsCluster();
  sink = await startEventSink();
  const channels = {
    three: draft("three", { replicas: 3 }),
    few: draft("few", { replicas: 3 }, { replicas: 1 }),
    interest: draft("interest", { replicas: 3, retention: "Interest" }, { replicas: 1 }),
    edited: draft("edited", {}),
    grown: draft("grown", {}),
    beyond: draft("beyond", { replicas: 5 }),
  };
  world = await startStandalone(channels, {
    nats: cluster.nodes.n1,
    urls: cluster.urls,
    untilReady: false,
  });
});

afterAll(async () => {
  await world?.stop();
  await sink?.close();
  await cluster?.stop();
});

function draft(name: string, config: object, consumerConfigTemplate: object = {}) {
  const subscribers = [{ uid: name, uri: sink.url }];
  return { spec: { stream: { config }, consumerConfigTemplate }, subscribers };
}

const consumerOf = (name: string) => `KN_SUB_${name.toUpperCase()}`;

/** Waits until stream and consumer of a channel have this many copies, all up to date. */
async function copies(name: string, wanted: { stream: number; consumer: number }) {
  const stream = streamOf(name);
  return await eventually(
    async () => {
      const ofStream = await cluster.copiesOf({ stream });
      const ofConsumer = await cluster.copiesOf({ stream, consumer: consumerOf(name) });
      expect(ofStream).toMatchObject({ current: true });
      expect(ofStream.nodes).toHaveLength(wanted.stream);
      expect(ofConsumer).toMatchObject({ current: true });
      expect(ofConsumer.nodes).toHaveLength(wanted.consumer);
      return { stream: ofStream.nodes, consumer: ofConsumer.nodes };
    },
    { within: WITHIN, what: `${name} to have the copies that its channel says` },
  );
}

/** Sends an event and waits until it is delivered. */
async function passes(name: string): Promise<void> {
  const id = crypto.randomUUID();
  const client = world.dataPlane.client(name);
  const send = async () => (await client.sendBinary({ id })).status === 202;
  await eventually(send, { within: WITHIN, what: "202" });
  await eventually(() => sink.ids.includes(id), { within: WITHIN, what: "its delivery" });
}

describe("a channel of three replicas", () => {
  it("has a stream of three copies, and consumers of as many", async () => {
    expect(await copies("three", { stream: 3, consumer: 3 })).toEqual({
      stream: ALL,
      consumer: ALL,
    });
    const shown = await world.shows("three", ({ ready }) => ready, "ready");
    expect(shown).toMatchObject({ stream: { replicas: 3 }, unapplied: [] });
    await passes("three");
  });

  it("has consumers of fewer copies where the channel says so, and of all again after an edit", async () => {
    await copies("few", { stream: 3, consumer: 1 });
    await passes("few");
    await world.edit({ few: draft("few", { replicas: 3 }) });
    await copies("few", { stream: 3, consumer: 3 });
    await passes("few");
  });

  it("says why a subscriber has no consumer when Interest needs as many copies of it", async () => {
    const shown = await world.shows("interest", ({ ready }) => ready, "ready");
    expect(shown.subscribers).toEqual([
      expect.objectContaining({
        ready: false,
        message: expect.stringMatching(/^NATS refuses consumer KN_SUB_INTEREST: .*10134/),
      }),
    ]);
  });
});

describe("an edit of replicas", () => {
  it("from 1 to 3 and back is carried out in place, and nothing comes twice", async () => {
    await copies("edited", { stream: 1, consumer: 1 });
    await passes("edited");
    const created = async () => (await world.jsm.streams.info(streamOf("edited"))).created;
    const before = await created();
    for (const replicas of [3, 1]) {
      await world.edit({ edited: draft("edited", { replicas }) });
      await copies("edited", { stream: replicas, consumer: replicas });
      await passes("edited");
    }
    expect(await created()).toBe(before);
    const info = await world.jsm.consumers.info(streamOf("edited"), consumerOf("edited"));
    expect(info).toMatchObject({ delivered: { consumer_seq: 3, stream_seq: 3 } });
  });

  it("beyond the servers is explained, and the channel works as before", async () => {
    await world.shows("grown", ({ ready }) => ready, "ready");
    await world.edit({ grown: draft("grown", { replicas: 5 }) });
    const shown = await world.shows(
      "grown",
      ({ unapplied }) => unapplied?.length === 1,
      "unapplied",
    );
    expect(shown).toMatchObject({
      ready: true,
      stream: { replicas: 1 },
      unapplied: [
        {
          path: "spec.stream.config.replicas",
          reason:
            "1 stays, 5 is not applied: NATS refuses it: no suitable peers for placement " +
            "(400/10005); ask for fewer replicas or another placement, or give NATS such servers",
        },
      ],
    });
    await passes("grown");
  });
});

describe("a channel of more replicas than there are servers", () => {
  it("is refused with a sentence, takes no events, and is served once it asks for fewer", async () => {
    const shown = await world.shows(
      "beyond",
      ({ reason }) => reason === "StreamRefused",
      "refusal",
    );
    expect(shown).toMatchObject({
      ready: false,
      message:
        "NATS refuses stream KN_DEFAULT__BEYOND: no suitable peers for placement (400/10005); " +
        "ask for fewer replicas or another placement, or give NATS such servers",
    });
    const answer = await world.dataPlane.client("beyond").sendBinary({});
    expect(answer).toMatchObject({ status: 503, body: expect.stringContaining("ask for fewer") });
    expect(answer.headers["retry-after"]).toBeDefined();
    await world.edit({ beyond: draft("beyond", { replicas: 2 }) });
    await copies("beyond", { stream: 2, consumer: 2 });
    await passes("beyond");
  });
});
