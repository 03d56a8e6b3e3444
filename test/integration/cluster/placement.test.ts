import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsCluster, type NodeName, startNatsCluster } from "../../support/nats-cluster.ts";
import { type StandaloneWorld, startStandalone, streamOf } from "../standalone/standalone-world.ts";

const WITHIN = 20_000;
const PLACEMENT = "spec.stream.config.placement";
let cluster: NatsCluster;
let sink: EventSink;
let world: StandaloneWorld;

const placed: [name: string, placement: object, node: NodeName][] = [
  ["tagged", { tags: ["node:n2"] }, "n2"],
  ["both", { cluster: "test", tags: ["node:n3"] }, "n3"],
  ["moving", { tags: ["node:n1"] }, "n1"],
  ["staying", { tags: ["node:n2"] }, "n2"],
];

const homeless: [what: string, name: string, config: object, reason: string][] = [
  [
    "with a tag that no server has",
    "no-tag",
    { placement: { tags: ["node:n9"] } },
    "no suitable peers for placement, tags not matched ['node:n9']",
  ],
  [
    "in a cluster that there is not",
    "no-cluster",
    { placement: { cluster: "elsewhere" } },
    "no suitable peers for placement",
  ],
  [
    "for more replicas than have the tag",
    "no-room",
    { placement: { tags: ["node:n1"] }, replicas: 3 },
    "no suitable peers for placement, tags not matched ['node:n1']",
  ],
];

beforeAll(async () => {
  cluster = await startNatsCluster();
  sink = await startEventSink();
  const channels = [
    ...placed.map(([name, placement]) => [name, draft(name, { placement })] as const),
    ...homeless.map(([, name, config]) => [name, draft(name, config)] as const),
  ];
  world = await startStandalone(Object.fromEntries(channels), {
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

function draft(name: string, config: object) {
  // A consumer that moves leaves its open pull without a word: the missing heartbeats tell.
  const consumerConfigTemplate = { idleHeartbeat: "1s" };
  const subscribers = [{ uid: name, uri: sink.url }];
  return { spec: { stream: { config }, consumerConfigTemplate }, subscribers };
}

/** Waits until stream and consumer of a channel are on this one server. */
async function isOn(name: string, node: NodeName): Promise<void> {
  const stream = streamOf(name);
  const there = { leader: node, nodes: [node] };
  await eventually(
    async () => {
      expect(await cluster.copiesOf({ stream })).toMatchObject(there);
      const consumer = `KN_SUB_${name.toUpperCase()}`;
      expect(await cluster.copiesOf({ stream, consumer })).toMatchObject(there);
    },
    { within: WITHIN, what: `${name} to be on ${node}` },
  );
}

/** Sends an event until it is taken, and waits until it is delivered; gives its id. */
async function passes(name: string): Promise<string> {
  const id = crypto.randomUUID();
  const client = world.dataPlane.client(name);
  const send = async () => (await client.sendBinary({ id })).status === 202;
  await eventually(send, { within: WITHIN, what: "202" });
  await eventually(() => sink.ids.includes(id), { within: WITHIN, what: "its delivery" });
  return id;
}

describe("a channel with a placement", () => {
  it.each(placed)(
    "%s %o has its stream and its consumers on %s",
    async (name, _placement, node) => {
      await isOn(name, node);
      const shown = await world.shows(name, ({ ready }) => ready, "ready");
      expect(shown.unapplied).toEqual([]);
      await passes(name);
    },
  );

  it.each(homeless)("%s is refused, and says what to do", async (_what, name, _config, reason) => {
    const shown = await world.shows(name, (one) => one.reason === "StreamRefused", "a refusal");
    const message =
      `NATS refuses stream ${streamOf(name)}: ${reason} (400/10005); ` +
      "ask for fewer replicas or another placement, or give NATS such servers";
    expect(shown).toMatchObject({ ready: false, message });
    const answer = await world.dataPlane.client(name).sendBinary({});
    expect(answer).toMatchObject({ status: 503, body: `Not stored: ${message}.\n` });
  });

  it("that was refused is served as soon as an edit names servers that there are", async () => {
    await world.edit({ "no-tag": draft("no-tag", { placement: { tags: ["node:n1"] } }) });
    const shown = await world.shows("no-tag", ({ ready }) => ready, "ready");
    expect(shown.message).toBeUndefined();
    await passes("no-tag");
  });
});

describe("an edit of a placement", () => {
  it("moves the stream with its events and its consumers, which go on where they were", async () => {
    await isOn("moving", "n1");
    await passes("moving");
    const before = await world.jsm.streams.info(streamOf("moving"));
    await world.edit({ moving: draft("moving", { placement: { tags: ["node:n3"] } }) });
    // Events are taken and delivered while it moves.
    await passes("moving");
    await isOn("moving", "n3");
    await passes("moving");
    const { created, state } = await world.jsm.streams.info(streamOf("moving"));
    expect(created).toBe(before.created);
    expect(state.messages).toBe(before.state.messages + 2);
    const info = await world.jsm.consumers.info(streamOf("moving"), "KN_SUB_MOVING");
    expect(info.delivered.consumer_seq).toBe(state.messages);
  });

  it("that no server satisfies is explained, and the stream stays where it is and works", async () => {
    await isOn("staying", "n2");
    await world.edit({ staying: draft("staying", { placement: { tags: ["node:n9"] } }) });
    const shown = await world.shows("staying", ({ unapplied }) => unapplied?.length === 1, "it");
    expect(shown).toMatchObject({
      ready: true,
      unapplied: [
        {
          path: PLACEMENT,
          reason:
            '{"tags":["node:n2"]} stays, {"tags":["node:n9"]} is not applied: NATS refuses it: no suitable ' +
            "peers for placement, tags not matched ['node:n9'] (400/10005); ask for fewer replicas or " +
            "another placement, or give NATS such servers",
        },
      ],
    });
    await passes("staying");
    await isOn("staying", "n2");
  });
});
