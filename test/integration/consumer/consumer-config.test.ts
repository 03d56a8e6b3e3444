import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TAKE_OVER_ANNOTATION } from "../../../src/api/names.ts";
import { consumerOwnerOf } from "../../../src/api/ownership.ts";
import {
  deleteConsumer,
  type EnsuredConsumer,
  ensureConsumer,
  subscribersOnStream,
} from "../../../src/dispatcher/consumer.ts";
import { aSubscriber, type ChannelParts } from "../../support/channels-file.ts";
import {
  type JetStreamWorld,
  settingsFor,
  startJetStreamWorld,
} from "../stream/jetstream-world.ts";

const SECOND_NS = 1_000_000_000;
let world: JetStreamWorld;

beforeAll(async () => {
  world = await startJetStreamWorld();
});

afterAll(() => world.stop());

type Template = Record<string, unknown>;

const UID = "5f0c-a1";
const NAME = "KN_SUB_5F0CA1";
const subscribers = [aSubscriber({ uid: UID, uri: "http://subscriber.example" })];

function parts(name: string, consumerConfigTemplate: Template = {}): ChannelParts {
  return { name, spec: { consumerConfigTemplate, subscribers } };
}

async function ensure(channel: ChannelParts, clusterId?: string): Promise<EnsuredConsumer> {
  const settings = settingsFor(channel);
  const [subscriber] = settings.subscribers;
  if (subscriber === undefined) throw new Error("the channel of the test has no subscriber");
  return await ensureConsumer(settings, subscriber, world.context(clusterId));
}

async function served(channel: ChannelParts): Promise<Extract<EnsuredConsumer, { ok: true }>> {
  const ensured = await ensure(channel);
  if (!ensured.ok) throw new Error(`${ensured.reason}: ${ensured.message}`);
  return ensured;
}

const streamOf = (name: string) => `KN_DEFAULT__${name.toUpperCase()}`;
const infoOf = (name: string) => world.jsm.consumers.info(streamOf(name), NAME);

const rows: [what: string, template: Template, is: Record<string, unknown>][] = [
  [
    "nothing: every event, 30 s to acknowledge, deliveries without end",
    {},
    {
      durable_name: NAME,
      ack_policy: "explicit",
      deliver_policy: "all",
      replay_policy: "instant",
      ack_wait: 30 * SECOND_NS,
      max_ack_pending: 1_000,
      max_deliver: -1,
      num_replicas: 0,
    },
  ],
  ["ackWait", { ackWait: "1m30s" }, { ack_wait: 90 * SECOND_NS }],
  ["an ackWait that is too short", { ackWait: "500ms" }, { ack_wait: SECOND_NS }],
  ["an ackWait of fractions", { ackWait: "1.0000001s" }, { ack_wait: 1_000_000_100 }],
  ["maxAckPending", { maxAckPending: 7 }, { max_ack_pending: 7 }],
  ["maxAckPending 0, no maximum", { maxAckPending: 0 }, { max_ack_pending: -1 }],
  ["maxDeliver, a cap that is not the server's", { maxDeliver: 3 }, { max_deliver: -1 }],
  ["deliverPolicy New", { deliverPolicy: "New" }, { deliver_policy: "new" }],
  ["deliverPolicy Last", { deliverPolicy: "Last" }, { deliver_policy: "last" }],
  [
    "deliverPolicy ByStartSequence",
    { deliverPolicy: "ByStartSequence", optStartSeq: "3" },
    { deliver_policy: "by_start_sequence", opt_start_seq: 3 },
  ],
  [
    "deliverPolicy ByStartTime",
    { deliverPolicy: "ByStartTime", optStartTime: "2026-01-31T12:00:00+02:00" },
    { deliver_policy: "by_start_time" },
  ],
  ["filterSubject", { filterSubject: "filters.a" }, { filter_subject: "filters.a" }],
  ["filterSubjects", { filterSubjects: ["f.a", "f.b"] }, { filter_subjects: ["f.a", "f.b"] }],
  ["replayPolicy", { replayPolicy: "Original" }, { replay_policy: "original" }],
  ["replicas", { replicas: 1 }, { num_replicas: 1 }],
  ["memoryStorage", { memoryStorage: true }, { mem_storage: true }],
];

