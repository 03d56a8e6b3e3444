import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ALLOW_DROPPING_EVENTS_ANNOTATION } from "../../../src/api/names.ts";
import { type JetStreamWorld, served, startJetStreamWorld } from "./jetstream-world.ts";

const SECOND_NS = 1_000_000_000;
const MAY_DROP = { [ALLOW_DROPPING_EVENTS_ANNOTATION]: "true" };
let world: JetStreamWorld;

beforeAll(async () => {
  world = await startJetStreamWorld();
  await world.jsm.streams.add({ name: "SPRING", subjects: ["spring"] });
});

afterAll(() => world.stop());

type Config = Record<string, unknown>;

const channelOf = (name: string, config: Config, annotations: Record<string, string> = {}) => ({
  name,
  annotations,
  spec: { stream: { config } },
});

/** Makes a stream, stores five events of about 1 kB, and edits the channel. */
async function edit(name: string, before: Config, after: Config, annotations = {}) {
  await world.ensure(channelOf(name, before));
  const stored = Array.from({ length: 5 }, () => "x".repeat(1_000));
  await world.publish(`default.${name}._knative`, ...stored);
  const ensured = served(await world.ensure(channelOf(name, after, annotations)));
  const { config, state } = await world.jsm.streams.info(`KN_DEFAULT__${name.toUpperCase()}`);
  return { ensured, config, messages: state.messages };
}

const taken: [field: string, before: Config, after: Config, is: Config][] = [
  ["replicas", {}, { replicas: 1 }, { num_replicas: 1 }],
  ["retention to Limits", { retention: "Interest" }, {}, { retention: "limits" }],
  ["discard", {}, { discard: "New" }, { discard: "new" }],
  ["maxMsgs", {}, { maxMsgs: 5 }, { max_msgs: 5 }],
  ["maxMsgs upwards", { maxMsgs: 9 }, { maxMsgs: 10 }, { max_msgs: 10 }],
  ["maxMsgs to no maximum", { maxMsgs: 9 }, { maxMsgs: 0 }, { max_msgs: -1 }],
  ["maxMsgs back to unset", { maxMsgs: 9 }, {}, { max_msgs: -1 }],
  ["maxBytes", {}, { maxBytes: 90_000 }, { max_bytes: 90_000 }],
  ["maxBytes to no maximum", { maxBytes: 90_000 }, { maxBytes: 0 }, { max_bytes: -1 }],
  ["maxMsgSize", {}, { maxMsgSize: 100 }, { max_msg_size: 100 }],
  ["maxMsgsPerSubject", {}, { maxMsgsPerSubject: 5 }, { max_msgs_per_subject: 5 }],
  ["maxConsumers", {}, { maxConsumers: 4 }, { max_consumers: 4 }],
  ["maxAge", {}, { maxAge: "1h" }, { max_age: 3_600 * SECOND_NS }],
  [
    "maxAge below the window, and the window with it",
    { maxAge: "1h", duplicateWindow: "30m" },
    { maxAge: "10m", duplicateWindow: "5m" },
    { max_age: 600 * SECOND_NS, duplicate_window: 300 * SECOND_NS },
  ],
  ["duplicateWindow", {}, { duplicateWindow: "7s" }, { duplicate_window: 7 * SECOND_NS }],
  [
    "additionalSubjects",
    { additionalSubjects: ["edits.old"] },
    { additionalSubjects: ["edits.new.>"] },
    { subjects: [expect.stringMatching(/^default\.\w+\._knative$/), "edits.new.>"] },
  ],
  ["denyPurge", {}, { denyPurge: true }, { deny_purge: true }],
  ["description", {}, { description: "east" }, { description: "east" }],
  ["description to unset", { description: "east" }, {}, { description: undefined }],
  ["compression to unset", { compression: "S2" }, {}, { compression: "none" }],
  ["allowDirect to unset", { allowDirect: true }, {}, { allow_direct: false }],
  ["placement to unset", { placement: { tags: ["ssd"] } }, {}, { placement: undefined }],
  ["sources", {}, { sources: [{ name: "SPRING" }] }, { sources: [{ name: "SPRING" }] }],
  ["sources to unset", { sources: [{ name: "SPRING" }] }, {}, { sources: undefined }],
];

