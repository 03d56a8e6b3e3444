import { expect, it } from "vitest";
import { createWorkQueue } from "../../../src/kube/work-queue.ts";
import { createControllerMetrics } from "../../../src/runtime/metrics.ts";
import { eventually } from "../../support/eventually.ts";

const aMetrics = createControllerMetrics();

async function value(name: string): Promise<number> {
  const text = await aMetrics.registry.metrics();
  const line = new RegExp(
    `^kn_workqueue_${name}\\{(?:le="\\+Inf",)?name="channel"\\} (\\S+)$`,
    "m",
  );
  return Number(line.exec(text)?.[1]);
}

it("tells under Knative's names what a work queue does", async () => {
  let release = (): void => undefined;
  let attempts = 0;
  const queue = createWorkQueue({
    concurrency: 1,
    observer: aMetrics.workQueue("channel"),
    work: async (key) => {
      attempts += 1;
      if (key === "slow") await new Promise<void>((resolve) => (release = resolve));
      return { outcome: attempts === 2 ? "failed" : "done" };
    },
  });
  queue.add("slow");
  queue.add("fails");
  queue.add("fails");
  expect(await value("adds_total")).toBe(2);
  expect(await value("depth")).toBe(1);
  await eventually(async () => (await value("longest_running_processor_seconds")) > 0, {
    within: 5_000,
    what: "the slow key to take time",
  });
  expect(await value("unfinished_work_seconds")).toBeGreaterThan(0);
  release();
  await eventually(() => attempts === 3, { within: 10_000, what: "another attempt" });
  await queue.stop();
  expect(await value("retries_total")).toBe(1);
  expect(await value("adds_total")).toBe(3);
  expect(await value("depth")).toBe(0);
  expect(await value("unfinished_work_seconds")).toBe(0);
  expect(await value("process_duration_seconds_bucket")).toBe(3);
  expect(await value("queue_duration_seconds_bucket")).toBe(3);
});
