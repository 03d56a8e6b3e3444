/*
 * The control plane's part of the benchmark: the whole operator on a local API server, with nobody else in it. In this order:
 *
 *   1. control plane, nats-server and operator are started; a first channel makes the dispatcher run
 *   2. rest: memory, processor time
 *   3. one new channel after another: time until it is Ready
 *   4. many channels at once with three subscribers each, then one with very many: time until all are Ready, requests to the API server
 *   5. rest again: memory, processor time, writes in a quiet minute
 *   6. the dispatcher is killed: time until a new one is ready for all of these channels
 *
 * Requests are counted in the API server's audit log. The Pods are processes of this machine, which run from source.
 */
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { API_VERSION, KIND } from "../src/api/names.ts";
import { type AuditEvent, auditEvents, isWrite } from "../test/support/audit-log.ts";
import { makeNamespace } from "../test/support/cluster.ts";
import { startControlPlane } from "../test/support/control-plane.ts";
import { eventually } from "../test/support/eventually.ts";
import { type Installation, install } from "../test/support/installation.ts";
import type { KubeClient, KubeObject } from "../test/support/kube-client.ts";
import type { RunningPod } from "../test/support/kubelet/running-pod.ts";
import { startNatsServer } from "../test/support/nats-server.ts";
import { childNamed, measureUsage } from "./cpu-time.ts";
import type { Surroundings } from "./experiment.ts";
import { followReadiness, type Readiness } from "./readiness-watch.ts";
import { type Spread, spreadOf } from "./statistics.ts";

const within = 600_000;
const settleMs = 20_000;
const postsAtOnce = 32;
const subscribersEach = 3;
const programs = ["controller", "dispatcher"] as const;

const servers = ["kube-apiserver", "etcd", "kube-controller-manager", "nats-server"] as const;

type Program = (typeof programs)[number];
type Server = (typeof servers)[number];

/** Is what one program used while nothing happened. */
export interface Rest {
  rssMiB: number;
  /** Of one core. */
  cpuShare: number;
}

/** Is how long something took until all of it was Ready, and what it cost the API server. */
export interface Burst {
  readyMs: number;
  /** How long the requests took that made it. */
  madeMs: number;
  /** By program, then by verb and resource, for each channel. */
  requests: Record<Program, Map<string, number>>;
  cpuMs: Record<Program | Server, number>;
  /** What everybody else had of the machine, from 0 to 1: the one who measures, and strangers. */
  others: number;
}

/** Is what was found out. */
export interface ClusterFigures {
  natsServerVersion: string;
  singleMs: Spread;
  singles: number;
  channels: number;
  subscribers: number;
  many: Burst;
  wide: Burst;
  before: Record<Program, Rest>;
  after: Record<Program, Rest>;
  quietMs: number;
  /** Writes while nothing happened, by who and what. */
  quietWrites: Map<string, number>;
  dispatcherStartMs: number;
  /** Of each program's memory: what it would not load in a real cluster. */
}

interface Place {
  client: KubeClient;
  installation: Installation;
  readiness: Readiness;
  namespace: string;
  auditLogPath: string;
}

/** Measures; see the head of this file. */
export async function measureCluster({
  extent,
  ends,
  tell,
}: Surroundings): Promise<ClusterFigures> {
  const { singles, channels, subscribers, quietMs } = extent.cluster;
  const { natsServerVersion, ...place } = await start(ends);
  await make(place, ["first"], 1);
  tell("cluster: at rest");
  const before = await rest(place);
  tell("cluster: one channel after another");
  const singleMs: number[] = [];
  for (let index = 0; index < singles; index++) {
    singleMs.push((await make(place, [`single-${index}`], 0)).readyMs);
  }
  tell(`cluster: ${channels} channels at once`);
  const names = Array.from({ length: channels }, (_, index) => `many-${index}`);
  const many = await make(place, names, subscribersEach);
  // Events are written later than status, at a rate of their own.
  await pause(settleMs);
  tell(`cluster: one channel with ${subscribers} subscribers`);
  const wide = await make(place, ["wide"], subscribers);
  tell("cluster: at rest again");
  const after = await rest(place);
  const since = new Date();
  await pause(quietMs);
  const quiet = (await auditEvents(place.auditLogPath, since)).filter(isWrite);
  tell("cluster: the dispatcher starts again");
  return {
    ...{ natsServerVersion, singleMs: spreadOf(singleMs), singles, channels, subscribers },
    ...{ many, wide, before, after, quietMs },
    quietWrites: countBy(quiet, (event) => `${nameOf(event)}: ${whatOf(event)}`),
    dispatcherStartMs: await restartDispatcher(place),
  };
}

