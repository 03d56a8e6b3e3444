import { expect, it } from "vitest";
import type { ChannelEntry, StreamReport } from "../../../src/api/dispatcher-pages.ts";
import { clusterReports, standaloneReports } from "../../../src/cli/channel-reports.ts";
import type { Channel } from "../../../src/cli/cluster.ts";
import type { Replica } from "../../../src/cli/replicas.ts";

const nats = {
  ...{ state: "connected", server: "n", serverVersion: "2", denied: [] },
  ...{ lastError: undefined, changedLogin: undefined },
};

function replica(
  name: string,
  entry: Partial<ChannelEntry>,
  streams: StreamReport[] = [],
): Replica {
  const channel = { channel: "shop/orders", ready: true, refusals: [], ...entry };
  return {
    ...{ name, faults: [] },
    channels: { nats, logins: [], channels: [channel] },
    streams: { clusterId: "c", logins: [{ login: "", streams }] },
  };
}

const stream = (name: string, messages: number): StreamReport => ({
  ...{ name, messages, channel: "shop/orders", origin: "created", storage: "file" },
  ...{ bytes: messages * 10, firstSequence: 1, lastSequence: messages, lastTime: "t" },
  consumers: [{ name: "C", subscriberUid: "a", pending: messages, ackPending: 1, redelivered: 0 }],
});

const failure = (at: string) => ({
  at,
  role: "subscriber",
  destination: "http://x",
  reason: "503",
});
const doing = { uid: "a", ready: true, inFlight: 1, waiting: 2, deadLetters: 3, held: false };

const channel: Channel = {
  metadata: { namespace: "shop", name: "orders" },
  spec: { subscribers: [{ uid: "a", name: "billing" }, { uid: "b" }] },
  status: {
    conditions: [{ type: "Ready", status: "True" }],
    stream: { name: "NOW" },
    subscribers: [{ uid: "a", ready: "True" }],
  },
};

it("sums up what replicas do, takes JetStream's counts once, and the newest failure", () => {
  const streams = [stream("BEFORE", 7), stream("NOW", 5)];
  const replicas = [
    replica("1", { subscribers: [{ ...doing, lastFailure: failure("2026-01-01") }] }, streams),
    replica(
      "2",
      { subscribers: [{ ...doing, held: true, lastFailure: failure("2026-02-01") }] },
      streams,
    ),
  ];
  const [report] = clusterReports([channel], replicas);
  // A stream that the channel has left is not the one that counts.
  expect(report).toMatchObject({ ready: "True", stream: "NOW", messages: 5, bytes: 50 });
  expect(report?.subscribers).toMatchObject([
    {
      ...{ uid: "a", name: "billing", ready: "True", pending: 5, ackPending: 1, redelivered: 0 },
      ...{ inFlight: 2, waiting: 4, deadLetters: 6, held: true },
      lastFailure: { at: "2026-02-01" },
    },
    { uid: "b", ready: "Unknown", name: undefined, pending: undefined, held: undefined },
  ]);
});

it("has only what Kubernetes has where no replica answers", () => {
  const silent = { name: "1", faults: ["no"], channels: undefined, streams: undefined };
  const [report] = clusterReports([channel], [silent]);
  expect(report).toMatchObject({ ready: "True", stream: "NOW", messages: undefined, warnings: [] });
});

it("says once what a message says, and what every replica says", () => {
  const remark = { path: "spec.x", reason: "not allowed" };
  const entry = { ready: false, refusals: [remark], warnings: [{ path: "y", reason: "may harm" }] };
  const replicas = [replica("1", entry), replica("2", entry)];
  expect(standaloneReports(replicas)).toMatchObject([
    {
      ...{ namespace: "shop", name: "orders", ready: "False", reason: "InvalidSpec" },
      ...{ message: "spec.x: not allowed", unapplied: [] },
      warnings: [{ path: "y", reason: "may harm" }],
    },
  ]);
});

it("counts a channel as not ready where one replica does not serve it", () => {
  const replicas = [replica("1", {}), replica("2", { ready: false, reason: "R", message: "why" })];
  expect(standaloneReports(replicas)).toMatchObject([
    { ready: "False", reason: "R", message: "why" },
  ]);
});
