/*
 * Many channels in one dispatcher without a cluster: a file of channels with three subscribers each. In this order:
 *
 *   1. all channels are new: until the dispatcher is ready
 *   2. rest: memory, processor time, messages between dispatcher and nats-server
 *   3. nats-server is killed and started, and each channel gets an event at once: until all are delivered
 *   4. the dispatcher is started again with a backlog on every channel: until it is ready, until all are delivered
 *   5. one more channel, with very many subscribers: until each of them has its consumer and an event
 *
 * Requests to JetStream are counted by nats-server. Called by main.ts, which ends what is started here.
 */
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { aChannel, aSubscriber, type ChannelObject } from "../test/support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../test/support/data-plane.ts";
import { eventually } from "../test/support/eventually.ts";
import { type NatsServer, startNatsServer } from "../test/support/nats-server.ts";
import { measureUsage, processTimeMs } from "./cpu-time.ts";
import { data, storedHeaders } from "./event.ts";
import type { Surroundings } from "./experiment.ts";
import { type Program, startProgram } from "./program.ts";
import type { Arrival, Expectation } from "./programs/sink.ts";

const subscribersEach = 3;
const backlogEach = 10;
const settleMs = 15_000;
const restMs = 30_000;
const within = 600_000;
const sampleMs = 20;

/** Is what bringing all channels up took. */
export interface ScaleStart {
  readyMs: number;
  /** The dispatcher's processor time until then. */
  cpuMs: number;
  /** Requests to JetStream's API, for each channel. */
  requests: number;
}

/** Is what was found out. */
export interface ScaleFigures {
  natsServerVersion: string;
  channels: number;
  subscribers: number;
  /** What everybody else had of the machine while the channels were new, from 0 to 1. */
  others: number;
  /** The nats-server's processor time meanwhile. */
  serverMs: number;
  fresh: ScaleStart;
  rest: { rssMiB: number; cpuShare: number; serverShare: number; messagesPerMinute: number };
  /** After nats-server was restarted: until an event reached everybody, and what was asked of JetStream meanwhile. */
  reconnect: { deliveredMs: number; requests: number; mostInFlight: number };
  backlog: ScaleStart & { events: number; deliveredMs: number; rssMiB: number };
  wide: { consumersMs: number; deliveredMs: number };
}

interface Place {
  nats: NatsServer;
  plane: DataPlane;
  sink: Program<{ port: number }, Expectation, Arrival>;
  names: string[];
  sent: number;
}

/** Measures; see the head of this file. */
export async function measureScale({ extent, ends, tell }: Surroundings): Promise<ScaleFigures> {
  const { channels, subscribers } = extent.cluster;
  const nats = await startNatsServer();
  ends.add(nats.stop);
  const sink: Place["sink"] = await startProgram({
    script: new URL("./programs/sink.ts", import.meta.url),
  });
  ends.add(() => sink.stop());
  const uri = `http://127.0.0.1:${sink.hello.port}/`;
  const names = Array.from({ length: channels }, (_, index) => `scale-${index}`);
  const objects = names.map((name) => channelOf(name, subscribersEach, uri));
  tell(`scale: ${channels} new channels`);
  const startedAt = performance.now();
  const plane = await startDataPlane({ nats, channels: objects, untilReady: false });
  ends.add(() => plane.stop());
  const place = { nats, plane, sink, names, sent: 0 };
  const pids = { it: plane.dispatcher.pid, server: nats.pid };
  const { result: fresh, usage } = await measureUsage(pids, () => untilReady(place, startedAt, 0));
  tell("scale: at rest");
  const rest = await measureRest(place);
  tell("scale: nats-server is killed");
  const reconnect = await measureReconnect(place);
  tell("scale: the dispatcher starts again, with a backlog");
  const backlog = await measureBacklog(place);
  tell(`scale: one channel with ${subscribers} subscribers`);
  const wide = await measureWide(place, [...objects, channelOf("wide", subscribers, uri)], {
    subscribers,
  });
  const natsServerVersion = plane.nc.info?.version ?? "unknown";
  return {
    ...{ natsServerVersion, channels, subscribers },
    ...{ others: usage.others, serverMs: usage.cpuMs.server },
    ...{ fresh, rest, reconnect, backlog, wide },
  };
}

async function untilReady(
  { nats, plane, names }: Place,
  startedAt: number,
  requestsBefore: number,
): Promise<ScaleStart> {
  const what = `${names.length} channels to be ready`;
  await eventually(async () => (await plane.dispatcher.readiness()) === 200, { within, what });
  return {
    readyMs: performance.now() - startedAt,
    cpuMs: processTimeMs(plane.dispatcher.pid),
    requests: ((await apiOf(nats)).total - requestsBefore) / names.length,
  };
}

