import { describe, expect, it } from "vitest";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import type { StreamSettings } from "../../../src/api/settings.ts";
import { streamChanges } from "../../../src/dispatcher/stream-changes.ts";
import { streamConfigFor } from "../../../src/dispatcher/stream-config.ts";
import type { StreamInfo } from "../../../src/nats/jetstream.ts";
import { aChannel } from "../../support/channels-file.ts";

const SECOND_NS = 1_000_000_000;

function settings(config: Record<string, unknown> = {}): StreamSettings {
  const parsed = parseChannel(aChannel({ name: "a", spec: { stream: { config } } }), {
    jetstream: { subjectPrefix: "", streamPrefix: "" },
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.refusals));
  return parsed.channel.stream;
}

const wanted = (config: Record<string, unknown> = {}) => streamConfigFor(settings(config));

/** A stream as the server tells of it: as a channel would have it, and something else. */
function aStream(
  config: Record<string, unknown> = {},
  state: Record<string, unknown> = {},
): StreamInfo {
  const oldest = new Date(Date.now() - 3_600_000).toISOString();
  return {
    config: { ...wanted(), duplicate_window: 120 * SECOND_NS, ...config },
    state: { messages: 0, bytes: 0, first_ts: oldest, ...state },
  } as unknown as StreamInfo;
}

const full = { messages: 10, bytes: 5_000 };

function changes(info: StreamInfo, config: Record<string, unknown>, mayDrop = false) {
  return streamChanges(info, wanted(config), mayDrop).map(({ field, obstacle }) => [
    field,
    obstacle,
  ]);
}

describe("the configuration of a stream", () => {
  it("has the server's defaults in words where the channel says nothing, so that a change shows", () => {
    expect(wanted()).toEqual({
      name: "KN_DEFAULT__A",
      subjects: ["default.a._knative"],
      retention: "limits",
      storage: "file",
      discard: "old",
      num_replicas: 1,
      max_consumers: -1,
      max_msgs: -1,
      max_bytes: -1,
      max_msg_size: -1,
      max_msgs_per_subject: -1,
      max_age: 0,
      deny_delete: false,
      deny_purge: false,
    });
  });

  it("leaves the window to the server, whose own limit may be below its default, unless the channel says it", () => {
    for (const config of [{}, { duplicateWindow: "0s" }, { maxAge: "60s" }]) {
      expect(wanted(config)).not.toHaveProperty("duplicate_window");
    }
    expect(wanted({ duplicateWindow: "7s" }).duplicate_window).toBe(7 * SECOND_NS);
  });

  it("has whole nanoseconds", () => {
    expect(wanted({ maxAge: "123.4567891s" }).max_age).toBe(123_456_789_100);
    expect(Number.isInteger(wanted({ duplicateWindow: "100.0001ms" }).duplicate_window)).toBe(true);
  });

  it("has placement, mirror and sources only with what is said of them", () => {
    expect(wanted({ placement: { tags: ["ssd"] } }).placement).toEqual({ tags: ["ssd"] });
    expect(wanted({ placement: { cluster: "east" } }).placement).toEqual({ cluster: "east" });
    const from = { name: "S", optStartSeq: "9", filterSubject: "s.>" };
    const source = { name: "S", opt_start_seq: 9, filter_subject: "s.>" };
    expect(wanted({ sources: [from] }).sources).toEqual([source]);
    expect(wanted({ mirror: from })).toMatchObject({ mirror: source, subjects: [] });
  });
});

describe("the configuration of a stream that is made after another", () => {
  const template = {
    ...wanted(),
    name: "BASE",
    subjects: ["base"],
    description: "the base",
    metadata: { team: "base" },
    sources: [{ name: "S" }],
    sealed: true,
    no_ack: true,
    allow_rollup_hdrs: true,
    storage: "memory",
    retention: "interest",
    max_msgs: 7,
    max_age: 3_600 * SECOND_NS,
    duplicate_window: 1_800 * SECOND_NS,
    placement: { tags: ["ssd"] },
    compression: "s2",
    deny_purge: true,
  } as unknown as StreamInfo["config"];
  const made = (config: Record<string, unknown> = {}) =>
    streamConfigFor(settings(config), template);

  it("has the other's settings, and nothing of what makes it that stream", () => {
    expect(made()).toEqual({
      ...wanted(),
      storage: "memory",
      retention: "interest",
      max_msgs: 7,
      max_age: 3_600 * SECOND_NS,
      duplicate_window: 1_800 * SECOND_NS,
      placement: { tags: ["ssd"] },
      compression: "s2",
      deny_purge: true,
    });
  });

  it.each([
    [{ storage: "File" }, { storage: "file" }],
    [{ retention: "Limits" }, { retention: "limits" }],
    [{ maxMsgs: 0 }, { max_msgs: -1 }],
    [{ maxAge: "0s" }, { max_age: 0 }],
    [{ maxAge: "10m" }, { max_age: 600 * SECOND_NS, duplicate_window: 600 * SECOND_NS }],
    [{ compression: "None" }, { compression: "none" }],
    [{ denyPurge: false }, { deny_purge: false }],
  ])("has what the channel says itself, also where that is the default: %j", (config, is) => {
    expect(made(config)).toMatchObject(is);
  });
});

it("a window of 0 is the server's own, whatever the template has", () => {
  const template = { ...wanted(), duplicate_window: 7 } as unknown as StreamInfo["config"];
  const config = streamConfigFor(settings({ duplicateWindow: "0s" }), template);
  expect(config).not.toHaveProperty("duplicate_window");
});