describe.each(rows)("a channel whose consumers have %s", (_what, template, is) => {
  const name = `row${rows.findIndex(([, one]) => one === template)}`;

  it("gives its subscriber such a consumer, and a second look writes nothing", async () => {
    await world.ensure({ name });
    const made = await world.writesOf(() => ensure(parts(name, template)));
    expect(made).toHaveLength(1);
    expect((await infoOf(name)).config).toMatchObject(is);
    expect(consumerOwnerOf((await infoOf(name)).config.metadata)).toEqual({
      clusterId: "here",
      channel: { namespace: "default", name },
      subscriberUid: UID,
    });
    const writes = await world.writesOf(async () => {
      expect((await served(parts(name, template))).unapplied).toEqual([]);
    });
    expect(writes).toEqual([]);
  });
});

const taken: [field: string, before: Template, after: Template, is: Record<string, unknown>][] = [
  ["ackWait", {}, { ackWait: "2s" }, { ack_wait: 2 * SECOND_NS }],
  ["ackWait back to unset", { ackWait: "2s" }, {}, { ack_wait: 30 * SECOND_NS }],
  ["maxAckPending", {}, { maxAckPending: 9 }, { max_ack_pending: 9 }],
  ["maxAckPending to no maximum", {}, { maxAckPending: 0 }, { max_ack_pending: -1 }],
  [
    "filterSubject to another",
    { filterSubject: "x.a" },
    { filterSubject: "x.b" },
    { filter_subject: "x.b" },
  ],
  [
    "filterSubject to several",
    { filterSubject: "x.a" },
    { filterSubjects: ["x.b", "x.c"] },
    { filter_subjects: ["x.b", "x.c"] },
  ],
  ["filterSubject to unset", { filterSubject: "x.a" }, {}, { filter_subject: undefined }],
  ["filterSubjects to unset", { filterSubjects: ["a", "b"] }, {}, { filter_subjects: undefined }],
  ["sampleFrequency", {}, { sampleFrequency: "30%" }, { sample_freq: "30" }],
  ["sampleFrequency to unset", { sampleFrequency: "30%" }, {}, { sample_freq: undefined }],
  ["replicas", {}, { replicas: 1 }, { num_replicas: 1 }],
  ["replicas to unset", { replicas: 1 }, {}, { num_replicas: 0 }],
];

describe.each(taken)("an edit of %s", (_field, before, after, is) => {
  const name = `taken${taken.findIndex(([, , one]) => one === after)}`;

  it("is carried out in place, and the consumer keeps its position", async () => {
    await world.ensure({ name });
    await served(parts(name, before));
    await world.publish(`default.${name}._knative`, "1", "2");
    const { created } = await infoOf(name);
    const edited = await served(parts(name, after));
    expect(edited.unapplied).toEqual([]);
    const info = await infoOf(name);
    expect(info.created).toBe(created);
    for (const [field, value] of Object.entries(is)) {
      expect(info.config[field as keyof typeof info.config]).toEqual(value);
    }
    expect(consumerOwnerOf((await infoOf(name)).config.metadata)?.subscriberUid).toBe(UID);
    expect(await world.writesOf(() => served(parts(name, after)))).toEqual([]);
  });
});

const STARTS_ONCE = /where and how a consumer starts only counts when it is made$/;
const impossible: [field: string, after: Template, path: string, reason: RegExp][] = [
  ["deliverPolicy", { deliverPolicy: "New" }, "deliverPolicy", STARTS_ONCE],
  ["replayPolicy", { replayPolicy: "Original" }, "replayPolicy", STARTS_ONCE],
  ["memoryStorage", { memoryStorage: true }, "memoryStorage", STARTS_ONCE],
  ["replicas beyond the servers", { replicas: 3 }, "replicas", /NATS refuses it: /],
];

describe.each(impossible)("an edit of %s", (_field, after, path, reason) => {
  const name = `impossible${impossible.findIndex(([, one]) => one === after)}`;

  it("is not applied and says why, and the other edits of that moment are", async () => {
    await world.ensure({ name });
    await served(parts(name));
    const { created } = await infoOf(name);
    const edited = await served(parts(name, { ...after, ackWait: "5s" }));
    expect(edited.unapplied).toEqual([
      { path: `spec.consumerConfigTemplate.${path}`, reason: expect.stringMatching(reason) },
    ]);
    expect(await infoOf(name)).toMatchObject({ created, config: { ack_wait: 5 * SECOND_NS } });
  });
});

