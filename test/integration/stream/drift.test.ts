import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { StreamWatch } from "../../../src/dispatcher/stream-watch.ts";
import { aSubscriber, type ChannelParts } from "../../support/channels-file.ts";
import { eventually } from "../../support/eventually.ts";
import { startNatsServer } from "../../support/nats-server.ts";
import { type FlowOne, startFlowOne } from "../consumer/flow-one.ts";
import { type JetStreamWorld, settingsFor, startJetStreamWorld } from "./jetstream-world.ts";

const SECOND_NS = 1_000_000_000;
let world: JetStreamWorld;
let flow: FlowOne;
let watch: StreamWatch;
let requeued: string[] = [];

beforeAll(async () => {
  world = await startJetStreamWorld();
  flow = await startFlowOne(world.nats.url);
});

afterAll(async () => {
  await flow.stop();
  await world.stop();
});

beforeEach(() => {
  requeued = [];
  const { served } = flow.reconciler;
  const { log } = world.context();
  watch = new StreamWatch({ served, source, log, requeue: (key) => void requeued.push(key) });
});

const source = { isLeader: () => true, note: () => undefined };
const streamOf = (name: string): string => `KN_DEFAULT__${name.toUpperCase()}`;

async function serve(parts: ChannelParts): Promise<void> {
  const settings = settingsFor(parts);
  flow.said.channels.set(settings.key, settings);
  expect(await flow.reconciler.reconcile(settings.key)).toMatchObject({ outcome: "done" });
}

/** Looks, has flow 1 look at what was asked for, and gives what was said. */
async function look(): Promise<Record<string, unknown>[]> {
  world.logs.length = 0;
  requeued.length = 0;
  await watch.look();
  for (const key of requeued) await flow.reconciler.reconcile(key);
  return world.logs.map(({ message, fields }) => ({ message, ...fields }));
}

const found = (name: string, what: Record<string, unknown>, stream = streamOf(name)) => ({
  message: "stream is not as it was left",
  channel: `default/${name}`,
  stream,
  ...what,
});

describe("a stream that somebody", () => {
  it("leaves alone is nothing to speak of, look after look, also with edits that are not applied", async () => {
    const config = { maxMsgs: 5, placement: { tags: ["ssd"] }, sources: [{ name: "SPRING" }] };
    await world.jsm.streams.add({ name: "SPRING", subjects: ["spring"] });
    await serve({ name: "quiet", spec: { stream: { config } } });
    await serve({ name: "quiet", spec: { stream: { config: { ...config, storage: "Memory" } } } });
    await serve({
      name: "mirror",
      spec: { stream: { config: { mirror: { name: streamOf("quiet") } } } },
    });
    await world.publish("default.quiet._knative", "1", "2");
    expect(await look()).toEqual([]);
    expect(await look()).toEqual([]);
  });

  it("deletes is there again", async () => {
    await serve({ name: "deleted" });
    await world.jsm.streams.delete(streamOf("deleted"));
    expect(await look()).toEqual([found("deleted", { found: "deleted" })]);
    await world.publish("default.deleted._knative", "1");
    expect(await look()).toEqual([]);
  });

  it("makes again is the channel's again", async () => {
    await serve({ name: "remade", spec: { stream: { config: { maxMsgs: 5 } } } });
    await world.jsm.streams.delete(streamOf("remade"));
    await world.jsm.streams.add({
      name: streamOf("remade"),
      subjects: ["default.remade._knative"],
    });
    expect(await look()).toEqual([found("remade", { found: "made again" })]);
    const { config } = await world.jsm.streams.info(streamOf("remade"));
    expect(config.max_msgs).toBe(5);
    expect(await look()).toEqual([]);
  });

  it("edits is as the channel says again", async () => {
    await serve({ name: "edited", spec: { stream: { config: { maxMsgs: 50 } } } });
    const { metadata } = (await world.jsm.streams.info(streamOf("edited"))).config;
    await world.jsm.streams.update(streamOf("edited"), {
      max_msgs: 7,
      description: "by hand",
      subjects: ["default.edited._knative", "by.hand"],
      metadata: { ...metadata, team: "shop" },
    });
    const after = await look();
    expect(after).toMatchObject([
      found("edited", {
        found: "changed",
        changes: [
          {
            field: "subjects",
            from: ["default.edited._knative"],
            to: ["default.edited._knative", "by.hand"],
          },
          { field: "max_msgs", from: 50, to: 7 },
          { field: "description", from: undefined, to: "by hand" },
          { field: "metadata", to: { team: "shop" } },
        ],
      }),
    ]);
    const { config } = await world.jsm.streams.info(streamOf("edited"));
    expect(config).toMatchObject({ max_msgs: 50, subjects: ["default.edited._knative"] });
    expect(config.metadata).not.toHaveProperty("team");
    expect(await look()).toEqual([]);
  });

  it("takes for another channel is that one's, and the channel says whose", async () => {
    await world.jsm.streams.add({ name: "SHARED", subjects: ["shared"] });
    const spec = { stream: { overrideName: "SHARED" } };
    await serve({ name: "robbed", spec });
    await world.jsm.streams.update("SHARED", { metadata: {} });
    await world.ensure({ name: "robber", spec });
    expect(await look()).toMatchObject([{ found: "changed" }]);
    expect(flow.reconciler.served.get("default/robbed")?.status).toMatchObject({
      ready: false,
      reason: "StreamOwnedByAnother",
      message: expect.stringContaining("belongs to channel default/robber of cluster here"),
    });
  });

  it("is made after and changes, changes the channel's stream", async () => {
    await world.jsm.streams.add({ name: "BASE", subjects: ["base"], max_msgs: 10 });
    await serve({ name: "following", spec: { stream: { config: { template: "BASE" } } } });
    await world.jsm.streams.update("BASE", { max_msgs: 20 });
    const changes = [{ field: "max_msgs", from: 10, to: 20 }];
    expect(await look()).toEqual([found("following", { found: "changed", changes }, "BASE")]);
    const { config } = await world.jsm.streams.info(streamOf("following"));
    expect(config.max_msgs).toBe(20);
    expect(await look()).toEqual([]);
  });
});

