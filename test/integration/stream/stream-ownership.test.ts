import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { consumerNameFor, TAKE_OVER_ANNOTATION } from "../../../src/api/names.ts";
import {
  consumerMetadataFor,
  streamMetadataFor,
  streamOwnerOf,
} from "../../../src/api/ownership.ts";
import { type JetStreamWorld, served, startJetStreamWorld } from "./jetstream-world.ts";

let world: JetStreamWorld;

beforeAll(async () => {
  world = await startJetStreamWorld();
});

afterAll(() => world.stop());

const infoOf = (stream: string) => world.jsm.streams.info(stream);
const ownerOf = async (stream: string) => streamOwnerOf((await infoOf(stream)).config.metadata);

describe("the stream of another channel", () => {
  const first = { namespace: "a", name: "b--c" };
  const second = { namespace: "a--b", name: "c" };

  it("of the same derived name is left alone, and the refusal says whose it is and what to do", async () => {
    await world.ensure(first);
    const before = await infoOf("KN_A__B__C");
    expect(await world.ensure(second)).toEqual({
      ok: false,
      reason: "StreamOwnedByAnother",
      message:
        "stream KN_A__B__C belongs to channel a/b--c of cluster here; choose another name with " +
        "spec.stream.overrideName, or, if that owner is gone, take the metadata with " +
        "messaging.knative.dev/jetstream-channel. off the stream",
    });
    // Each of the two could take it from the other, for ever.
    const annotations = { [TAKE_OVER_ANNOTATION]: "here" };
    expect(await world.ensure({ ...second, annotations })).toMatchObject({ ok: false });
    expect((await infoOf("KN_A__B__C")).config).toEqual(before.config);
  });

  it("is not deleted with the channel that only wanted it", async () => {
    await world.delete(second);
    expect(await ownerOf("KN_A__B__C")).toMatchObject({ channel: first });
  });
});

describe("the stream of another cluster", () => {
  it("is left alone until the annotation names that cluster, and then it is ours with its events", async () => {
    await world.ensure({ name: "moved" }, "there");
    await world.publish("default.moved._knative", "1", "2");
    const refused = { ok: false, reason: "StreamOwnedByAnother" };
    expect(await world.ensure({ name: "moved" })).toMatchObject(refused);
    const wrong = { [TAKE_OVER_ANNOTATION]: "elsewhere" };
    expect(await world.ensure({ name: "moved", annotations: wrong })).toMatchObject(refused);
    expect(await ownerOf("KN_DEFAULT__MOVED")).toMatchObject({ clusterId: "there" });

    const annotations = { [TAKE_OVER_ANNOTATION]: "there" };
    const taken = served(await world.ensure({ name: "moved", annotations }));
    expect(taken).toMatchObject({ origin: "created", info: { state: { messages: 2 } } });
    expect(await ownerOf("KN_DEFAULT__MOVED")).toMatchObject({ clusterId: "here" });
    expect(await world.writesOf(() => world.ensure({ name: "moved", annotations }))).toEqual([]);
    expect(await world.ensure({ name: "moved" }, "there")).toMatchObject(refused);
  });

  it("is not deleted with a channel of ours of the same name", async () => {
    await world.ensure({ name: "theirs" }, "there");
    await world.delete({ name: "theirs" });
    expect(await ownerOf("KN_DEFAULT__THEIRS")).toMatchObject({ clusterId: "there" });
  });
});

