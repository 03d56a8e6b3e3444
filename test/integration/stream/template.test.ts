import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type JetStreamWorld, served, startJetStreamWorld } from "./jetstream-world.ts";

const SECOND_NS = 1_000_000_000;
let world: JetStreamWorld;

beforeAll(async () => {
  world = await startJetStreamWorld();
});

afterAll(() => world.stop());

beforeEach(async () => {
  await world.jsm.streams.delete("BASE").catch(() => false);
  await world.jsm.streams.add({
    name: "BASE",
    subjects: ["base.created"],
    description: "the base",
    metadata: { team: "base" },
    retention: "interest",
    storage: "memory",
    max_msgs: 100,
    max_age: 3_600 * SECOND_NS,
    compression: "s2",
    allow_rollup_hdrs: true,
  });
});

const after = (name: string, config: Record<string, unknown> = {}, template = "BASE") => ({
  name,
  spec: { stream: { config: { ...config, template } } },
});

const configOf = async (name: string) =>
  (await world.jsm.streams.info(`KN_DEFAULT__${name.toUpperCase()}`)).config;

it("a stream is made after another, with what the channel says itself in its place", async () => {
  const parts = after("made", { storage: "File", maxMsgs: 0, duplicateWindow: "7s" });
  expect(served(await world.ensure(parts))).toMatchObject({ origin: "created", unapplied: [] });
  const { description, metadata, allow_rollup_hdrs: rollup, ...config } = await configOf("made");
  expect(config).toMatchObject({
    name: "KN_DEFAULT__MADE",
    subjects: ["default.made._knative"],
    retention: "interest",
    storage: "file",
    max_msgs: -1,
    max_age: 3_600 * SECOND_NS,
    duplicate_window: 7 * SECOND_NS,
    compression: "s2",
  });
  expect({ description, rollup, team: metadata?.team }).toEqual({
    description: undefined,
    rollup: false,
    team: undefined,
  });
  expect(await world.writesOf(() => world.ensure(parts))).toEqual([]);
});

it("what changes at the template changes at the channel's stream, in place", async () => {
  await world.ensure(after("following", { maxMsgs: 50 }));
  await world.jsm.streams.update("BASE", { max_age: 600 * SECOND_NS, max_msgs: 7 });
  expect(served(await world.ensure(after("following", { maxMsgs: 50 }))).unapplied).toEqual([]);
  expect(await configOf("following")).toMatchObject({ max_age: 600 * SECOND_NS, max_msgs: 50 });
});

it("a template for a stream that is there already changes what can be, and says what cannot", async () => {
  await world.ensure({ name: "later" });
  const ensured = served(await world.ensure(after("later")));
  expect(ensured.unapplied).toEqual([
    {
      path: "spec.stream.config.storage",
      reason: '"file" stays, "memory" is not applied: NATS cannot change it on an existing stream',
    },
  ]);
  expect(await configOf("later")).toMatchObject({ storage: "file", max_msgs: 100 });
});

it("a template that is taken out of the spec leaves the server's defaults", async () => {
  await world.ensure(after("left", { storage: "File" }));
  expect(served(await world.ensure({ name: "left" })).unapplied).toEqual([]);
  expect(await configOf("left")).toMatchObject({
    retention: "limits",
    max_msgs: -1,
    max_age: 0,
    compression: "none",
  });
});

it("a template that does not exist keeps a stream from being made until it does", async () => {
  const parts = after("waiting", {}, "LATER");
  const refused = {
    ok: false,
    reason: "StreamTemplateNotFound",
    message:
      "spec.stream.config.template: there is no stream LATER to make stream KN_DEFAULT__WAITING after",
  };
  expect(
    await world.writesOf(async () => expect(await world.ensure(parts)).toEqual(refused)),
  ).toEqual([]);
  await world.jsm.streams.add({ name: "LATER", subjects: ["later"], max_msgs: 5 });
  expect(served(await world.ensure(parts)).info.config.max_msgs).toBe(5);
});

it("a stream whose template is gone stays as it is but for what the channel says itself", async () => {
  await world.ensure(after("orphan", { maxMsgs: 50 }));
  const before = await configOf("orphan");
  await world.jsm.streams.delete("BASE");
  const ensured = served(await world.ensure(after("orphan", { maxMsgs: 60 })));
  expect(ensured).toMatchObject({
    isRefused: true,
    unapplied: [
      {
        path: "spec.stream.config.template",
        reason:
          "there is no stream BASE; what the channel does not say itself stays as the stream has it",
      },
    ],
  });
  expect(await configOf("orphan")).toEqual({ ...before, max_msgs: 60 });
  const again = after("orphan", { maxMsgs: 60 });
  expect(await world.writesOf(() => world.ensure(again))).toEqual([]);
});