describe("what a stream has otherwise than its channel", () => {
  it("is nothing when only the order, or what the server adds, differs", () => {
    const info = aStream({
      subjects: ["b", "default.a._knative"],
      placement: { cluster: "", tags: ["ssd"] },
      compression: "none",
      sources: [],
      description: "",
      allow_direct: false,
      metadata: { "_nats.ver": "2.15.2" },
    });
    const config = { additionalSubjects: ["b"], placement: { tags: ["ssd"] } };
    expect(changes(info, config)).toEqual([]);
    const source = { name: "S", opt_start_time: "2026-01-31T10:00:00Z" };
    const said = { name: "S", optStartTime: "2026-01-31T12:00:00.000+02:00" };
    expect(changes(aStream({ sources: [source] }), { sources: [said] })).toEqual([]);
    expect(
      changes(aStream({ subjects: undefined, mirror: { name: "S" } }), { mirror: { name: "S" } }),
    ).toEqual([]);
  });

  it.each([
    ["description", { description: "none" }],
    ["placement", { placement: { tags: ["ssd"] } }],
    ["compression", { compression: "s2" }],
    ["allow_direct", { allow_direct: true }],
    ["sources", { sources: [{ name: "S" }] }],
    ["mirror", { mirror: { name: "S" }, subjects: undefined }],
    ["no_ack", { no_ack: true }],
  ])("is %s when the channel does not say it any more", (field, is) => {
    expect(changes(aStream(is, full), {})).toEqual([[field, undefined]]);
  });

  it.each([
    ["the server's default", {}, 120, []],
    ["the age, where that is shorter", { maxAge: "60s" }, 60, []],
    ["another one, which the channel said before", {}, 7, [["duplicate_window", undefined]]],
  ])("is the window only where it is not %s", (_what, config, seconds, found) => {
    const info = aStream({ ...wanted(config), duplicate_window: seconds * SECOND_NS });
    expect(changes(info, config)).toEqual(found);
  });

  it("carries path and both values", () => {
    expect(streamChanges(aStream({ max_msgs: 5 }), wanted({ maxMsgs: 0 }), false)).toEqual([
      {
        field: "max_msgs",
        path: "spec.stream.config.maxMsgs",
        from: 5,
        to: -1,
        obstacle: undefined,
      },
    ]);
  });

  it.each([
    ["storage", { storage: "memory" }, {}, "storage"],
    ["a mirror of another", { mirror: { name: "S" } }, { mirror: { name: "T" } }, "mirror"],
    ["deny_delete taken back", { deny_delete: true }, {}, "deny_delete"],
    ["retention from Work", { retention: "workqueue" }, {}, "retention"],
    ["retention to Work", {}, { retention: "Work" }, "retention"],
  ])("cannot be carried out for %s, with or without leave to drop", (_what, is, config, field) => {
    for (const mayDrop of [false, true]) {
      expect(changes(aStream(is, full), config, mayDrop)).toContainEqual([
        field,
        expect.stringMatching(/^NATS cannot/),
      ]);
    }
  });
});

describe("a change that would drop stored events", () => {
  const rows: [
    what: string,
    is: Record<string, unknown>,
    config: Record<string, unknown>,
    reason: RegExp,
  ][] = [
    ["retention to Interest", {}, { retention: "Interest" }, /every subscriber has acknowledged$/],
    ["maxMsgs", {}, { maxMsgs: 9 }, /the stream has 10 events$/],
    ["maxBytes", {}, { maxBytes: 4_999 }, /the stream has 5000 bytes$/],
    ["maxMsgsPerSubject", {}, { maxMsgsPerSubject: 9 }, /the stream has 10 events$/],
    ["maxAge", {}, { maxAge: "59m" }, /the oldest is of 20/],
    ["discard", { discard: "new", max_msgs: 5 }, { maxMsgs: 5 }, /the stream has 10 events$/],
  ];

  it.each(rows)("by %s is not tried", (_what, is, config, reason) => {
    expect(changes(aStream(is, full), config)).toContainEqual([
      expect.any(String),
      expect.stringMatching(reason),
    ]);
  });

  it.each(rows)("by %s is tried when the channel allows it", (_what, is, config) => {
    for (const [, obstacle] of changes(aStream(is, full), config, true)) {
      expect(obstacle).toBeUndefined();
    }
  });

  it.each(rows)("by %s is tried while the stream is empty", (_what, is, config) => {
    for (const [, obstacle] of changes(aStream(is), config)) expect(obstacle).toBeUndefined();
  });
});

describe("a change that drops nothing", () => {
  it.each([
    ["maxMsgs of as many as there are", {}, { maxMsgs: 10 }],
    ["maxMsgs to no maximum", { max_msgs: 20 }, { maxMsgs: 0 }],
    ["maxBytes of as many as there are", {}, { maxBytes: 5_000 }],
    ["maxAge above the oldest", {}, { maxAge: "61m" }],
    ["maxAge to no maximum", { max_age: 3_600 * SECOND_NS }, { maxAge: "0s" }],
    ["maxMsgSize, which counts for new events", {}, { maxMsgSize: 1 }],
    ["retention to Limits", { retention: "interest" }, {}],
    [
      "maxMsgs of a stream that refuses new events",
      { discard: "new" },
      { discard: "New", maxMsgs: 1 },
    ],
    ["discard to New", {}, { discard: "New" }],
  ])("is tried: %s", (_what, is, config) => {
    const found = changes(aStream(is, full), config);
    expect(found.length).toBeGreaterThan(0);
    for (const [, obstacle] of found) expect(obstacle).toBeUndefined();
  });
});
