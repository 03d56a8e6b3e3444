import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { streamOwnerOf } from "../../../src/api/ownership.ts";
import { type JetStreamWorld, served, startJetStreamWorld } from "./jetstream-world.ts";

let world: JetStreamWorld;

beforeAll(async () => {
  world = await startJetStreamWorld();
});

afterAll(() => world.stop());

const configOf = async (stream: string) => (await world.jsm.streams.info(stream)).config;
const messagesIn = async (stream: string) => (await world.jsm.streams.info(stream)).state.messages;
const on = (name: string, overrideName?: string, config: Record<string, unknown> = {}) => ({
  ...{
    name,
    spec: { stream: { ...(overrideName === undefined ? {} : { overrideName }), config } },
  },
});

describe("a channel that takes another stream", () => {
  it("finds its subject there, leaves the events of the one before where they are, and finds them again", async () => {
    const additional = { additionalSubjects: ["shop.native"] };
    served(await world.ensure(on("mover", undefined, additional)));
    await world.publish("default.mover._knative", "1", "2");
    await world.jsm.consumers.add("KN_DEFAULT__MOVER", {
      ...{ durable_name: "position", ack_policy: "explicit" as const },
    });

    const moved = served(
      await world.ensure(on("mover", "NEXT", { ...additional, storage: "Memory" })),
    );
    expect(moved.info.config.subjects).toEqual(["default.mover._knative", "shop.native"]);
    expect(await world.publish("default.mover._knative", "3")).toEqual([1]);
    expect((await configOf("KN_DEFAULT__MOVER")).subjects).toEqual([
      "default.mover._knative.left.KN_DEFAULT__MOVER",
    ]);
    expect(await messagesIn("KN_DEFAULT__MOVER")).toBe(2);
    expect(world.logs).toContainEqual({
      level: "warn",
      message: expect.stringMatching(/^the channel takes another stream; the one before keeps/),
      fields: expect.objectContaining({ stream: "KN_DEFAULT__MOVER", events: 2 }),
    });
    const again = () => world.ensure(on("mover", "NEXT", { ...additional, storage: "Memory" }));
    expect(await world.writesOf(again)).toEqual([]);

    const back = served(await world.ensure(on("mover", undefined, additional)));
    expect(back).toMatchObject({ origin: "created", unapplied: [] });
    expect(back.info.config.subjects).toEqual(["default.mover._knative", "shop.native"]);
    expect(await world.publish("default.mover._knative", "4")).toEqual([3]);
    const { num_pending } = await world.jsm.consumers.info("KN_DEFAULT__MOVER", "position");
    expect(num_pending).toBe(3);
    expect(await messagesIn("NEXT")).toBe(1);
  });

  it("leaves an adopted one to its owner without its subject and its name", async () => {
    await world.jsm.streams.add({ name: "THEIRS", subjects: ["theirs"], metadata: { team: "x" } });
    served(await world.ensure(on("guest", "THEIRS")));
    expect((await configOf("THEIRS")).subjects).toEqual(["theirs", "default.guest._knative"]);
    served(await world.ensure(on("guest")));
    const { subjects, metadata } = await configOf("THEIRS");
    expect({ subjects, owner: streamOwnerOf(metadata) }).toEqual({ subjects: ["theirs"] });
    expect(metadata).toMatchObject({ team: "x" });
  });

  it("can come to one that is there already", async () => {
    await world.jsm.streams.add({ name: "READY", subjects: ["ready"] });
    served(await world.ensure(on("comer")));
    served(await world.ensure(on("comer", "READY")));
    expect((await configOf("READY")).subjects).toEqual(["ready", "default.comer._knative"]);
  });

  it("is told which stream of somebody else has its subject", async () => {
    await world.jsm.streams.add({ name: "WIDE", subjects: ["default.blocked.>"] });
    expect(await world.ensure(on("blocked"))).toMatchObject({
      ok: false,
      reason: "StreamRefused",
      message: expect.stringMatching(/overlap.*; the channel's subject is taken by stream WIDE$/),
    });
    expect((await configOf("WIDE")).subjects).toEqual(["default.blocked.>"]);
  });
});

describe("a deleted channel's adopted stream", () => {
  it("loses the subject that it was given, and a channel of that name can have a stream of its own", async () => {
    await world.jsm.streams.add({ name: "LENT", subjects: ["lent"] });
    served(await world.ensure(on("lodger", "LENT")));
    await world.delete(on("lodger", "LENT"));
    expect((await configOf("LENT")).subjects).toEqual(["lent"]);
    expect(served(await world.ensure(on("lodger"))).origin).toBe("created");
  });

  it("keeps a subject that it had before", async () => {
    const subjects = ["default.same._knative", "more"];
    await world.jsm.streams.add({ name: "HAD", subjects });
    served(await world.ensure(on("same", "HAD")));
    await world.delete(on("same", "HAD"));
    expect((await configOf("HAD")).subjects).toEqual(subjects);
  });
});
