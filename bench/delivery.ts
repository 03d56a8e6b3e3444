/*
 * How dear it is to deliver an event. A stream is filled while nobody pulls; then the dispatcher, or a loop of
 * `consume()` + `undici.request` + ack in a process of its own, empties it into a sink. Each has a stream and a consumer of
 * the same configuration and as many requests in flight. Called by main.ts, which ends what is started here.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { aChannel, aSubscriber } from "../test/support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../test/support/data-plane.ts";
import { eventually } from "../test/support/eventually.ts";
import { measureUsage } from "./cpu-time.ts";
import { data, storedHeaders } from "./event.ts";
import type { Experiment, Surroundings } from "./experiment.ts";
import { type Program, startProgram } from "./program.ts";
import type { Delivery } from "./programs/consume-loop.ts";
import type { Arrival, Expectation } from "./programs/sink.ts";
import { type Contestant, playRounds, type Slice } from "./rounds.ts";

const inFlight = 64;
const channel = "delivery";
const channelStream = "KN_DEFAULT__DELIVERY";
const channelSubject = "default.delivery._knative";
const loopStream = "LOOP";
const loopSubject = "loop.events";
const loopConsumer = "loop";
const publishedTogether = 500;
const settleMs = 300;
const settledWithinMs = 60_000;

/** One that empties a stream. */
interface Deliverer {
  name: string;
  pid: number;
  stream: string;
  subject: string;
  /** Takes away the consumer of the round before. */
  reset(): Promise<void>;
  /** Begins to deliver; all is delivered when `settled` says so. */
  deliver(events: number): Promise<void>;
}

interface Stage {
  plane: DataPlane;
  jsm: JetStreamManager;
  sink: Program<{ port: number }, Expectation, Arrival>;
}

/** Measures the deliverers; with `dispatcherEnv` for a profile only the dispatcher. */
export async function measureDelivery(surroundings: Surroundings): Promise<Experiment> {
  const { ends, extent, tell, dispatcherEnv } = surroundings;
  const plane = await startDataPlane({
    channels: [aChannel({ name: channel })],
    dispatch: { concurrency: inFlight },
    ...(dispatcherEnv === undefined ? {} : { env: dispatcherEnv }),
  });
  ends.add(() => plane.stop());
  const sink: Stage["sink"] = await startProgram({
    script: new URL("./programs/sink.ts", import.meta.url),
  });
  ends.add(() => sink.stop());
  const stage: Stage = { plane, sink, jsm: await jetstreamManager(plane.nc) };
  const deliverers = [dispatcher(stage)];
  if (dispatcherEnv === undefined) {
    deliverers.push(await startLoop(stage, surroundings));
  }
  const contestants = deliverers.map((deliverer): Contestant => {
    const slice = (round: number) =>
      emptyStream(stage, deliverer, round === 0 ? extent.warmUpEvents : extent.streamEvents);
    return { name: deliverer.name, slice };
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

async function emptyStream(stage: Stage, deliverer: Deliverer, events: number): Promise<Slice> {
  const { plane, sink } = stage;
  await deliverer.reset();
  await fill(stage, deliverer, events);
  await sleep(settleMs);
  const pids = { subject: deliverer.pid, server: plane.nats.pid, peer: sink.pid };
  const { result, usage } = await measureUsage(pids, async () => {
    const arrival = sink.ask({ requests: events });
    await Promise.all([arrival, deliverer.deliver(events)]);
    await settled(stage, deliverer, events);
    return arrival;
  });
  return { events, elapsedMs: result.elapsedMs, usage };
}

/** Publishes events as the dispatcher stores them. */
async function fill({ plane, jsm }: Stage, to: Deliverer, events: number): Promise<void> {
  await jsm.streams.purge(to.stream);
  const run = randomUUID();
  for (let index = 1; index <= events; index++) {
    plane.nc.publish(to.subject, data, { headers: storedHeaders(`${run}-${index}`) });
    if (index % publishedTogether === 0) {
      await plane.nc.flush();
    }
  }
  await eventually(async () => (await jsm.streams.info(to.stream)).state.messages === events, {
    within: settledWithinMs,
    what: `${events} events in the stream ${to.stream}`,
  });
}

/** Waits until the server knows of every ack; each event must have been delivered exactly once. */
async function settled({ jsm }: Stage, { name, stream }: Deliverer, events: number): Promise<void> {
  const consumer = await eventually(
    async () => {
      const [info] = await jsm.consumers.list(stream).next();
      const isSettled = info?.num_pending === 0 && info.num_ack_pending === 0;
      return isSettled ? info : false;
    },
    { within: settledWithinMs, what: `${name} to settle ${events} events` },
  );
  if (consumer.delivered.consumer_seq !== events) {
    throw new Error(
      `${name} got ${consumer.delivered.consumer_seq} deliveries of ${events} events: its figures would be wrong`,
    );
  }
}

function dispatcher({ plane, jsm, sink }: Stage): Deliverer {
  return {
    name: "jetstream-channel",
    pid: plane.dispatcher.pid,
    stream: channelStream,
    subject: channelSubject,
    async reset() {
      await plane.write([aChannel({ name: channel })]);
      await eventually(
        async () => (await jsm.streams.info(channelStream)).state.consumer_count === 0,
        { within: settledWithinMs, what: "the dispatcher to delete the consumer" },
      );
    },
    deliver() {
      const subscriber = aSubscriber({ uri: `http://127.0.0.1:${sink.hello.port}/` });
      return plane.write([aChannel({ name: channel, spec: { subscribers: [subscriber] } })]);
    },
  };
}

async function startLoop(stage: Stage, { ends }: Surroundings): Promise<Deliverer> {
  const { plane, jsm, sink } = stage;
  const { config } = await jsm.streams.info(channelStream);
  await jsm.streams.add({ ...config, name: loopStream, subjects: [loopSubject], metadata: {} });
  const loop = await startProgram<unknown, Delivery, void>({
    script: new URL("./programs/consume-loop.ts", import.meta.url),
    args: [plane.nats.url],
  });
  ends.add(() => loop.stop());
  const sinkUrl = `http://127.0.0.1:${sink.hello.port}/`;
  return {
    name: "consume() + undici.request",
    pid: loop.pid,
    stream: loopStream,
    subject: loopSubject,
    async reset() {
      if ((await jsm.streams.info(loopStream)).state.consumer_count > 0) {
        await jsm.consumers.delete(loopStream, loopConsumer);
      }
    },
    async deliver(events) {
      await jsm.consumers.add(loopStream, {
        durable_name: loopConsumer,
        ack_policy: "explicit",
        max_ack_pending: 1_000,
      });
      await loop.ask({ stream: loopStream, consumer: loopConsumer, sinkUrl, events, inFlight });
    },
  };
}