describe("what the Go implementation left: the derived name, exactly the channel's subject, no owner", () => {
  it("is claimed with its events, keeps what others wrote on it, and takes the spec", async () => {
    await world.jsm.streams.add({
      name: "KN_DEFAULT__LEFT",
      subjects: ["default.left._knative"],
      metadata: { team: "billing" },
    });
    await world.publish("default.left._knative", '{"specversion":"1.0"}');
    const parts = { name: "left", spec: { stream: { config: { maxMsgs: 10 } } } };
    const claimed = served(await world.ensure(parts));
    expect(claimed).toMatchObject({
      origin: "claimed",
      info: { config: { max_msgs: 10, metadata: { team: "billing" } }, state: { messages: 1 } },
    });
    expect(await ownerOf("KN_DEFAULT__LEFT")).toMatchObject({
      clusterId: "here",
      channel: { namespace: "default", name: "left" },
      origin: "claimed",
    });
    expect(await world.writesOf(() => world.ensure(parts))).toEqual([]);
  });

  it("keeps what an admin has set by hand and the channel does not say, also later", async () => {
    const byHand = {
      ...{ max_age: 7 * 86_400e9, max_bytes: 1_000_000, discard: "new" as const },
      ...{ duplicate_window: 3_600e9, description: "a week", allow_direct: true },
    };
    const [name, subjects] = ["KN_DEFAULT__BYHAND", ["default.byhand._knative"]];
    await world.jsm.streams.add({ name, subjects, ...byHand });
    const says = (config: Record<string, unknown>) => ({
      ...{ name: "byhand", spec: { stream: { config } } },
    });
    served(await world.ensure(says({})));
    expect((await infoOf(name)).config).toMatchObject(byHand);
    served(await world.ensure(says({ maxBytes: 2_000_000, metadata: { team: "shop" } })));
    const { config } = served(await world.ensure(says({}))).info;
    expect(config).toMatchObject({ ...byHand, max_bytes: 2_000_000, metadata: { team: "shop" } });
    served(await world.ensure(says({ maxBytes: 0, duplicateWindow: "0s" })));
    expect((await infoOf(name)).config).toMatchObject({ max_bytes: -1, duplicate_window: 120e9 });
  });

  it("is claimed although an edit of it is refused by the server", async () => {
    await world.jsm.streams.add({ name: "TAKEN", subjects: ["taken.>"] });
    await world.jsm.streams.add({
      name: "KN_DEFAULT__PARTLY",
      subjects: ["default.partly._knative"],
    });
    const config = { additionalSubjects: ["taken.a"] };
    const claimed = served(await world.ensure({ name: "partly", spec: { stream: { config } } }));
    expect(claimed.unapplied).toHaveLength(1);
    expect(await ownerOf("KN_DEFAULT__PARTLY")).toMatchObject({ origin: "claimed" });
  });

  it("goes with its channel", async () => {
    await world.delete({ name: "left" });
    await expect(infoOf("KN_DEFAULT__LEFT")).rejects.toThrow("stream not found");
  });
});

describe("somebody else's stream", () => {
  it.each([
    ["with more subjects", ["default.foreign0._knative", "more.foreign0"]],
    ["with other subjects", ["other.foreign1"]],
  ])("%s under the derived name is refused without overrideName", async (what, subjects) => {
    const name = what === "with more subjects" ? "foreign0" : "foreign1";
    const stream = `KN_DEFAULT__${name.toUpperCase()}`;
    await world.jsm.streams.add({ name: stream, subjects });
    const before = await infoOf(stream);
    expect(await world.ensure({ name })).toEqual({
      ok: false,
      reason: "StreamOwnedByAnother",
      message:
        `stream ${stream} is there already, with the subjects ${subjects.join(", ")} and no owner of ` +
        "ours; to use it as it is, name it in spec.stream.overrideName",
    });
    expect((await infoOf(stream)).config).toEqual(before.config);
  });

  it("that mirrors another is refused without overrideName", async () => {
    await world.jsm.streams.add({ name: "MIRRORED", subjects: ["mirrored"] });
    await world.jsm.streams.add({ name: "KN_DEFAULT__FOREIGN2", mirror: { name: "MIRRORED" } });
    expect(await world.ensure({ name: "foreign2" })).toMatchObject({
      ok: false,
      message: expect.stringContaining("with the subjects (none)"),
    });
  });
});

