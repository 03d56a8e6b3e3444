import { beforeEach, expect, it } from "vitest";
import { FirstStatus } from "../../../src/controller/first-status.ts";
import type { Channel, ChannelStatus } from "../../../src/controller/kinds.ts";

const SILENT_MS = 10_000;
let first: FirstStatus;

beforeEach(() => {
  first = new FirstStatus(SILENT_MS);
});

const named = (name: string, status?: ChannelStatus, metadata: object = {}): Channel =>
  ({ metadata: { namespace: "ns", name, uid: name, ...metadata }, status }) as Channel;

const conditions = (of: Record<string, string>, reason = "NotYetKnown"): ChannelStatus =>
  ({
    conditions: [
      ...Object.entries(of).map(([type, status]) => ({ type, status })),
      { type: "Ready", status: "Unknown", reason },
    ],
  }) as ChannelStatus;

const well = conditions({ DispatcherReady: "True", Addressable: "True" });
const written = { conditions: [{ type: "StreamReady", status: "True" }] } as ChannelStatus;

it("waits for the dispatcher's word of a new channel with which all is well", () => {
  expect(first.waitMs(named("new"), well, 0)).toBe(SILENT_MS);
  expect(first.waitMs(named("new"), well, 4_000)).toBe(SILENT_MS - 4_000);
  expect(first.waitMs(named("new"), well, SILENT_MS)).toBe(0);
});

it.each<[string, Channel, ChannelStatus]>([
  ["the dispatcher has spoken of", named("a", written), well],
  ["something is wrong with", named("a"), conditions({ DispatcherReady: "False" }, "NotRunning")],
  ["something is not known of", named("a"), conditions({ EndpointsReady: "Unknown" })],
  ["must not take events", named("a"), conditions({ Addressable: "True" }, "OIDCNotSupported")],
  ["is being deleted", named("a", undefined, { deletionTimestamp: "2026-01-01T00:00:00Z" }), well],
])("does not wait with a channel that %s", (_, channel, status) => {
  expect(first.waitMs(channel, status, 0)).toBe(0);
});

it("waits on for as long as the dispatcher makes one stream after another, a minute at most", () => {
  for (const name of ["next", "later"]) first.waitMs(named(name), well, 0);
  expect(first.waitMs(named("next", written), well, 9_000)).toBe(0);
  expect(first.waitMs(named("later"), well, 12_000)).toBe(SILENT_MS - 3_000);
  for (let now = 10_000; now <= 70_000; now += 1_000) {
    first.waitMs(named(`at-${now}`), well, now);
    first.waitMs(named(`at-${now}`, written), well, now);
  }
  expect(first.waitMs(named("later"), well, 59_000)).toBe(1_000);
  expect(first.waitMs(named("later"), well, 60_000)).toBe(0);
});

it("does not count what one dispatcher says for the channels of another", () => {
  const scope = { annotations: { "eventing.knative.dev/scope": "namespace" } };
  first.waitMs(named("cluster"), well, 0);
  first.waitMs(named("own", undefined, scope), well, 0);
  first.waitMs(named("cluster", written), well, 9_000);
  expect(first.waitMs(named("own", undefined, scope), well, SILENT_MS)).toBe(0);
});
