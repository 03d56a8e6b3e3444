import { parseArgs } from "node:util";

/** Names what can be measured; `cluster` and `scale` only where they are asked for. */
export type Experiment = "ingress" | "delivery" | "cluster" | "scale";

/** Says how much is measured; what comes first ends a slice, and the rounds. */
export interface Extent {
  rounds: number;
  /** No round is begun after this time; three are always made. */
  budgetMs: number;
  /** Ingress: how long one slice may take, and how many events it may send. */
  sliceMs: number;
  sliceEvents: number;
  /** Ingress: how long a receiver is warmed up. */
  warmUpMs: number;
  /** Delivery: events in the stream of each slice, and of the one that warms up. */
  streamEvents: number;
  warmUpEvents: number;
  /** Cluster and scale: new channels one by one, many at once, subscribers of one channel, and how long nothing happens. */
  cluster: { singles: number; channels: number; subscribers: number; quietMs: number };
}

/** Is what the command line asks for. */
export interface BenchOptions {
  experiments: Experiment[];
  extent: Extent;
  profile: boolean;
}

const all: readonly Experiment[] = ["ingress", "delivery", "cluster", "scale"];

const usage = `npm run bench -- [--quick] [--only ingress|delivery|cluster|scale] [--profile]

  --quick    fewer and shorter rounds: under 45 seconds
  --only     one of the experiments; cluster, the operator on a local API server, and scale, very many channels without
             one, are not part of the others
  --profile  compares nothing: profiles the dispatcher under the same loads, with the longest self times
`;

const whole: Extent = {
  rounds: 12,
  budgetMs: 85_000,
  sliceMs: 1_500,
  sliceEvents: 200_000,
  warmUpMs: 2_000,
  streamEvents: 20_000,
  warmUpEvents: 15_000,
  cluster: { singles: 20, channels: 1_000, subscribers: 300, quietMs: 60_000 },
};
const quick: Extent = {
  rounds: 3,
  budgetMs: 12_000,
  sliceMs: 1_200,
  sliceEvents: 200_000,
  warmUpMs: 1_200,
  streamEvents: 8_000,
  warmUpEvents: 5_000,
  cluster: { singles: 5, channels: 200, subscribers: 100, quietMs: 15_000 },
};

/** Reads the command line; throws a sentence and how it is called when it is not right. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const values = parseFlags(args);
  const { only, profile } = values;
  if (only !== undefined && !isExperiment(only)) {
    throw new Error(`--only takes ${all.join(", ")}, not ${JSON.stringify(only)}\n\n${usage}`);
  }
  if ((only === "cluster" || only === "scale") && profile) {
    throw new Error(`--profile is for ingress and delivery, not for ${only}\n\n${usage}`);
  }
  return {
    experiments: only === undefined ? ["ingress", "delivery"] : [only],
    extent: values.quick ? quick : whole,
    profile,
  };
}

function isExperiment(name: string): name is Experiment {
  return all.some((one) => one === name);
}

function parseFlags(args: readonly string[]): { quick: boolean; profile: boolean; only?: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: "boolean", default: false },
        profile: { type: "boolean", default: false },
        only: { type: "string" },
      },
    });
    return values;
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\n\n${usage}`, { cause });
  }
}