it("somebody's change by hand of what the channel says, or cannot work with, is put back", async () => {
  await world.ensure({ name: "byhand" });
  await served(parts("byhand"));
  const before = await infoOf("byhand");
  await world.jsm.consumers.update(streamOf("byhand"), NAME, {
    ack_wait: 7 * SECOND_NS,
    headers_only: true,
    inactive_threshold: 3_600 * SECOND_NS,
    backoff: [SECOND_NS],
    max_batch: 1,
    max_bytes: 1,
    max_expires: SECOND_NS,
    priority_groups: ["a"],
    priority_policy: "overflow",
  } as never);
  expect((await served(parts("byhand"))).unapplied).toEqual([]);
  const { created, config } = await infoOf("byhand");
  expect({ created, config }).toEqual({ created: before.created, config: before.config });
  expect(await world.writesOf(() => served(parts("byhand")))).toEqual([]);
});

describe("a consumer of the name that is there already", () => {
  it("as a push consumer that is still being read is left alone and said so", async () => {
    await world.ensure({ name: "push" });
    const reader = world.nc.subscribe("deliver.here");
    await world.jsm.consumers.add(streamOf("push"), {
      durable_name: NAME,
      ack_policy: "explicit",
      deliver_subject: "deliver.here",
    });
    const { config: before } = await infoOf("push");
    expect(await ensure(parts("push"))).toEqual({
      ok: false,
      reason: "ConsumerOwnedByAnother",
      message: `push consumer ${NAME} is still being read, by a dispatcher of the Go implementation; stop that, and its position is carried on`,
    });
    expect((await infoOf("push")).config).toEqual(before);
    reader.unsubscribe();
  });

  it("as a pull consumer without an owner is ours from now on, at its position", async () => {
    await world.ensure({ name: "pull" });
    await world.jsm.consumers.add(streamOf("pull"), {
      durable_name: NAME,
      ack_policy: "explicit",
      max_deliver: 4,
      metadata: { team: "billing" },
    });
    const { created } = await infoOf("pull");
    await served(parts("pull"));
    const { config, ...rest } = await infoOf("pull");
    expect(rest.created).toBe(created);
    expect(config).toMatchObject({ max_deliver: -1, metadata: { team: "billing" } });
    expect(consumerOwnerOf(config.metadata)?.clusterId).toBe("here");
  });

  it("as another cluster's is left alone until the channel may take over", async () => {
    await world.ensure({ name: "theirs" });
    await ensure(parts("theirs"), "there");
    expect(await ensure(parts("theirs"))).toEqual({
      ok: false,
      reason: "ConsumerOwnedByAnother",
      message: `consumer ${NAME} belongs to subscriber ${UID} of channel default/theirs of cluster there`,
    });
    await served({ ...parts("theirs"), annotations: { [TAKE_OVER_ANNOTATION]: "there" } });
    expect(consumerOwnerOf((await infoOf("theirs")).config.metadata)?.clusterId).toBe("here");
  });
});

it("a consumer that the server refuses is refused with its words", async () => {
  const name = "narrow";
  await world.ensure({ name, spec: { stream: { config: { maxConsumers: 1 } } } });
  await world.jsm.consumers.add(streamOf(name), { durable_name: "OTHER", ack_policy: "explicit" });
  expect(await ensure(parts(name))).toEqual({
    ok: false,
    reason: "ConsumerRefused",
    message: `NATS refuses consumer ${NAME}: maximum consumers limit reached (400/10026)`,
  });
});

describe("the consumers on a stream", () => {
  it("are listed by their subscribers where they are this channel's, and only those are deleted", async () => {
    const name = "listed";
    const channel = settingsFor(parts(name));
    await world.ensure({ name });
    await served(parts(name));
    const stream = streamOf(name);
    await world.jsm.consumers.add(stream, {
      durable_name: "KN_SUB_FOREIGN",
      ack_policy: "explicit",
    });
    expect(await subscribersOnStream(channel, world.context())).toEqual([UID]);
    expect(await subscribersOnStream(channel, world.context("there"))).toEqual([]);

    await deleteConsumer(channel, "foreign", world.context());
    await deleteConsumer(channel, UID, world.context("there"));
    expect((await world.jsm.consumers.list(stream).next()).map((one) => one.name).sort()).toEqual([
      NAME,
      "KN_SUB_FOREIGN",
    ]);
    await deleteConsumer(channel, UID, world.context());
    await deleteConsumer(channel, UID, world.context());
    expect((await world.jsm.consumers.list(stream).next()).map((one) => one.name)).toEqual([
      "KN_SUB_FOREIGN",
    ]);
  });
});
