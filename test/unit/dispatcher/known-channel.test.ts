import { expect, it } from "vitest";
import { FINALIZER } from "../../../src/api/names.ts";
import type { ChannelObject } from "../../../src/dispatcher/channel-objects.ts";
import { isNews, type KnownChannel } from "../../../src/dispatcher/known-channel.ts";

const channel = {} as KnownChannel["channel"];

const known = (object: ChannelObject, more: Partial<KnownChannel> = {}): KnownChannel => ({
  ...{ object, channel, refusals: [], isRefused: false, closed: undefined, isUndecided: false },
  ...more,
});

const plain = known({ metadata: { generation: 1 } });
const held = known({ metadata: { generation: 1, finalizers: [FINALIZER] } });
const ready = known({
  metadata: { generation: 1, finalizers: [FINALIZER] },
  status: {
    conditions: [{ type: "StreamReady", status: "True" }],
    subscribers: [{ uid: "a", ready: "True" }],
  },
} as ChannelObject);

it.each<[string, KnownChannel, KnownChannel]>([
  ["the finalizer", plain, held],
  ["the status", held, ready],
])("%s is news of somebody else's, and none of our own", (_, before, after) => {
  expect(isNews(before, after)).toBe(true);
  expect(isNews(before, after, "own write")).toBe(false);
});

it.each<[string, KnownChannel, KnownChannel]>([
  ["another generation", held, known({ metadata: { generation: 2, finalizers: [FINALIZER] } })],
  ["other settings", plain, { ...plain, channel: {} as KnownChannel["channel"] }],
  ["a new refusal", plain, { ...plain, refusals: [{ path: "spec", reason: "wrong" }] }],
  ["a deletion", plain, known({ metadata: { generation: 1, deletionTimestamp: "now" } })],
  ["a finalizer that somebody took away", held, plain],
])("%s is news also when it comes with a write of ours", (_, before, after) => {
  expect(isNews(before, after, "own write")).toBe(true);
});

it("what decides nothing is no news", () => {
  const labelled = known({ metadata: { generation: 1, labels: { a: "b" } } });
  expect(isNews(plain, labelled)).toBe(false);
});
