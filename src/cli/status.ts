/*
 * `status`: channels of Kubernetes, what every replica of their dispatchers does, and JetStream's counts → one report for each
 * channel (channel-reports.ts) → two tables, or JSON. Without Kubernetes the dispatcher's own channels are what there is.
 *
 * What the person may not ask, or what does not answer, is left out and told on stderr: a half answer beats none.
 */
import { type ChannelReport, clusterReports, standaloneReports } from "./channel-reports.ts";
import {
  CHANNELS,
  type Channel,
  CLUSTER_OPTIONS,
  type Cluster,
  dispatcherNamespaces,
  listChannels,
  openCluster,
  WAIT,
} from "./cluster.ts";
import { defineCommand, EXIT, type Input, oneOf, UsageError } from "./command.ts";
import { askPods, askUrls, DISPATCHER_OPTIONS, type Replicas } from "./replicas.ts";
import { statusTables } from "./status-tables.ts";
import { json } from "./terminal.ts";

const OPTIONS = {
  namespace: { short: "n", value: "NAME", help: "Namespace; unset: that of the context." },
  "all-namespaces": { short: "A", help: "Channels of all namespaces." },
  output: { short: "o", value: "table|json", help: "Tables for people (default), or JSON." },
  ...DISPATCHER_OPTIONS,
  ...CLUSTER_OPTIONS,
} as const;

type Values = Input<typeof OPTIONS>["values"];

/** Shows channels and their subscribers. */
export const status = defineCommand({
  name: "status",
  summary: "Show channels: ready or why not, stream, subscribers, lag, last failures.",
  usage: "[CHANNEL]",
  about:
    "Shows channels with their streams and subscribers. PENDING is what a subscriber has yet to get, ACK-PENDING what it got and has not taken, REDELIVERED what of that it got more than once: JetStream's counts. A - is a number that could not be asked for.",
  options: OPTIONS,
  most: 1,
  async run({ values, positionals: [name], terminal }) {
    const output = oneOf("output", ["table", "json"], values.output);
    checkOptions(values);
    const { reports, faults } = values.standalone
      ? await fromDispatcher(values, name)
      : await fromCluster({ values, name, open: () => openCluster(terminal, values) });
    for (const fault of faults) terminal.err(`jetstream-channel: ${fault}\n`);
    if (name !== undefined && reports.length === 0) throw new Error(`there is no channel ${name}`);
    terminal.out(output === "json" ? json({ channels: reports, faults }) : statusTables(reports));
    return EXIT.done;
  },
});

interface Found {
  reports: ChannelReport[];
  faults: string[];
}

function checkOptions(values: Values): void {
  if (values["all-namespaces"] && values.namespace !== undefined) {
    throw new UsageError("--namespace or --all-namespaces expected, got both");
  }
}

async function fromDispatcher(values: Values, name: string | undefined): Promise<Found> {
  const asked = await askUrls(values["dispatcher-url"]);
  if (asked.replicas.every(({ channels }) => channels === undefined)) {
    throw new Error(faultsOf(asked).join("; "));
  }
  const { namespace } = values;
  const reports = standaloneReports(asked.replicas).filter(
    (one) =>
      (namespace === undefined || one.namespace === namespace) &&
      (name === undefined || one.name === name || `${one.namespace}/${one.name}` === name),
  );
  return { reports, faults: faultsOf(asked) };
}

async function fromCluster(options: {
  values: Values;
  name: string | undefined;
  open: () => Promise<Cluster>;
}): Promise<Found> {
  const { values, name, open } = options;
  const cluster = await open();
  try {
    const channels = await channelsOf(cluster, values, name);
    const asked =
      values["dispatcher-url"] === undefined
        ? await askPods(cluster, dispatcherNamespaces(channels, cluster.systemNamespace))
        : await askUrls(values["dispatcher-url"]);
    return { reports: clusterReports(channels, asked.replicas), faults: faultsOf(asked) };
  } finally {
    await cluster.close();
  }
}

async function channelsOf(
  cluster: Cluster,
  values: Values,
  name: string | undefined,
): Promise<Channel[]> {
  const [first = "", second] = name?.split("/") ?? [];
  const namespace = (second === undefined ? values.namespace : first) ?? cluster.namespace;
  if (name !== undefined) {
    return [await cluster.client.get(CHANNELS, { namespace, name: second ?? first }, WAIT)];
  }
  return await listChannels(cluster, values["all-namespaces"] ? undefined : namespace);
}

function faultsOf({ replicas, faults }: Replicas): string[] {
  return [...faults, ...replicas.flatMap((replica) => replica.faults), ...streamFaults(replicas)];
}

function streamFaults(replicas: Replicas["replicas"]): string[] {
  return replicas.flatMap(({ name, streams }) =>
    (streams?.logins ?? []).flatMap(({ login, fault }) =>
      fault === undefined
        ? []
        : [`${name} cannot ask JetStream${login === "" ? "" : ` as ${login}`}: ${fault}`],
    ),
  );
}
