import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { streamOwnerOf } from "../../../src/api/ownership.ts";
import { type JetStreamWorld, served, startJetStreamWorld } from "./jetstream-world.ts";

const MINUTE_NS = 60_000_000_000;
let world: JetStreamWorld;

beforeAll(async () => {
  world = await startJetStreamWorld();
});

afterAll(() => world.stop());

const rows: [what: string, config: Record<string, unknown>, is: Record<string, unknown>][] = [
  [
    "nothing: the server's defaults, in files, kept until acknowledged or not",
    {},
    {
      storage: "file",
      retention: "limits",
      discard: "old",
      num_replicas: 1,
      max_msgs: -1,
      max_bytes: -1,
      max_age: 0,
      max_msg_size: -1,
      max_msgs_per_subject: -1,
      max_consumers: -1,
      duplicate_window: 2 * MINUTE_NS,
    },
  ],
  ["storage", { storage: "Memory" }, { storage: "memory" }],
  ["replicas", { replicas: 1 }, { num_replicas: 1 }],
  ["replicas 0, as the Go implementation writes unset", { replicas: 0 }, { num_replicas: 1 }],
  ["retention Interest", { retention: "Interest" }, { retention: "interest" }],
  ["retention Work", { retention: "Work" }, { retention: "workqueue" }],
  ["discard", { discard: "New" }, { discard: "new" }],
  ["maxMsgs", { maxMsgs: 7 }, { max_msgs: 7 }],
  ["maxMsgs 0, no maximum", { maxMsgs: 0 }, { max_msgs: -1 }],
  ["maxBytes", { maxBytes: 70_000 }, { max_bytes: 70_000 }],
  ["maxBytes 0, no maximum", { maxBytes: 0 }, { max_bytes: -1 }],
  ["maxMsgSize", { maxMsgSize: 700 }, { max_msg_size: 700 }],
  ["maxMsgSize 0, no maximum", { maxMsgSize: 0 }, { max_msg_size: -1 }],
  ["maxConsumers", { maxConsumers: 3 }, { max_consumers: 3 }],
  ["maxConsumers 0, no maximum", { maxConsumers: 0 }, { max_consumers: -1 }],
  ["maxMsgsPerSubject", { maxMsgsPerSubject: 5 }, { max_msgs_per_subject: 5 }],
  ["maxMsgsPerSubject 0, no maximum", { maxMsgsPerSubject: 0 }, { max_msgs_per_subject: -1 }],
  ["maxAge", { maxAge: "1h30m" }, { max_age: 90 * MINUTE_NS }],
  ["a maxAge of fractions", { maxAge: "100.0000007s" }, { max_age: 100_000_000_700 }],
  [
    "a maxAge below the usual window: the window follows",
    { maxAge: "90s" },
    { max_age: 1.5 * MINUTE_NS, duplicate_window: 1.5 * MINUTE_NS },
  ],
  ["duplicateWindow", { duplicateWindow: "5m" }, { duplicate_window: 5 * MINUTE_NS }],
  ["duplicateWindow 0s, the usual", { duplicateWindow: "0s" }, { duplicate_window: 2 * MINUTE_NS }],
  [
    "additionalSubjects",
    { additionalSubjects: ["more.created.>", "further.created"] },
    { subjects: ["default.NAME._knative", "more.created.>", "further.created"] },
  ],
  ["compression", { compression: "S2" }, { compression: "s2" }],
  ["allowDirect", { allowDirect: true }, { allow_direct: true }],
  ["denyDelete and denyPurge", { denyDelete: true, denyPurge: true }, { deny_delete: true }],
  ["description", { description: "orders of the east" }, { description: "orders of the east" }],
];

