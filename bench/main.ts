/*
 * The benchmark: what receiving and delivering an event cost the dispatcher, beside what the same costs in programs that
 * everybody could write. Prints how far it is to standard error and Markdown for docs/performance.md to standard output.
 *
 * In this order: command line, ingress, delivery, tables. With --profile: the dispatcher alone, and its dearest functions. With --only cluster or
 * scale: what channels cost in a cluster, or many of them one dispatcher, instead.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measureCluster } from "./cluster.ts";
import { clusterTables } from "./cluster-report.ts";
import { measureDelivery } from "./delivery.ts";
import { Ends } from "./ends.ts";
import type { Experiment as Found, Surroundings } from "./experiment.ts";
import { measureIngress } from "./ingress.ts";
import { loadAverage, machineSentence } from "./machine.ts";
import { type BenchOptions, parseOptions } from "./options.ts";
import { profilingEnv, summariseProfile } from "./profile.ts";
import { measurementTable, peerSentence, ratioTable, selfTimeTable } from "./report.ts";
import { measureScale } from "./scale.ts";
import { scaleTable } from "./scale-report.ts";

const measures = { ingress: measureIngress, delivery: measureDelivery };
const peers = { ingress: "load generator", delivery: "sink" };
const titles = {
  ingress: "Ingress: 64 connections, binary CloudEvents of 250 bytes, file storage",
  delivery: "Delivery: a filled stream into a sink, 64 requests in flight, 250 bytes",
};
const listed = 15;

/** Names what is compared with programs of others. */
type Experiment = keyof typeof measures;

const ends = new Ends();
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    interrupted = true;
    void ends.run().finally(() => process.exit(130));
  });
}

try {
  await run(parseOptions(process.argv.slice(2)));
} catch (error) {
  // Everything that was told to end answers with a failure then.
  if (!interrupted) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
} finally {
  await ends.run();
}

async function run(options: BenchOptions): Promise<void> {
  const loadBefore = loadAverage();
  for (const experiment of options.experiments) {
    if (experiment === "cluster") await showCluster(options, loadBefore);
    else if (experiment === "scale") await showScale(options, loadBefore);
    else await (options.profile ? profile : compare)(experiment, options, loadBefore);
  }
}

async function showCluster({ extent }: BenchOptions, loadBefore: number): Promise<void> {
  try {
    const figures = await measureCluster({ extent, ends, tell, dispatcherEnv: undefined });
    console.log("### In a cluster: the operator on a local API server\n");
    console.log(`${machineSentence(figures.natsServerVersion, loadBefore)}\n`);
    console.log(`${clusterTables(figures)}\n`);
  } finally {
    await ends.run();
  }
}

async function showScale({ extent }: BenchOptions, loadBefore: number): Promise<void> {
  try {
    const figures = await measureScale({ extent, ends, tell, dispatcherEnv: undefined });
    console.log("### Scale: many channels in one dispatcher\n");
    console.log(`${machineSentence(figures.natsServerVersion, loadBefore)}\n`);
    console.log(`${scaleTable(figures)}\n`);
  } finally {
    await ends.run();
  }
}

async function compare(
  experiment: Experiment,
  options: BenchOptions,
  loadBefore: number,
): Promise<void> {
  const { series, natsServerVersion } = await measure(experiment, options, undefined);
  const rounds = series[0]?.slices.length ?? 0;
  console.log(`### ${titles[experiment]}\n`);
  console.log(`${machineSentence(natsServerVersion, loadBefore)}`);
  console.log(`Medians of ${rounds} rounds, in brackets the smallest and the largest.\n`);
  console.log(`${measurementTable(series, peers[experiment])}\n`);
  console.log(`${ratioTable(series)}\n`);
  console.log(`${peerSentence(series, peers[experiment])}\n`);
}

async function profile(experiment: Experiment, options: BenchOptions): Promise<void> {
  const path = join(tmpdir(), `jetstream-channel-${experiment}.cpuprofile`);
  const { series } = await measure(experiment, options, profilingEnv(path));
  const { functions, packages } = await summariseProfile(path);
  const slices = series.flatMap((each) => each.slices);
  const events = slices.reduce((sum, slice) => sum + slice.events, 0);
  console.log(`### Profile of ${experiment}: self time of ${events} events, without idle time\n`);
  console.log(`${selfTimeTable("function", functions.slice(0, listed), events)}\n`);
  console.log(`${selfTimeTable("package", packages.slice(0, listed), events)}\n`);
  console.log(`${measurementTable(series, peers[experiment])}\n`);
  console.log(`The whole profile, for Chrome's or VS Code's viewer: ${path}\n`);
}

async function measure(
  experiment: Experiment,
  { extent }: BenchOptions,
  dispatcherEnv: Record<string, string> | undefined,
): Promise<Found> {
  tell(`${experiment}: starting`);
  const surroundings: Surroundings = { extent, ends, tell, dispatcherEnv };
  try {
    return await measures[experiment](surroundings);
  } finally {
    await ends.run();
  }
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}
