/** Walks the rows of docs/reference.md about consumers: what each says of a field is so on a server. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import { type EnsuredConsumer, ensureConsumer } from "../../../src/dispatcher/consumer.ts";
import { specNotes } from "../../../src/dispatcher/spec-notes.ts";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";
import { defaultValue, type ReferenceRow, referenceRows } from "../../support/reference-page.ts";
import {
  type JetStreamWorld,
  settingsFor,
  startJetStreamWorld,
} from "../stream/jetstream-world.ts";
import { CONSUMER_EXAMPLES, type ConsumerExample, REFUSED_FIELDS } from "./consumer-examples.ts";

type Template = Record<string, unknown>;

const TEMPLATE = "spec.consumerConfigTemplate.";

let world: JetStreamWorld;

beforeAll(async () => {
  world = await startJetStreamWorld();
});

afterAll(() => world.stop());

const channelOf = (name: string, consumerConfigTemplate: Template) => ({
  name,
  spec: {
    consumerConfigTemplate,
    subscribers: ["a", "b"].map((uid) => aSubscriber({ uid, uri: "http://subscriber.example" })),
  },
});

async function ensure(
  name: string,
  template: Template,
  uid = "a",
): Promise<Extract<EnsuredConsumer, { ok: true }>> {
  const settings = settingsFor(channelOf(name, template));
  const subscriber = settings.subscribers.find((one) => one.uid === uid);
  if (subscriber === undefined) throw new Error(`the channel of the test has no subscriber ${uid}`);
  const ensured = await ensureConsumer(settings, subscriber, world.context());
  if (!ensured.ok) throw new Error(`${ensured.reason}: ${ensured.message}`);
  return ensured;
}

const infoOf = (name: string, uid = "a") =>
  world.jsm.consumers.info(`KN_DEFAULT__${name.toUpperCase()}`, `KN_SUB_${uid.toUpperCase()}`);

async function expectOnServer(name: string, is: Template, uid?: string): Promise<void> {
  const { config } = await infoOf(name, uid);
  for (const [field, value] of Object.entries(is)) {
    expect(config[field as keyof typeof config], field).toEqual(value);
  }
}

const rows = referenceRows("spec.consumerConfigTemplate");
const takenRows = rows.filter(({ path }) => !(path.slice(TEMPLATE.length) in REFUSED_FIELDS));

it("each row about spec.consumerConfigTemplate has its example", () => {
  const fields = [...Object.keys(CONSUMER_EXAMPLES), ...Object.keys(REFUSED_FIELDS)];
  const paths = rows.map(({ path }) => path.slice(TEMPLATE.length));
  expect(fields.sort()).toEqual(paths.sort());
});

describe.each(takenRows)("what is said of $path", (row: ReferenceRow) => {
  const { path, change = "" } = row;
  const field = path.slice(TEMPLATE.length);
  const example = CONSUMER_EXAMPLES[field] as ConsumerExample;
  const name = `f${Object.keys(CONSUMER_EXAMPLES).indexOf(field)}`;
  const { given, to } = example;

  it("is so where it is unset, where it is given, and when it changes", async () => {
    await world.ensure({ name });
    await world.ensure({ name: "bare" });
    await ensure("bare", {});
    await expectOnServer("bare", example.unset);
    const said = { [field]: defaultValue(row, given[field]) };
    expect(await world.writesOf(() => ensure("bare", said))).toEqual([]);
    expect((await ensure(name, given)).unapplied).toEqual([]);
    await expectOnServer(name, example.is);
    const before = await infoOf(name);

    let edited: Awaited<ReturnType<typeof ensure>> | undefined;
    const writes = await world.writesOf(async () => {
      edited = await ensure(name, to);
    });
    const { created, config } = await infoOf(name);
    expect(created).toBe(before.created);
    expect(change).toMatch(/^(in place|for new consumers|at once|has no effect)$/);
    const isInPlace = change === "in place";
    expect(writes).toHaveLength(isInPlace ? 1 : 0);
    if (!isInPlace) expect(config).toEqual(before.config);
    const unapplied = edited?.unapplied.map((one) => one.path);
    expect(unapplied).toEqual(change === "for new consumers" ? [path] : []);
    // A consumer that is made from then on.
    await ensure(name, to, "b");
    await expectOnServer(name, example.becomes, isInPlace ? "a" : "b");
    if (!isInPlace) return;
    expect((await ensure(name, {})).unapplied).toEqual([]);
    await expectOnServer(name, example.unset);
  });

  it("is so of what the dispatcher goes by", () => {
    const isOurs = change === "at once" || change === "has no effect";
    expect(example.settings !== undefined).toBe(isOurs);
    for (const [index, template] of [{}, given, to].entries()) {
      const { consumer } = settingsFor(channelOf(name, template));
      expect(consumer).toMatchObject(example.settings?.[index] ?? {});
    }
    const notes = specNotes(settingsFor(channelOf(name, to))).map((note) => note.path);
    expect(notes).toEqual(change === "has no effect" ? [path] : []);
  });

  it("is so of what is refused: a sentence names the field", () => {
    expect(faultsOf(example.refused)).toEqual([path]);
  });
});

it.each(Object.entries(REFUSED_FIELDS))(
  "%s is not taken, and a sentence says why",
  (field, value) => {
    const row = rows.find(({ path }) => path === `${TEMPLATE}${field}`);
    expect(refusalsOf({ [field]: value })).toEqual([{ path: row?.path, reason: row?.refused }]);
  },
);

function faultsOf(template: Template): string[] {
  return refusalsOf(template).map(({ path }) => path);
}

function refusalsOf(template: Template) {
  const naming = { subjectPrefix: "", streamPrefix: "" };
  const parsed = parseChannel(aChannel(channelOf("refused", template)), { jetstream: naming });
  expect(parsed.ok).toBe(false);
  return parsed.refusals;
}