describe.each(rows)("a channel that sets %s", (_what, config, is) => {
  const name = `row-${rows.findIndex(([, one]) => one === config)}`;
  const parts = { name, spec: { stream: { config } } };

  it("gets a stream that is just so, and a second look writes nothing", async () => {
    const made = await world.writesOf(() => world.ensure(parts));
    expect(made).toEqual([expect.stringMatching(/^STREAM.CREATE KN_DEFAULT__ROW_\d+$/)]);
    const ensured = served(await world.ensure(parts));
    const wanted = JSON.parse(JSON.stringify(is).replace("NAME", name)) as object;
    expect(ensured.info.config).toMatchObject({
      name: `KN_DEFAULT__${name.toUpperCase().replace("-", "_")}`,
      subjects: [`default.${name}._knative`],
      ...wanted,
    });
    expect(ensured).toMatchObject({ origin: "created", unapplied: [] });

    const writes = await world.writesOf(async () => {
      expect(served(await world.ensure(parts)).unapplied).toEqual([]);
    });
    expect(writes).toEqual([]);
  });
});

describe("a stream that is made", () => {
  it("says whose it is, beside the user's own metadata", async () => {
    const config = { metadata: { team: "billing" } };
    const ensured = served(await world.ensure({ name: "owned", spec: { stream: { config } } }));
    expect(ensured.info.config.metadata).toMatchObject({ team: "billing" });
    expect(streamOwnerOf(ensured.info.config.metadata)).toEqual({
      clusterId: "here",
      channel: { namespace: "default", name: "owned" },
      origin: "created",
    });
  });

  it("has the name that the user gives", async () => {
    const stream = { overrideName: "ORDERS-of-the-east" };
    const ensured = served(await world.ensure({ name: "named", spec: { stream } }));
    expect(ensured).toMatchObject({
      origin: "created",
      info: { config: { name: "ORDERS-of-the-east", subjects: ["default.named._knative"] } },
    });
  });

  it("is one stream when two replicas make it at once", async () => {
    const parts = { name: "raced" };
    const both = await Promise.all([world.ensure(parts), world.ensure(parts)]);
    expect(both.map((one) => served(one).origin)).toEqual(["created", "created"]);
  });

  it("goes to one of two channels whose names derive to one stream, and the other is told whose it is", async () => {
    const both = await Promise.all([
      world.ensure({ namespace: "c", name: "d--e" }),
      world.ensure({ namespace: "c--d", name: "e" }),
    ]);
    expect(both.filter(({ ok }) => ok)).toHaveLength(1);
    expect(both.find(({ ok }) => !ok)).toMatchObject({
      reason: "StreamOwnedByAnother",
      message: expect.stringMatching(/belongs to channel c(\/d--e|--d\/e) of cluster here/),
    });
  });

  it("mirrors another stream without subjects of its own, and a second look writes nothing", async () => {
    await world.ensure({ name: "origin" });
    const config = { mirror: { name: "KN_DEFAULT__ORIGIN" } };
    const parts = { name: "mirror", spec: { stream: { config } } };
    const ensured = served(await world.ensure(parts));
    expect(ensured.info.config.mirror).toMatchObject({ name: "KN_DEFAULT__ORIGIN" });
    expect(ensured.info.config.subjects ?? []).toEqual([]);
    expect(await world.writesOf(() => world.ensure(parts))).toEqual([]);
  });

  it("sources other streams, and a second look writes nothing", async () => {
    await world.ensure({ name: "well" });
    const config = { sources: [{ name: "KN_DEFAULT__WELL", optStartSeq: "5" }] };
    const parts = { name: "sourced", spec: { stream: { config } } };
    const ensured = served(await world.ensure(parts));
    expect(ensured.info.config.sources).toMatchObject([
      { name: "KN_DEFAULT__WELL", opt_start_seq: 5 },
    ]);
    expect(await world.writesOf(() => world.ensure(parts))).toEqual([]);
  });
});

describe("a stream that the server refuses", () => {
  it("because its subjects are another stream's is refused with the server's words", async () => {
    await world.jsm.streams.add({ name: "WIDE", subjects: ["wide.>"] });
    expect(await world.ensure({ namespace: "wide", name: "a" })).toEqual({
      ok: false,
      reason: "StreamRefused",
      message: expect.stringContaining("subjects overlap with an existing stream (400/10065)"),
    });
  });

  it("because there are no servers for its replicas is refused with the server's words", async () => {
    const stream = { config: { replicas: 3 } };
    expect(await world.ensure({ name: "replicated", spec: { stream } })).toEqual({
      ok: false,
      reason: "StreamRefused",
      message: expect.stringContaining("replicas > 1 not supported in non-clustered mode"),
    });
  });
});
