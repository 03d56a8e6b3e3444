import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** Is told by a work queue what happens to its keys. */
export interface WorkQueueObserver {
  added(): void;
  /** A key is to come again after a failure. */
  retried(): void;
  /** A key is worked on, after a wait; the result is to be called when that has ended. */
  started(waitedMs: number): () => void;
}

/** Knative's bounds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const NAME = ["name"] as const;

/**
 * Makes Knative's metrics of work queues, under the names that its dashboards have (`kn.workqueue.*`);
 * gives a function that makes the observer of a queue by its name.
 */
export function workQueueMetrics(registers: Registry[]): (name: string) => WorkQueueObserver {
  const running = new Map<string, Set<{ startedAt: number }>>();
  const secondsOf = (runs: ReadonlySet<{ startedAt: number }>): number[] => {
    const now = performance.now();
    return [...runs].map(({ startedAt }) => (now - startedAt) / 1_000);
  };
  const depth = gauge("depth", "Keys that wait in a work queue.", { registers });
  const adds = counter("adds_total", "Keys added to a work queue.", registers);
  const retries = counter("retries_total", "Keys that came again after a failure.", registers);
  const waited = histogram("queue_duration_seconds", "How long keys wait.", registers);
  const worked = histogram("process_duration_seconds", "How long keys are worked on.", registers);
  gauge("unfinished_work_seconds", "How long what is being worked on takes so far, in all.", {
    registers,
    collect(to) {
      for (const [name, runs] of running) {
        const seconds = secondsOf(runs).reduce((sum, each) => sum + each, 0);
        to.set({ name }, seconds);
      }
    },
  });
  gauge("longest_running_processor_seconds", "How long the longest of that takes so far.", {
    registers,
    collect(to) {
      for (const [name, runs] of running) to.set({ name }, Math.max(0, ...secondsOf(runs)));
    },
  });
  return (name) => {
    const runs = new Set<{ startedAt: number }>();
    running.set(name, runs);
    depth.set({ name }, 0);
    adds.inc({ name }, 0);
    retries.inc({ name }, 0);
    return {
      added() {
        adds.inc({ name });
        depth.inc({ name });
      },
      retried: () => retries.inc({ name }),
      started(waitedMs) {
        depth.dec({ name });
        waited.observe({ name }, waitedMs / 1_000);
        const run = { startedAt: performance.now() };
        runs.add(run);
        return () => {
          runs.delete(run);
          worked.observe({ name }, (performance.now() - run.startedAt) / 1_000);
        };
      },
    };
  };
}

function gauge(
  name: string,
  help: string,
  options: { registers: Registry[]; collect?: (to: Gauge<"name">) => void },
): Gauge<"name"> {
  const { registers, collect } = options;
  return new Gauge({
    name: `kn_workqueue_${name}`,
    help,
    labelNames: NAME,
    registers,
    ...(collect && {
      collect() {
        collect(this);
      },
    }),
  });
}

function counter(name: string, help: string, registers: Registry[]): Counter<"name"> {
  return new Counter({ name: `kn_workqueue_${name}`, help, labelNames: NAME, registers });
}

function histogram(name: string, help: string, registers: Registry[]): Histogram<"name"> {
  const labelNames = NAME;
  return new Histogram({
    name: `kn_workqueue_${name}`,
    help,
    labelNames,
    buckets: BUCKETS,
    registers,
  });
}
