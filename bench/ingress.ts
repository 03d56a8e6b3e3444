/*
 * How dear it is to receive an event. One load generator sends the same load in turn to the dispatcher (one channel, no
 * subscriber, file storage), to a bare `node:http` server, and to express + `js.publish` on a stream of the same
 * configuration. Called by main.ts, which ends what is started here.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { aChannel } from "../test/support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../test/support/data-plane.ts";
import { measureUsage } from "./cpu-time.ts";
import type { Experiment, Surroundings } from "./experiment.ts";
import { type Program, startProgram } from "./program.ts";
import type { Load, LoadOutcome } from "./programs/load-generator.ts";
import { type Contestant, playRounds, type Slice } from "./rounds.ts";

const connections = 64;
const channel = "ingress";
const expressStream = "EXPRESS";
const expressSubject = "express.events";
/** Time for the server to finish what the slice before left it (files that a purge removes). */
const settleMs = 300;

interface Receiver {
  name: string;
  pid: number;
  port: number;
  host: string;
  /** Where it stores events; undefined when it does not. */
  stream: string | undefined;
}

interface Listening {
  port: number;
}

type Generator = Program<unknown, Load, LoadOutcome>;

/** Measures the receivers; with `dispatcherEnv` for a profile only the dispatcher. */
export async function measureIngress(surroundings: Surroundings): Promise<Experiment> {
  const { ends, extent, tell, dispatcherEnv } = surroundings;
  const plane = await startDataPlane({
    channels: [aChannel({ name: channel })],
    ...(dispatcherEnv === undefined ? {} : { env: dispatcherEnv }),
  });
  ends.add(() => plane.stop());
  const generator: Generator = await startProgram({
    script: new URL("./programs/load-generator.ts", import.meta.url),
  });
  ends.add(() => generator.stop());
  const jsm = await jetstreamManager(plane.nc);
  const receivers = [dispatcher(plane)];
  if (dispatcherEnv === undefined) {
    receivers.push(...(await startOthers(plane, jsm, surroundings)));
  }
  const contestants = receivers.map((receiver): Contestant => {
    const pids = { subject: receiver.pid, server: plane.nats.pid, peer: generator.pid };
    const slice = async (round: number): Promise<Slice> => {
      if (receiver.stream !== undefined) {
        await jsm.streams.purge(receiver.stream);
      }
      await sleep(settleMs);
      const load: Load = {
        port: receiver.port,
        host: receiver.host,
        connections,
        events: extent.sliceEvents,
        atMostMs: round === 0 ? extent.warmUpMs : extent.sliceMs,
        idPrefix: `${round}-`,
      };
      const { result, usage } = await measureUsage(pids, () => generator.ask(load));
      await checkStored(jsm, receiver, result.events);
      return { ...result, usage };
    };
    return { name: receiver.name, slice };
  });
  const onWarm = () => {
    if (dispatcherEnv !== undefined) {
      plane.dispatcher.signal("SIGUSR2");
    }
  };
  const series = await playRounds(contestants, extent, { tell, onWarm });
  // In peace: a profile is written at the exit.
  await plane.dispatcher.kill("SIGTERM");
  return { series, natsServerVersion: plane.nc.info?.version ?? "unknown" };
}

function dispatcher(plane: DataPlane): Receiver {
  return {
    name: "jetstream-channel",
    pid: plane.dispatcher.pid,
    port: plane.dispatcher.httpPort,
    host: `${channel}-kn-jsm-channel.default.svc.cluster.local`,
    stream: "KN_DEFAULT__INGRESS",
  };
}

async function startOthers(
  plane: DataPlane,
  jsm: JetStreamManager,
  { ends }: Surroundings,
): Promise<Receiver[]> {
  const { config } = await jsm.streams.info("KN_DEFAULT__INGRESS");
  await jsm.streams.add({
    ...config,
    name: expressStream,
    subjects: [expressSubject],
    metadata: {},
  });
  const bare = await startProgram<Listening>({
    script: new URL("./programs/bare-receiver.ts", import.meta.url),
  });
  ends.add(() => bare.stop());
  const express = await startProgram<Listening>({
    script: new URL("./programs/express-receiver.ts", import.meta.url),
    args: [plane.nats.url, expressSubject],
    env: { NODE_ENV: "production" },
  });
  ends.add(() => express.stop());
  const host = "127.0.0.1";
  return [
    { name: "bare node:http", pid: bare.pid, ...bare.hello, host, stream: undefined },
    {
      name: "express + js.publish",
      pid: express.pid,
      ...express.hello,
      host,
      stream: expressStream,
    },
  ];
}

/** Makes sure that what was answered 202 is in the stream: a receiver that loses events is no contestant. */
async function checkStored(
  jsm: JetStreamManager,
  { name, stream }: Receiver,
  events: number,
): Promise<void> {
  if (stream === undefined) {
    return;
  }
  const { messages } = (await jsm.streams.info(stream)).state;
  if (messages !== events) {
    throw new Error(`${name} answered 202 to ${events} events and stored ${messages}`);
  }
}