describe.each(taken)("an edit of %s", (_field, before, after, is) => {
  const name = `taken${taken.findIndex(([, , one]) => one === after)}`;

  it("is carried out in place, drops nothing, and is not asked for again", async () => {
    const { ensured, config, messages } = await edit(name, before, after);
    expect(ensured.unapplied).toEqual([]);
    for (const [field, value] of Object.entries(is)) {
      expect(config[field as keyof typeof config]).toEqual(value);
    }
    expect(messages).toBe(_field.startsWith("retention") ? 0 : 5);
    expect(await world.writesOf(() => world.ensure(channelOf(name, after)))).toEqual([]);
  });
});

const impossible: [field: string, before: Config, after: Config, path: string, reason: RegExp][] = [
  ["storage", {}, { storage: "Memory" }, "storage", /^"file" stays, "memory" is not applied: NATS/],
  ["retention to Work", {}, { retention: "Work" }, "retention", /to or from Work/],
  ["denyDelete to off", { denyDelete: true }, {}, "denyDelete", /cannot turn it off again/],
  [
    "maxBytes beyond the server's store",
    {},
    { maxBytes: 2 ** 50 },
    "maxBytes",
    /^no maximum stays, \d+ is not applied: NATS refuses it: insufficient storage resources/,
  ],
  ["replicas beyond the servers", {}, { replicas: 3 }, "replicas", /^1 stays, 3 .* refuses it/],
  [
    "additionalSubjects that are another stream's",
    {},
    { additionalSubjects: ["foreign.a"] },
    "additionalSubjects",
    /refuses it: subjects overlap with an existing stream \(400\/10065\)/,
  ],
];

describe.each(impossible)("an edit of %s", (_field, before, after, path, reason) => {
  const name = `impossible${impossible.findIndex(([, , one]) => one === after)}`;

  it("is not applied and says why, and the other edits of that moment are", async () => {
    await world.jsm.streams.add({ name: "FOREIGN", subjects: ["foreign.>"] });
    const both = { ...after, description: "west" };
    const { ensured, config, messages } = await edit(name, before, both);
    expect(ensured.unapplied).toEqual([
      { path: `spec.stream.config.${path}`, reason: expect.stringMatching(reason) },
    ]);
    expect(config.description).toBe("west");
    expect(messages).toBe(5);
  });
});

const dropping: [field: string, after: Config, path: string, reason: RegExp, left: number][] = [
  ["maxMsgs below what is stored", { maxMsgs: 2 }, "maxMsgs", /the stream has 5 events$/, 2],
  ["maxBytes below what is stored", { maxBytes: 2_500 }, "maxBytes", /has \d{4} bytes$/, 2],
  ["maxMsgsPerSubject below", { maxMsgsPerSubject: 1 }, "maxMsgsPerSubject", /has 5 events$/, 1],
  ["maxAge below the oldest", { maxAge: "100ms" }, "maxAge", /the oldest is of 20\d\d-.*Z$/, 0],
  ["retention to Interest", { retention: "Interest" }, "retention", /every subscriber has ack/, 0],
];

describe.each(dropping)("an edit of %s", (field, after, path, reason, left) => {
  const name = `dropping${dropping.findIndex(([, one]) => one === after)}`;

  it("waits for leave to drop events", async () => {
    await world.ensure(channelOf(name, {}));
    await world.publish(
      `default.${name}._knative`,
      ..."abcde".split("").map((x) => x.repeat(1_000)),
    );
    if (field.startsWith("maxAge")) await olderThan(150, name);
    const kept = served(await world.ensure(channelOf(name, after)));
    expect(kept.unapplied).toEqual([
      { path: `spec.stream.config.${path}`, reason: expect.stringMatching(reason) },
    ]);
    expect(kept.info.state.messages).toBe(5);
    const again = served(await world.ensure(channelOf(name, after)));
    expect(again.unapplied).toEqual(kept.unapplied);

    const dropped = served(await world.ensure(channelOf(name, after, MAY_DROP)));
    expect(dropped.unapplied).toEqual([]);
    await expect
      .poll(
        async () =>
          (await world.jsm.streams.info(`KN_DEFAULT__${name.toUpperCase()}`)).state.messages,
        {
          timeout: 5_000,
        },
      )
      .toBe(left);
  });
});

