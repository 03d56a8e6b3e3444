import { Histogram, Registry } from "prom-client";
import { expect, it } from "vitest";
import { createMetrics } from "../../../src/runtime/metrics.ts";

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const LABELS = {
  kn_channel_namespace: "default",
  kn_channel_name: 'quo"ted',
  subscriber: "one",
  http_response_status_code: "202",
};
const NAME = "kn_eventing_dispatch_duration_seconds";
const VALUES = [0, 0.005, 0.0051, 0.2, 10, 10.5, 400];

/** Gives the lines of a metric in any order; a label may stand before or behind another one. */
function linesOf(text: string): string[] {
  const lines = text.split("\n").filter((line) => line.startsWith(NAME));
  return lines
    .map((line) => line.replace(/\{(.*)\}/, (_, labels: string) => labels.split(",").sort().join()))
    .sort();
}

it("writes a distribution as prom-client does", async () => {
  const { registry, dispatchDuration } = createMetrics();
  const theirs = new Registry();
  const histogram = new Histogram({
    name: NAME,
    help: "…",
    labelNames: Object.keys(LABELS) as (keyof typeof LABELS)[],
    buckets: BUCKETS,
    registers: [theirs],
  });
  for (const value of VALUES) {
    dispatchDuration.of(LABELS).observe(value);
    histogram.observe(LABELS, value);
  }
  expect(linesOf(await registry.metrics())).toEqual(linesOf(await theirs.metrics()));
  const [ours, reference] = [await dispatchDuration.get(), await histogram.get()];
  const bare = ({ values }: { values: object[] }) =>
    values.map((sample) => ({ ...sample, exemplar: undefined }));
  expect(bare(ours)).toEqual(bare(reference));
});

it("finds a series by its labels in any order, and takes it away", async () => {
  const { redeliveries } = createMetrics();
  redeliveries.of({ channel: "a/b", subscriber: "one" }).inc();
  redeliveries.of({ subscriber: "one", channel: "a/b" }).inc();
  expect((await redeliveries.get()).values.map(({ value }) => value)).toEqual([2]);
  redeliveries.remove({ subscriber: "one", channel: "a/b" });
  expect((await redeliveries.get()).values).toEqual([]);
});
