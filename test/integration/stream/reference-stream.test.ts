/** Walks the rows of docs/reference.md about streams: what each says of a field is so on a server. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ALLOW_DROPPING_EVENTS_ANNOTATION } from "../../../src/api/names.ts";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import { aChannel } from "../../support/channels-file.ts";
import { defaultValue, type ReferenceRow, referenceRows } from "../../support/reference-page.ts";
import {
  type JetStreamWorld,
  served,
  settingsFor,
  startJetStreamWorld,
} from "./jetstream-world.ts";
import { STREAM_EXAMPLES, type StreamExample } from "./stream-examples.ts";

type Config = Record<string, unknown>;

const CONFIG = "spec.stream.config.";
const MAY_DROP = { [ALLOW_DROPPING_EVENTS_ANNOTATION]: "true" };
const EVENTS = 5;

let world: JetStreamWorld;

beforeAll(async () => {
  world = await startJetStreamWorld();
  const { streams } = world.jsm;
  await streams.add({ name: "SPRING", subjects: ["spring.>"] });
  await streams.add({ name: "WELL", subjects: ["well.>"] });
  await streams.add({ name: "BASE", subjects: ["base"], max_msgs: 100 });
  await streams.add({ name: "OTHER_BASE", subjects: ["base.other"], max_msgs: 200 });
  await streams.add({ name: "MEMORY_BASE", subjects: ["base.memory"], storage: "memory" });
});

afterAll(() => world.stop());

const channelOf = (name: string, config: Config, annotations: Record<string, string> = {}) => ({
  name,
  annotations,
  spec: { stream: { config } },
});

const infoOf = (name: string) => world.jsm.streams.info(`KN_DEFAULT__${name.toUpperCase()}`);

async function ensure(name: string, config: Config, annotations = {}) {
  return served(await world.ensure(channelOf(name, config, annotations)));
}

async function expectOnServer(name: string, is: Config): Promise<void> {
  const { config } = await infoOf(name);
  for (const [field, value] of Object.entries(is)) {
    const has = config[field as keyof typeof config];
    const isPart = typeof value === "object" && value !== null && !("asymmetricMatch" in value);
    if (isPart) expect(has).toMatchObject(value);
    else expect(has).toEqual(value);
  }
}

/** Stores events, and waits until a limit of their age would drop them. */
async function store(name: string): Promise<void> {
  const bodies = Array.from({ length: EVENTS }, () => "x".repeat(1_000));
  await world.publish(`default.${name}._knative`, ...bodies);
  const ageMs = async () => Date.now() - Date.parse((await infoOf(name)).state.last_ts);
  await expect.poll(ageMs, { timeout: 5_000, interval: 20 }).toBeGreaterThan(100);
}

const rows = referenceRows("spec.stream").filter(
  ({ path }, _, all) =>
    !all.some((other) => other.path.match(/(.*?)(\[\])?\.[^.]*$/)?.[1] === path),
);
const configRows = rows.filter(({ path }) => path.startsWith(CONFIG));

it("each row about spec.stream.config has its example", () => {
  const paths = configRows.map(({ path }) => path.slice(CONFIG.length));
  expect(Object.keys(STREAM_EXAMPLES).sort()).toEqual(paths.sort());
});