describe("limits of a stream that refuses new events instead of dropping old ones", () => {
  it("may go below what is stored: nothing is dropped", async () => {
    const { ensured, messages } = await edit(
      "discardnew",
      { discard: "New" },
      { discard: "New", maxMsgs: 2 },
    );
    expect(ensured.unapplied).toEqual([]);
    expect(messages).toBe(5);
  });

  it("do not drop when it begins to drop old ones, without leave", async () => {
    const ensured = served(await world.ensure(channelOf("discardnew", { maxMsgs: 2 })));
    expect(ensured.unapplied).toEqual([
      {
        path: "spec.stream.config.discard",
        reason:
          '"new" stays, "old" is not applied: it would drop stored events: the stream has 5 events',
      },
    ]);
    expect(ensured.info.state.messages).toBe(5);
  });
});

it("a mirror cannot be made of a stream, which goes on taking the channel's events", async () => {
  await world.ensure(channelOf("source", {}));
  const { ensured, config } = await edit(
    "nomirror",
    {},
    { mirror: { name: "KN_DEFAULT__SOURCE" } },
  );
  expect(ensured.unapplied.map(({ path }) => path)).toEqual([
    "spec.stream.config.additionalSubjects",
    "spec.stream.config.mirror",
  ]);
  expect(config.subjects).toEqual(["default.nomirror._knative"]);
  expect(await world.publish("default.nomirror._knative", "six")).toEqual([6]);
});

it("a mirror that is not to be one any more goes on by itself with its events, and takes the channel's", async () => {
  await world.jsm.streams.add({ name: "MIRRORED", subjects: ["mirrored"] });
  await world.publish("mirrored", "1", "2");
  await world.ensure(channelOf("promoted", { mirror: { name: "MIRRORED" } }));
  const stream = "KN_DEFAULT__PROMOTED";
  const messages = async () => (await world.jsm.streams.info(stream)).state.messages;
  await expect.poll(messages, { timeout: 10_000 }).toBe(2);
  const ensured = served(await world.ensure(channelOf("promoted", {})));
  expect(ensured.unapplied).toEqual([]);
  expect(ensured.info.config.mirror).toBeUndefined();
  expect(await world.publish("default.promoted._knative", "3")).toEqual([3]);
  expect(await world.writesOf(() => world.ensure(channelOf("promoted", {})))).toEqual([]);
});

it("a mirror whose new subjects are another stream's stays a mirror, with one reason", async () => {
  await world.ensure(channelOf("staying", { mirror: { name: "MIRRORED" } }));
  const ensured = served(
    await world.ensure(channelOf("staying", { additionalSubjects: ["mirrored"] })),
  );
  expect(ensured.unapplied).toEqual([
    {
      path: "spec.stream.config.mirror",
      reason: expect.stringMatching(
        /^\{"name":"MIRRORED"\} stays, nothing is not applied: NATS ref/,
      ),
    },
  ]);
  expect(ensured.info.config.mirror).toMatchObject({ name: "MIRRORED" });
});

it("a stream that somebody has told not to acknowledge acknowledges again", async () => {
  await world.ensure(channelOf("noack", {}));
  await world.jsm.streams.update("KN_DEFAULT__NOACK", { no_ack: true });
  const ensured = served(await world.ensure(channelOf("noack", {})));
  expect(ensured).toMatchObject({ unapplied: [] });
  expect(ensured.info.config.no_ack ?? false).toBe(false);
});

it("somebody's change by hand of what the channel says is put back", async () => {
  await world.ensure(channelOf("byhand", { maxMsgs: 50 }));
  await world.jsm.streams.update("KN_DEFAULT__BYHAND", { max_msgs: 7, metadata: {} });
  const ensured = served(await world.ensure(channelOf("byhand", { maxMsgs: 50 })));
  expect(ensured).toMatchObject({ origin: "claimed", info: { config: { max_msgs: 50 } } });
});

async function olderThan(ms: number, name: string): Promise<void> {
  const { state } = await world.jsm.streams.info(`KN_DEFAULT__${name.toUpperCase()}`);
  await expect
    .poll(() => Date.now() - Date.parse(state.first_ts), { timeout: 5_000 })
    .toBeGreaterThan(ms);
}
