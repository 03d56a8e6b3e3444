/*
 * `doctor`: looks at everything that channels need, from the API server to NATS, and says of each how it is and what to do.
 *
 *   1. Kubernetes   check-cluster.ts, check-permissions.ts
 *   2. dispatchers  what each replica says of NATS, JetStream, channels and streams (check-channels.ts)
 *   3. NATS         the same of JetStream with a login of the person's own, where one is given
 *
 * Nothing is changed. A check that cannot be made is a warning, and the others go on.
 */

import { RESOURCES } from "../kube/objects.ts";
import { reportStreams } from "../nats/stream-report.ts";
import { errorMessage } from "../runtime/errors.ts";
import { type ChannelReport, clusterReports, standaloneReports } from "./channel-reports.ts";
import { channelLines, leftBehindLines, replicaLines } from "./check-channels.ts";
import {
  checkApi,
  checkConfig,
  checkController,
  checkCrd,
  checkDispatchers,
  checkGoWebhooks,
} from "./check-cluster.ts";
import { checkPermissions } from "./check-permissions.ts";
import {
  type Channel,
  CLUSTER_OPTIONS,
  type Cluster,
  dispatcherNamespaces,
  listChannels,
  openCluster,
  WAIT,
} from "./cluster.ts";
import { defineCommand, EXIT, type Input, oneOf } from "./command.ts";
import { fail, guarded, type Line, ok, warn } from "./diagnosis.ts";
import { isNatsGiven, NATS_OPTIONS, openNats } from "./nats-access.ts";
import { askPods, askUrls, DISPATCHER_OPTIONS, type Replica, type Replicas } from "./replicas.ts";
import { json, type Terminal } from "./terminal.ts";

const OPTIONS = {
  output: { short: "o", value: "text|json", help: "Lines for people (default), or JSON." },
  ...DISPATCHER_OPTIONS,
  ...NATS_OPTIONS,
  ...CLUSTER_OPTIONS,
} as const;

type Values = Input<typeof OPTIONS>["values"];

const COLOURS = { ok: "green", warn: "yellow", fail: "red" } as const;

/** Says what is wrong with an installation, and what to do. */
export const doctor = defineCommand({
  name: "doctor",
  summary: "Look for what is wrong with an installation, each with a remedy.",
  usage: "",
  about:
    "Looks at the API server, your permissions, the CRD, configuration, controller, dispatchers, NATS, JetStream, channels and streams. It exits with 1 when a line is a fail; a warn works, or could not be looked at.",
  options: OPTIONS,
  most: 0,
  async run({ values, terminal }) {
    const output = oneOf("output", ["text", "json"], values.output);
    const lines = values.standalone
      ? await examineStandalone(values)
      : await examineCluster(values, await openCluster(terminal, values));
    terminal.out(output === "json" ? json({ lines }) : asText(lines, terminal));
    return lines.some(({ level }) => level === "fail") ? EXIT.failed : EXIT.done;
  },
});

async function examineCluster(values: Values, cluster: Cluster): Promise<Line[]> {
  try {
    const lines = await checkApi(cluster);
    if (lines.some(({ level }) => level === "fail")) return lines;
    let channels: Channel[] | undefined;
    const listing = guarded("channels", async () => {
      channels = await listChannels(cluster, undefined);
      return [];
    });
    const crd = await checkCrd(cluster);
    lines.push(...(await checkPermissions(cluster)), ...crd, ...(await checkGoWebhooks(cluster)));
    // Without the type the reason is known.
    if (!crd.some(({ level }) => level === "fail")) lines.push(...(await listing));
    await listing;
    const { systemNamespace } = cluster;
    const namespaces =
      channels === undefined ? [systemNamespace] : dispatcherNamespaces(channels, systemNamespace);
    lines.push(...(await checkConfig(cluster, [...new Set([systemNamespace, ...namespaces])])));
    lines.push(...(await checkController(cluster)));
    lines.push(...(await checkDispatchers(cluster, namespaces)));
    const urls = values["dispatcher-url"];
    const asked = urls === undefined ? await askPods(cluster, namespaces) : await askUrls(urls);
    const own = await ownLook(values, () => clusterIdOf(cluster));
    const reports = clusterReports(channels ?? [], asked.replicas);
    const known = channels === undefined ? undefined : reports;
    return [...lines, ...dispatcherLines(asked, own, known)];
  } finally {
    await cluster.close();
  }
}

async function examineStandalone(values: Values): Promise<Line[]> {
  const asked = await askUrls(values["dispatcher-url"]);
  const [streams] = asked.replicas.flatMap((replica) => replica.streams ?? []);
  const own = await ownLook(values, async () => streams?.clusterId);
  const isAnswered = asked.replicas.some(({ channels }) => channels !== undefined);
  return dispatcherLines(asked, own, isAnswered ? standaloneReports(asked.replicas) : undefined);
}

interface OwnLook {
  lines: Line[];
  replicas: Replica[];
}

/** Judges what was answered; without a list of channels nobody can say which stream has none. */
function dispatcherLines(
  asked: Replicas,
  own: OwnLook,
  reports: readonly ChannelReport[] | undefined,
): Line[] {
  const lines = [...replicaLines(asked), ...own.lines];
  if (reports === undefined) return lines;
  const keys = new Set(reports.map(({ namespace, name }) => `${namespace}/${name}`));
  const replicas = [...asked.replicas, ...own.replicas];
  return [...lines, ...channelLines(reports), ...leftBehindLines(replicas, keys)];
}

/** Looks at NATS with the person's own login, where the command line has one. */
async function ownLook(
  values: Values,
  clusterId: () => Promise<string | undefined>,
): Promise<OwnLook> {
  if (!isNatsGiven(values)) return { lines: [], replicas: [] };
  const name = "from here";
  try {
    const nats = await openNats(values);
    try {
      const id = await clusterId().catch(() => undefined);
      const login = await reportStreams(async () => nats.jsm, { login: "", clusterId: id });
      const streams = { clusterId: id ?? "", logins: [login] };
      const replica: Replica = { name, channels: undefined, streams, faults: [] };
      const version = nats.nc.info?.version ?? "?";
      const lines = [
        ok("NATS", `${name}: nats-server ${version} at ${nats.nc.getServer()}`),
        ...replicaLines({ replicas: [replica], faults: [] }),
      ];
      if (id !== undefined) return { lines, replicas: [replica] };
      const message = `${name}: nobody could say which streams are of this cluster`;
      return { lines: [...lines, warn("streams", message, "see the lines above")], replicas: [] };
    } finally {
      await nats.close();
    }
  } catch (error) {
    const remedy = "is it the right address, and may this machine reach it?";
    return { lines: [fail("NATS", `${name}: ${errorMessage(error)}`, remedy)], replicas: [] };
  }
}

async function clusterIdOf({ client }: Cluster): Promise<string | undefined> {
  const { metadata } = await client.get(RESOURCES.namespaces, { name: "kube-system" }, WAIT);
  return metadata?.uid;
}

function asText(lines: readonly Line[], { paint }: Terminal): string {
  const width = Math.max(...lines.map(({ check }) => check.length));
  return lines
    .map(({ level, check, message, remedy }) => {
      const word = paint(COLOURS[level], level.padEnd(4));
      const then = remedy === undefined ? "" : `${" ".repeat(width + 8)}→ ${remedy}\n`;
      return `${word}  ${check.padEnd(width)}  ${message}\n${then}`;
    })
    .join("");
}
