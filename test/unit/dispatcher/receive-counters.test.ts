import { describe, expect, it } from "vitest";
import {
  type ReceiveOutcome,
  receiveCounters,
  removeChannelSeries,
} from "../../../src/dispatcher/receive-counters.ts";
import { createMetrics } from "../../../src/runtime/metrics.ts";

type Metrics = ReturnType<typeof createMetrics>;

const CHANNEL = "default/orders";

async function valuesOf(family: Metrics["received"] | Metrics["receivedByType"]) {
  const { values } = await family.get();
  return values.map(({ labels, value }) => [labels, value]);
}

async function typesOf(metrics: Metrics) {
  const { values } = await metrics.receivedByType.get();
  return new Map(
    values.map(({ labels, value }) => [(labels as Record<string, string>).cloudevents_type, value]),
  );
}

describe("a channel's count of requests", () => {
  it("goes up by one per request, per outcome", async () => {
    const metrics = createMetrics();
    const { count } = receiveCounters(metrics, CHANNEL);
    const outcomes: ReceiveOutcome[] = ["accepted", "accepted", "duplicate"];
    for (const outcome of outcomes) count(outcome);
    expect(await valuesOf(metrics.received)).toEqual([
      [{ channel: CHANNEL, outcome: "accepted" }, 2],
      [{ channel: CHANNEL, outcome: "duplicate" }, 1],
    ]);
  });

  it("goes on where the channel has another route", async () => {
    const metrics = createMetrics();
    receiveCounters(metrics, CHANNEL).count("accepted");
    receiveCounters(metrics, CHANNEL).count("accepted");
    expect(await valuesOf(metrics.received)).toEqual([
      [{ channel: CHANNEL, outcome: "accepted" }, 2],
    ]);
  });
});

describe("a channel's count of event types", () => {
  it("tells a hundred types of all channels apart, and counts the others as one", async () => {
    const metrics = createMetrics();
    const { countType } = receiveCounters(metrics, CHANNEL);
    for (let type = 0; type < 150; type++) countType(`type-${type}`);
    receiveCounters(metrics, "default/another").countType("type-149");
    const { values } = await metrics.receivedByType.get();
    expect(values).toHaveLength(102);
    expect((await typesOf(metrics)).get("type-99")).toBe(1);
    expect(values.filter(({ labels }) => Object.values(labels).includes("other"))).toHaveLength(2);
    expect(values.find(({ value }) => value === 50)?.labels).toEqual({
      channel: CHANNEL,
      cloudevents_type: "other",
    });
  });

  it("counts a type that is longer than a name as one of the others", async () => {
    const metrics = createMetrics();
    receiveCounters(metrics, CHANNEL).countType("x".repeat(129));
    expect([...(await typesOf(metrics)).keys()]).toEqual(["other"]);
  });
});

it("goes with its channel", async () => {
  const metrics = createMetrics();
  for (const channel of [CHANNEL, "default/another"]) {
    const { count, countType } = receiveCounters(metrics, channel);
    count("accepted");
    countType("a.type");
  }
  removeChannelSeries(metrics, CHANNEL);
  const kept = [
    ...(await valuesOf(metrics.received)),
    ...(await valuesOf(metrics.receivedByType)),
  ].map(([labels]) => (labels as Record<string, string>).channel);
  expect(kept).toEqual(["default/another", "default/another"]);
});

it("does not come back for the others by an event that is stored after its channel is gone", async () => {
  const metrics = createMetrics();
  const { countType } = receiveCounters(metrics, CHANNEL);
  countType("x".repeat(129));
  removeChannelSeries(metrics, CHANNEL);
  countType("x".repeat(130));
  expect(await valuesOf(metrics.receivedByType)).toEqual([]);
});