async function measureRest({ nats, plane, names }: Place): Promise<ScaleFigures["rest"]> {
  await pause(settleMs);
  const before = await messagesOf(nats);
  const pids = { it: plane.dispatcher.pid, server: nats.pid };
  const { usage } = await measureUsage(pids, () => pause(restMs));
  const messages = (await messagesOf(nats)) - before;
  return {
    rssMiB: residentMiB(plane.dispatcher.pid),
    cpuShare: usage.cpuMs.it / restMs,
    serverShare: usage.cpuMs.server / restMs,
    messagesPerMinute: (messages / names.length / subscribersEach) * (60_000 / restMs),
  };
}

async function measureReconnect(place: Place): Promise<ScaleFigures["reconnect"]> {
  const { nats, sink, names } = place;
  await nats.kill();
  await nats.start();
  const startedAt = performance.now();
  let mostInFlight = 0;
  const sampler = setInterval(() => {
    void apiOf(nats).then(({ inflight = 0 }) => {
      mostInFlight = Math.max(mostInFlight, inflight);
    });
  }, sampleMs);
  const arrival = sink.ask({ requests: names.length * subscribersEach });
  await publish(place, names, 1);
  await arrival;
  const deliveredMs = performance.now() - startedAt;
  // What is found missing after a reconnect is asked for by then.
  await pause(settleMs);
  clearInterval(sampler);
  const requests = (await apiOf(nats)).total / names.length;
  return { deliveredMs, requests, mostInFlight };
}

async function measureBacklog(place: Place): Promise<ScaleFigures["backlog"]> {
  const { nats, plane, sink, names } = place;
  await plane.dispatcher.kill("SIGTERM");
  await publish(place, names, backlogEach);
  const { total } = await apiOf(nats);
  const events = names.length * backlogEach * subscribersEach;
  const arrival = sink.ask({ requests: events });
  const startedAt = performance.now();
  await plane.restartDispatcher("SIGKILL");
  const ready = untilReady(place, startedAt, total);
  await arrival;
  const deliveredMs = performance.now() - startedAt;
  return { ...(await ready), events, deliveredMs, rssMiB: residentMiB(plane.dispatcher.pid) };
}

async function measureWide(
  place: Place,
  objects: ChannelObject[],
  { subscribers }: { subscribers: number },
): Promise<ScaleFigures["wide"]> {
  const { plane, sink } = place;
  const jsm = await jetstreamManager(plane.nc);
  const startedAt = performance.now();
  await plane.write(objects);
  const hasAll = async () => {
    const stream = await jsm.streams.info("KN_DEFAULT__WIDE").catch(() => undefined);
    return stream?.state.consumer_count === subscribers;
  };
  await eventually(hasAll, { within, what: `${subscribers} consumers` });
  const consumersMs = performance.now() - startedAt;
  const arrival = sink.ask({ requests: subscribers });
  const sentAt = performance.now();
  await publish(place, ["wide"], 1);
  await arrival;
  return { consumersMs, deliveredMs: performance.now() - sentAt };
}

async function publish(place: Place, names: readonly string[], each: number): Promise<void> {
  const { nc } = place.plane;
  for (const name of names) {
    for (let index = 0; index < each; index++) {
      place.sent += 1;
      const headers = storedHeaders(`scale-${place.sent}`);
      nc.publish(`default.${name}._knative`, data, { headers });
    }
    await nc.flush();
  }
}

function channelOf(name: string, subscribers: number, uri: string): ChannelObject {
  const entries = Array.from({ length: subscribers }, () => aSubscriber({ uri }));
  return aChannel({ name, spec: { subscribers: entries } });
}

async function apiOf({ monitorUrl }: NatsServer): Promise<{ total: number; inflight?: number }> {
  const { api } = (await (await fetch(`${monitorUrl}/jsz`)).json()) as {
    api: { total: number; inflight?: number };
  };
  return api;
}

async function messagesOf({ monitorUrl }: NatsServer): Promise<number> {
  const { in_msgs, out_msgs } = (await (await fetch(`${monitorUrl}/varz`)).json()) as {
    in_msgs: number;
    out_msgs: number;
  };
  return in_msgs + out_msgs;
}

function residentMiB(pid: number): number {
  const [, kiB = "NaN"] =
    /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kiB) / 1_024;
}