describe("a stream that overrideName adopts", () => {
  const theirs = { max_msgs: 77, storage: "memory", description: "its owner's" } as const;
  const adopting = (name: string, overrideName: string) => ({
    name,
    spec: { stream: { overrideName, config: { maxMsgs: 5, description: "ours" } } },
  });

  it("gets our metadata and the channel's subject, and nothing else of it changes", async () => {
    await world.jsm.streams.add({
      name: "ADOPTED",
      subjects: ["shop.orders"],
      metadata: { team: "shop" },
      ...theirs,
    });
    const { config: before } = await infoOf("ADOPTED");
    const adopted = served(await world.ensure(adopting("adopted", "ADOPTED")));
    expect(adopted).toMatchObject({ origin: "adopted" });
    const { config: after } = await infoOf("ADOPTED");
    expect({ ...after, metadata: {} }).toEqual({
      ...before,
      metadata: {},
      subjects: ["shop.orders", "default.adopted._knative"],
    });
    expect(after.metadata).toMatchObject({ team: "shop" });
    expect(streamOwnerOf(after.metadata)).toMatchObject({ origin: "adopted" });
    const again = () => world.ensure(adopting("adopted", "ADOPTED"));
    expect(await world.writesOf(again)).toEqual([]);
  });

  it("has for each setting of the channel that it does not have a reason why that is not applied", async () => {
    await world.jsm.streams.add({ name: "THEIRS", subjects: ["theirs"], max_msgs: 77 });
    const config = {
      maxMsgs: 77,
      maxBytes: 5,
      storage: "Memory",
      duplicateWindow: "7s",
      description: "ours",
      additionalSubjects: ["ours"],
      metadata: { team: "ours" },
      template: "BASE",
    };
    const parts = { name: "wishing", spec: { stream: { overrideName: "THEIRS", config } } };
    const wishing = served(await world.ensure(parts));
    const reason = (values: string) =>
      `${values} is not applied: the stream is adopted: its settings are its owner's`;
    expect(wishing).toMatchObject({ isRefused: false, info: { config: { max_bytes: -1 } } });
    expect(wishing.unapplied).toEqual(
      [
        ["storage", '"file" stays, "memory"'],
        ["maxBytes", "no maximum stays, 5"],
        ["duplicateWindow", "120s stays, 7s"],
        ["description", 'nothing stays, "ours"'],
        ["additionalSubjects", '["theirs"] stays, ["ours"]'],
        ["metadata", 'nothing stays, {"team":"ours"}'],
        ["template", 'nothing stays, "BASE"'],
      ].map(([field = "", values = ""]) => ({
        path: `spec.stream.config.${field}`,
        reason: reason(values),
      })),
    );
    const plain = { name: "wishing", spec: { stream: { overrideName: "THEIRS" } } };
    expect(served(await world.ensure(plain)).unapplied).toEqual([]);
  });

  it("keeps its subjects when a wildcard of it covers the channel's", async () => {
    await world.jsm.streams.add({ name: "WIDE", subjects: ["default.covered.>"] });
    served(await world.ensure(adopting("covered", "WIDE")));
    expect((await infoOf("WIDE")).config.subjects).toEqual(["default.covered.>"]);
    expect(await world.writesOf(() => world.ensure(adopting("covered", "WIDE")))).toEqual([]);
  });

  it("keeps having no subjects when it is a mirror", async () => {
    await world.jsm.streams.add({ name: "SEEN", subjects: ["seen"] });
    await world.jsm.streams.add({ name: "MIRROR", mirror: { name: "SEEN" } });
    served(await world.ensure(adopting("mirrored", "MIRROR")));
    expect((await infoOf("MIRROR")).config.subjects ?? []).toEqual([]);
    expect(await world.writesOf(() => world.ensure(adopting("mirrored", "MIRROR")))).toEqual([]);
  });

  it("gets its subject also when it only sources others", async () => {
    await world.jsm.streams.add({ name: "SPRING", subjects: ["spring"] });
    await world.jsm.streams.add({ name: "SOURCED", sources: [{ name: "SPRING" }] });
    served(await world.ensure(adopting("sourced", "SOURCED")));
    expect((await infoOf("SOURCED")).config.subjects).toContain("default.sourced._knative");
  });

  it("has one owning channel", async () => {
    expect(await world.ensure(adopting("second", "ADOPTED"))).toMatchObject({
      ok: false,
      reason: "StreamOwnedByAnother",
      message: expect.stringContaining("belongs to channel default/adopted of cluster here"),
    });
  });

  it("is never deleted, and its owner has it back without our name and consumers", async () => {
    await world.jsm.streams.add({ name: "LETGO", subjects: ["let.go"], metadata: { team: "x" } });
    const channel = adopting("let-go", "LETGO");
    expect(await world.ensure(channel)).toMatchObject({ ok: true, origin: "adopted" });
    const owner = { clusterId: "here", channel: { namespace: "default", name: "let-go" } };
    const consumer = { ack_policy: "explicit" } as const;
    const metadata = consumerMetadataFor({ ...owner, subscriberUid: "s-1" });
    const durable_name = consumerNameFor("s-1");
    await world.jsm.consumers.add("LETGO", { ...consumer, durable_name, metadata });
    await world.jsm.consumers.add("LETGO", { ...consumer, durable_name: "theirs" });
    await world.delete(channel);
    expect(await ownerOf("LETGO")).toBeUndefined();
    expect((await infoOf("LETGO")).config.metadata).toMatchObject({ team: "x" });
    const consumers = await world.jsm.consumers.list("LETGO").next();
    expect(consumers.map(({ name }) => name)).toEqual(["theirs"]);
  });

  it("is never deleted either when its metadata are damaged", async () => {
    const owner = {
      clusterId: "here",
      channel: { namespace: "default", name: "damaged" },
    } as const;
    const metadata: Record<string, string> = streamMetadataFor({ ...owner, origin: "created" });
    for (const key of Object.keys(metadata)) if (key.endsWith("origin")) metadata[key] = "?";
    await world.jsm.streams.add({ name: "KN_DEFAULT__DAMAGED", subjects: ["damaged"], metadata });
    await world.delete({ name: "damaged" });
    expect(await infoOf("KN_DEFAULT__DAMAGED")).toMatchObject({ state: { messages: 0 } });
  });
});

it("the stream of a channel that is gone is deleted, and one that is not there is no fault", async () => {
  await world.ensure({ name: "gone" });
  expect(await world.writesOf(() => world.delete({ name: "gone" }))).toEqual([
    "STREAM.DELETE KN_DEFAULT__GONE",
  ]);
  expect(await world.writesOf(() => world.delete({ name: "gone" }))).toEqual([]);
});