describe.each(configRows)("what is said of $path", (row: ReferenceRow) => {
  const { path, change = "" } = row;
  const field = path.slice(CONFIG.length);
  const example = STREAM_EXAMPLES[field] as StreamExample;
  const name = `f${field.toLowerCase().replace(/[^a-z]/g, "")}`;

  it("is so where it is unset, where it is given, and when it changes", async () => {
    await ensure("bare", {});
    await expectOnServer("bare", example.unset);
    const said = { [field]: defaultValue(row, example.given[field]) };
    expect(await world.writesOf(() => ensure("bare", said))).toEqual([]);
    expect((await ensure(name, example.given)).unapplied).toEqual([]);
    await expectOnServer(name, example.is);
    const { created } = await infoOf(name);

    expect(example.edit !== undefined).toBe(change.startsWith("in place"));
    if (example.edit !== undefined) {
      expect((await ensure(name, example.edit.to)).unapplied).toEqual([]);
      await expectOnServer(name, example.edit.is);
    }

    expect(example.stays !== undefined).toBe(change.includes("immutable"));
    if (example.stays === undefined) {
      expect((await ensure(name, {})).unapplied).toEqual([]);
      await expectOnServer(name, example.unset);
    } else {
      const before = (await infoOf(name)).config;
      const { unapplied } = await ensure(name, { ...example.stays.to, description: "edited" });
      const named = unapplied.map((one) => one.path.slice(CONFIG.length));
      const { names = field } = example.stays;
      expect(named.filter((one) => names === one || names.startsWith(`${one}.`))).toHaveLength(1);
      const is = { retention: before.retention, storage: before.storage, mirror: before.mirror };
      await expectOnServer(name, { ...is, description: "edited" });
    }
    expect((await infoOf(name)).created).toBe(created);
  });

  it("is so of a change that would drop stored events", async () => {
    const { drops = [] } = example;
    expect(drops.length > 0).toBe(change.includes("keeps events"));
    for (const [index, config] of drops.entries()) {
      const { unapplied } = await ensure(`${name}drops`, config);
      const isLast = index === drops.length - 1;
      expect(unapplied.map((one) => one.path)).toEqual(isLast ? [path] : []);
      if (index === 0) await store(`${name}drops`);
      expect((await infoOf(`${name}drops`)).state.messages).toBe(EVENTS);
    }
    if (drops.length === 0) return;
    expect((await ensure(`${name}drops`, drops.at(-1) ?? {}, MAY_DROP)).unapplied).toEqual([]);
    const messages = async () => (await infoOf(`${name}drops`)).state.messages;
    await expect.poll(messages, { timeout: 5_000, interval: 20 }).toBeLessThan(EVENTS);
  });

  it("is so of what is refused: a sentence names the field", () => {
    const faults = faultsOf({ config: example.refused });
    expect(faults).toEqual([expect.stringContaining(path)]);
  });
});

/** Gives the paths of what is refused of a `spec.stream`. */
function faultsOf(stream: Config): string[] {
  const naming = { subjectPrefix: "", streamPrefix: "" };
  const parsed = parseChannel(aChannel({ name: "refused", spec: { stream } }), {
    jetstream: naming,
  });
  expect(parsed.ok).toBe(false);
  return parsed.refusals.map((refusal) => refusal.path.replace(/\[\d+\]/g, "[]"));
}

it("the other rows are those of which the tests below are", () => {
  const others = rows.filter(({ path }) => !path.startsWith(CONFIG));
  expect(others.map(({ path }) => path)).toEqual([
    "spec.stream.overrideName",
    "spec.stream.deletionPolicy",
  ]);
});

it("what is said of spec.stream.overrideName is so: another stream is taken, and the former gives its subject away", async () => {
  const named = (overrideName: string) =>
    world.ensure({ name: "moving", spec: { stream: { overrideName } } });
  expect(served(await world.ensure({ name: "moving" })).info.config.name).toBe(
    "KN_DEFAULT__MOVING",
  );
  expect(served(await named("ANOTHER")).info.config.name).toBe("ANOTHER");
  expect((await infoOf("moving")).config.subjects).toEqual([
    "default.moving._knative.left.KN_DEFAULT__MOVING",
  ]);
  expect(faultsOf({ overrideName: "A.B" })).toEqual(["spec.stream.overrideName"]);
});

it("what is said of spec.stream.deletionPolicy is so: what it takes, and when it counts", async () => {
  const parts = { name: "kept", spec: { stream: { deletionPolicy: "retain" } } };
  expect(settingsFor(parts).stream.deletionPolicy).toBe("Retain");
  expect(settingsFor({ name: "kept" }).stream.deletionPolicy).toBeUndefined();
  await world.ensure({ name: "kept" });
  expect(await world.writesOf(() => world.ensure(parts))).toEqual([]);
  expect(faultsOf({ deletionPolicy: "Keep" })).toEqual(["spec.stream.deletionPolicy"]);
});
