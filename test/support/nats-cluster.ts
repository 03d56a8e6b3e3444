/**
 * Runs a JetStream cluster of three real nats-servers on 127.0.0.1 for a test: `n1`, `n2` and `n3`, each with its own port
 * and store, and with a server tag of its own (`node:n1`). Each is a NatsServer, to be killed and started alone.
 *
 * Starting means: all three at once (a server alone is not ready), then wait until the leader of the cluster's own group
 * says that both others are up to date. Ends with the test process. Does not clean streams.
 */
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { type NatsServer, startNatsServer } from "./nats-server.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

const NAMES = ["n1", "n2", "n3"] as const;
const readyWithinMs = 60_000;
const electedWithinMs = 60_000;

/** Names a server of the cluster. */
export type NodeName = (typeof NAMES)[number];

/** Names a group of servers that has a leader: a stream's, or a consumer's. */
export interface Led {
  stream: string;
  consumer?: string;
}

/** Says who has the copies of a stream or consumer. */
export interface Copies {
  leader: NodeName;
  /** All servers that have a copy, the leader included, in the order of their names. */
  nodes: NodeName[];
  /** Whether every copy is up to date. */
  current: boolean;
}

/** Holds a cluster that a test has started. */
export interface NatsCluster {
  readonly nodes: Readonly<Record<NodeName, NatsServer>>;
  /** The addresses of all servers, in the order of their names. */
  readonly urls: readonly string[];
  /** A connection of the test's own, that goes to whichever server is up. */
  readonly nc: NatsConnection;
  /** Says who has copies of a stream or consumer; rejects while it has no leader. */
  copiesOf(led: Led): Promise<Copies>;
  /** Waits for a stream or consumer to have a leader, other than `not`. */
  leaderOf(led: Led, not?: NodeName): Promise<NodeName>;
  /** Makes the leader step down, in favour of `to` if said, and waits for another one; gives its name. */
  stepDown(led: Led, to?: NodeName): Promise<NodeName>;
  /** Takes a server away from the two others, in both directions; its clients stay. */
  cutOff(name: NodeName): void;
  /** Lets it come back. */
  letBack(name: NodeName): void;
  /** Waits until every server is there and knows all that the others know. */
  whole(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a cluster and resolves when all of it is ready. */
export async function startNatsCluster(): Promise<NatsCluster> {
  const { nodes, lines } = await startNodes();
  const servers = Object.values(nodes);
  const stopNodes = async () => {
    await Promise.all(servers.map((node) => node.stop()));
    await Promise.all(lines.map(({ proxy }) => proxy.close()));
  };
  const urls = NAMES.map((name) => nodes[name].url);
  try {
    await whole(nodes);
    const nc = await connect({
      servers: urls,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
      // A server that stands still is left as quickly as one that is gone.
      pingInterval: 2_000,
    });
    return natsCluster({ nodes, lines, urls, nc, stopNodes });
  } catch (error) {
    await stopNodes();
    throw error;
  }
}

type Nodes = Record<NodeName, NatsServer>;

/** The line on which one server dials another one. */
interface Line {
  ends: readonly [from: NodeName, to: NodeName];
  proxy: TcpProxy;
}

async function startNodes(): Promise<{ nodes: Nodes; lines: Line[] }> {
  const ports = new Set<number>();
  while (ports.size < NAMES.length) ports.add(await freePort());
  const portOf = Object.fromEntries(NAMES.map((name, index) => [name, [...ports][index]]));
  const lines = await Promise.all(
    NAMES.flatMap((from) => NAMES.filter((to) => to !== from).map((to) => [from, to] as const)).map(
      async (ends) => ({ ends, proxy: await startTcpProxy(portOf[ends[1]] as number) }),
    ),
  );
  // What the servers tell each other of their addresses leads nowhere: every route is one of these lines.
  const nowhere = await freePort();
  const started = await Promise.allSettled(
    NAMES.map((name) => {
      const routes = lines
        .filter(({ ends }) => ends[0] === name)
        .map(({ proxy }) => `"nats-route://127.0.0.1:${proxy.port}"`);
      const config = `server_name: ${name}
server_tags: ["node:${name}"]
cluster {
  name: test
  listen: "127.0.0.1:${portOf[name]}"
  advertise: "127.0.0.1:${nowhere}"
  routes: [${routes.join(", ")}]
}`;
      return startNatsServer({ config });
    }),
  );
  const nodes = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const failed = started.find((one) => one.status === "rejected");
  if (failed !== undefined) {
    await Promise.all(nodes.map((node) => node.stop()));
    await Promise.all(lines.map(({ proxy }) => proxy.close()));
    throw new Error("the nats-servers of a cluster did not all start", { cause: failed.reason });
  }
  const named = Object.fromEntries(NAMES.map((name, index) => [name, nodes[index]])) as Nodes;
  return { nodes: named, lines };
}

interface Parts {
  nodes: Nodes;
  lines: Line[];
  urls: string[];
  nc: NatsConnection;
  stopNodes: () => Promise<unknown>;
}

function natsCluster({ nodes, lines, urls, nc, stopNodes }: Parts): NatsCluster {
  const linesOf = (name: NodeName) => lines.filter(({ ends }) => ends.includes(name));
  const copiesOf = (led: Led) => readCopies(nc, led);
  const leaderOf = (led: Led, not?: NodeName) =>
    eventually(
      async () => {
        const { leader } = await copiesOf(led);
        return leader !== not && leader;
      },
      { within: electedWithinMs, what: `a leader of ${nameOf(led)}` },
    );
  return {
    nodes,
    urls,
    nc,
    copiesOf,
    leaderOf,
    async stepDown(led, to) {
      const { leader } = await copiesOf(led);
      if (leader === to) return leader;
      const request = to === undefined ? {} : { placement: { preferred: to } };
      await ask(nc, apiFor(led, "LEADER.STEPDOWN"), request);
      return await leaderOf(led, leader);
    },
    cutOff(name) {
      for (const { proxy } of linesOf(name)) proxy.refuse();
    },
    letBack(name) {
      for (const { proxy } of linesOf(name)) proxy.pass();
    },
    whole: () => whole(nodes),
    async stop() {
      await nc.close();
      await stopNodes();
    },
  };
}

function nameOf({ stream, consumer }: Led): string {
  return consumer === undefined ? stream : `${stream}.${consumer}`;
}

/** The part that STREAM.INFO and CONSUMER.INFO have in common. */
interface GroupInfo {
  cluster?: { leader?: NodeName; replicas?: { name: NodeName; current: boolean }[] };
}

async function readCopies(nc: NatsConnection, led: Led): Promise<Copies> {
  const { cluster } = await ask<GroupInfo>(nc, apiFor(led, "INFO"));
  const leader = cluster?.leader;
  if (leader === undefined) throw new Error(`${nameOf(led)} has no leader`);
  const replicas = cluster?.replicas ?? [];
  return {
    leader,
    nodes: [leader, ...replicas.map(({ name }) => name)].sort(),
    current: replicas.every(({ current }) => current),
  };
}

function apiFor(led: Led, verb: "INFO" | "LEADER.STEPDOWN"): string {
  return `${led.consumer === undefined ? "STREAM" : "CONSUMER"}.${verb}.${nameOf(led)}`;
}

async function ask<Answer>(nc: NatsConnection, subject: string, request = {}): Promise<Answer> {
  const body = JSON.stringify(request);
  const reply = await nc.request(`$JS.API.${subject}`, body, { timeout: 1_000 });
  const answer = reply.json<Answer & { error?: { description: string } }>();
  if (answer.error !== undefined) throw new Error(`${subject}: ${answer.error.description}`);
  return answer;
}

interface MetaGroup {
  leader?: string;
  replicas?: { current: boolean; offline?: boolean }[];
}

async function whole(nodes: Nodes): Promise<void> {
  await eventually(
    async () => {
      const groups = await Promise.all(NAMES.map((name) => metaGroupOf(nodes[name])));
      const [leader, ...others] = new Set(groups.map((group) => group.leader));
      // Only the leader knows how far the others are.
      const { replicas = [] } = groups.find((_, index) => NAMES[index] === leader) ?? {};
      const current = replicas.filter((one) => one.current && one.offline !== true);
      return others.length === 0 && current.length === NAMES.length - 1;
    },
    { within: readyWithinMs, what: "every server of the cluster to be up to date" },
  );
}

async function metaGroupOf({ monitorUrl }: NatsServer): Promise<MetaGroup> {
  const response = await fetch(`${monitorUrl}/jsz`);
  const { meta_cluster: group } = (await response.json()) as { meta_cluster?: MetaGroup };
  return group ?? {};
}