describe("events that", () => {
  const removed = (name: string, events: number) => ({
    message: "somebody removed events from the stream; whoever had yet to get them will not",
    channel: `default/${name}`,
    stream: streamOf(name),
    events,
  });

  it("somebody purges or deletes are told of with their number", async () => {
    await serve({ name: "purged" });
    const sequences = await world.publish("default.purged._knative", "1", "2", "3");
    expect(await look()).toEqual([]);
    await world.jsm.streams.deleteMessage(streamOf("purged"), sequences[1] ?? 0);
    await world.publish("default.purged._knative", "4", "5");
    expect(await look()).toEqual([removed("purged", 1)]);
    await world.jsm.streams.purge(streamOf("purged"));
    await world.publish("default.purged._knative", "6");
    expect(await look()).toEqual([removed("purged", 4)]);
    expect(await look()).toEqual([]);
  });

  it.each([
    ["the number of events", "full", { maxMsgs: 2 }],
    ["their age", "aged", { maxAge: "100ms" }],
    ["the retention Interest", "unwanted", { retention: "Interest" }],
  ])("the stream drops by %s are nothing to speak of", async (_what, name, config) => {
    await serve({ name, spec: { stream: { config } } });
    await world.publish(`default.${name}._knative`, "1", "2");
    expect(await look()).toEqual([]);
    await world.publish(`default.${name}._knative`, "3", "4", "5");
    const messages = async () => (await world.jsm.streams.info(streamOf(name))).state.messages;
    await eventually(async () => (await messages()) < 5, { within: 10_000, what: "drops" });
    expect(await look()).toEqual([]);
  });
});

it("a consumer that somebody edits is as the channel says again when its channel's turn has come", async () => {
  const [name, consumer] = ["consumed", "KN_SUB_5F0CA1"];
  const subscribers = [aSubscriber({ uid: "5f0c-a1", uri: "http://127.0.0.1:9" })];
  await serve({ name, spec: { subscribers } });
  const { consumers } = world.jsm;
  await consumers.update(streamOf(name), consumer, { ack_wait: 7 * SECOND_NS });
  await look();
  for (let looks = 1; !requeued.includes(`default/${name}`); looks++) {
    expect(looks).toBeLessThan(4);
    await look();
  }
  expect((await consumers.info(streamOf(name), consumer)).config.ack_wait).toBe(30 * SECOND_NS);
});

it("many streams cost a request for each 256 of them, and no request of their own", async () => {
  const first = flow.reconciler.served.get("default/quiet");
  const jsm = await first?.client.jetstream();
  await Promise.all(
    Array.from({ length: 300 }, (_, i) =>
      jsm?.streams.add({ name: `MANY${i}`, subjects: [`many.${i}`], storage: "memory" }),
    ),
  );
  const asked: string[] = [];
  const subscription = world.nc.subscribe("$JS.API.STREAM.>", {
    callback: (_error, { subject }) => void asked.push(subject),
  });
  await world.nc.flush();
  await watch.look();
  await world.nc.flush();
  subscription.unsubscribe();
  expect(asked).toEqual(["$JS.API.STREAM.LIST", "$JS.API.STREAM.LIST"]);
});

it("what flow 1 looks at while the list is on its way is not compared with the list", async () => {
  await serve({ name: "busy", spec: { stream: { config: { maxMsgs: 5 } } } });
  world.logs.length = 0;
  const looking = watch.look();
  await serve({ name: "busy", spec: { stream: { config: { maxMsgs: 6 } } } });
  await looking;
  expect(world.logs.filter(({ fields }) => fields.channel === "default/busy")).toEqual([]);
});

it("a list that the server does not give is said once, and channels are looked at in turn", async () => {
  const denied = 'permissions: { publish: { deny: "$JS.API.STREAM.LIST" } }';
  const config = `authorization { users: [{ user: denied, password: secret, ${denied} }] }`;
  const nats = await startNatsServer({ config });
  const other = await startFlowOne(nats.url.replace("//", "//denied:secret@"));
  try {
    const settings = settingsFor({ name: "unlisted" });
    other.said.channels.set(settings.key, settings);
    await other.reconciler.reconcile(settings.key);
    const turns: string[] = [];
    world.logs.length = 0;
    const { log } = world.context();
    const { served } = other.reconciler;
    const looking = new StreamWatch({
      ...{ served, source, log },
      requeue: (key) => void turns.push(key),
    });
    for (let looks = 0; looks < 3; looks++) await looking.look();
    expect(world.logs.map(({ message }) => message)).toEqual([
      "cannot look at the streams, trying again",
    ]);
    expect(turns).toEqual(Array(3).fill("default/unlisted"));
  } finally {
    await other.stop();
    await nats.stop();
  }
});

it("it looks by itself, as often as it is told, until it is stopped", async () => {
  const turns: string[] = [];
  const counting = new StreamWatch({
    served: flow.reconciler.served,
    source,
    log: world.context().log,
    requeue: (key) => void turns.push(key),
  });
  counting.start(20);
  await eventually(() => turns.length > 20, { within: 10_000, what: "a second look" });
  counting.stop();
});