async function start(ends: Surroundings["ends"]): Promise<Place & { natsServerVersion: string }> {
  const controlPlane = await startControlPlane();
  ends.add(controlPlane.stop);
  const nats = await startNatsServer();
  ends.add(nats.stop);
  const { client, cluster } = controlPlane;
  const installation = await install({ cluster, client, natsUrl: nats.url });
  ends.add(installation.kubelet.stop);
  const namespace = await makeNamespace(client, "bench");
  const readiness = followReadiness(client, namespace);
  ends.add(readiness.stop);
  const { version } = (await (await fetch(`${nats.monitorUrl}/varz`)).json()) as {
    version: string;
  };
  const { auditLogPath } = cluster;
  return { client, installation, readiness, namespace, auditLogPath, natsServerVersion: version };
}

/** Makes channels at once, and waits until each of them is Ready with all its subscribers. */
async function make(place: Place, names: string[], subscribers: number): Promise<Burst> {
  const { client, readiness, namespace, auditLogPath } = place;
  const since = new Date();
  const startedAt = performance.now();
  const { result, usage } = await measureUsage(pidsOf(place), async () => {
    const left = [...names];
    const post = async () => {
      for (let name = left.shift(); name !== undefined; name = left.shift()) {
        await client.create(aChannel(namespace, name, subscribers));
      }
    };
    await Promise.all(Array.from({ length: postsAtOnce }, post));
    const madeMs = performance.now() - startedAt;
    const what = `${names.length} channels with ${subscribers} subscribers each to be Ready`;
    await eventually(() => names.every((name) => readiness.isReady(name, subscribers)), {
      within,
      what,
    });
    return { madeMs, readyMs: performance.now() - startedAt };
  });
  const events = await auditEvents(auditLogPath, since);
  const requestsOf = (name: Program) => {
    const counts = countBy(
      events.filter((event) => nameOf(event) === name),
      whatOf,
    );
    return new Map([...counts].map(([what, count]) => [what, count / names.length]));
  };
  const requests = { controller: requestsOf("controller"), dispatcher: requestsOf("dispatcher") };
  return { ...result, requests, ...usage };
}

async function rest(place: Place): Promise<Record<Program, Rest>> {
  // What a burst has left to be collected is, by then.
  await pause(settleMs);
  const measured = programs.map(async (name): Promise<[Program, Rest]> => {
    const pid = podOf(place, name)?.pid ?? 0;
    const { usage } = await measureUsage({ it: pid }, () => pause(settleMs));
    const rssMiB = residentMiB(pid);
    return [name, { rssMiB, cpuShare: usage.cpuMs.it / settleMs }];
  });
  return Object.fromEntries(await Promise.all(measured)) as Record<Program, Rest>;
}

/** Kills the dispatcher and gives how long a new process takes from its start until it is ready. */
async function restartDispatcher(place: Place): Promise<number> {
  const before = podOf(place, "dispatcher");
  const killed = before?.pid;
  before?.signal("SIGKILL");
  const pod = await eventually(
    () => {
      const now = podOf(place, "dispatcher");
      return now?.pid !== undefined && now.pid !== killed && now;
    },
    { within, what: "a new dispatcher" },
  );
  const startedAt = performance.now();
  const isReady = async () => (await fetch(`http://${pod.addressOf("admin")}/readyz`)).ok;
  await eventually(isReady, { within, what: "the new dispatcher to be ready" });
  return performance.now() - startedAt;
}

function pidsOf(place: Place): Record<Program | Server, number> {
  const own = programs.map((name) => [name, podOf(place, name)?.pid ?? process.pid]);
  return Object.fromEntries([...own, ...servers.map((name) => [name, childNamed(name)])]);
}

function podOf({ installation }: Place, program: Program): RunningPod | undefined {
  const labels = { "messaging.knative.dev/role": program };
  return installation.kubelet.pods({ labels })[0];
}

function residentMiB(pid: number): number {
  const [, kiB = "NaN"] =
    /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kiB) / 1_024;
}

function aChannel(namespace: string, name: string, subscribers: number): KubeObject {
  const entries = Array.from({ length: subscribers }, (_, index) => ({
    uid: `${name}-${index}`,
    generation: 1,
    // Nobody sends anything.
    subscriberUri: "http://127.0.0.1:9",
  }));
  const spec = entries.length === 0 ? {} : { subscribers: entries };
  return { apiVersion: API_VERSION, kind: KIND, metadata: { namespace, name }, spec };
}

/** Names who sent a request: one of our programs, or somebody of Kubernetes or of this benchmark. */
function nameOf({ user, impersonatedUser }: AuditEvent): string {
  const name = (impersonatedUser ?? user).username;
  return programs.find((program) => name.endsWith(`:jetstream-ch-${program}`)) ?? name;
}

function whatOf({ verb, objectRef }: AuditEvent): string {
  const { resource = "", subresource } = objectRef ?? {};
  return `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}`;
}

function countBy(events: readonly AuditEvent[], by: (event: AuditEvent) => string) {
  const counts = new Map<string, number>();
  for (const event of events) counts.set(by(event), (counts.get(by(event)) ?? 0) + 1);
  return new Map([...counts].toSorted(([, a], [, b]) => b - a));
}
