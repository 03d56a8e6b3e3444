/**
 * A data plane under load for one scenario: one or two dispatchers, every way that an event can go, and a ledger. The
 * scenario makes its faults and asks how long delivery stood still; at the end the ledger judges.
 */
import { jetstreamManager } from "@nats-io/jetstream";
import { expect } from "vitest";
import { type DataPlane, type DataPlaneOptions, startDataPlane } from "../../support/data-plane.ts";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import type { Ledger, LedgerSummary } from "../../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import { judge, type Load, STREAM, type Subscribers, startLoad, startSubscribers } from "./load.ts";

/** Attempts under way at one subscriber of one replica, at the most: what a kill may cost in duplicates. */
export const CONCURRENCY = 20;

/** Says what a scenario needs. */
export interface FaultWorldOptions extends Omit<DataPlaneOptions, "channels" | "login"> {
  /** The channel's `spec.stream`. */
  stream?: object;
  /** Goes into the channel's `consumerConfigTemplate`. */
  consumer?: Record<string, unknown>;
  /** Dispatchers: one unless said. */
  replicas?: 1 | 2;
  /** Further bytes in each event, and the pause of each sender after one. */
  load?: { eventBytes?: number; betweenMs?: number };
  /** How the dispatchers log in: goes into the addresses of NATS, `user:password@`. */
  login?: string;
}

/** Holds the lines that a scenario can break: of the first dispatcher to NATS, and of all to the two sinks. */
export type Lines = Readonly<Record<"nats" | "replies" | "letters", TcpProxy>>;

/** Holds what a scenario works with. */
export interface FaultWorld {
  readonly lines: Lines;
  readonly plane: DataPlane;
  readonly load: Load;
  readonly ledger: Ledger;
  /** The second dispatcher, which no fault is meant for. */
  readonly other: DispatcherProcess | undefined;
  /** Waits until an event that was first sent after this call has reached every receiver; gives and notes the ms. */
  goesOn(after: string, within?: number): Promise<number>;
  /**
   * Makes a fault that takes with it what is stored, waits for delivery to go on, and sees to it that everything that
   * was first sent after the fault arrives everywhere. Gives how many acknowledged events are lost, by receiver.
   */
  losesOnlyWhatWasThere(
    fault: string,
    make: () => Promise<unknown>,
  ): Promise<Record<string, number>>;
  /**
   * Ends the load and has the ledger judge: nothing acknowledged is missing anywhere, every event was acknowledged in
   * the end and is stored once, and no receiver got more events twice than said.
   */
  judged(what: string, most: { duplicates: number; isStored?: boolean }): Promise<LedgerSummary>;
}

/** Runs a scenario under load. */
export async function withFaultWorld(
  options: FaultWorldOptions,
  scenario: (world: FaultWorld) => Promise<void>,
): Promise<void> {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    await scenario(await startWorld(options, (end) => void ends.unshift(end)));
  } finally {
    for (const end of ends) await end();
  }
}

async function startWorld(
  {
    stream,
    consumer = {},
    replicas = 1,
    dispatch,
    login = "",
    load: pace,
    ...options
  }: FaultWorldOptions,
  atEnd: (end: () => Promise<unknown>) => void,
): Promise<FaultWorld> {
  const line = async (port: number) => {
    const proxy = await startTcpProxy(port);
    atEnd(() => proxy.close());
    return proxy;
  };
  const lines: Partial<Record<keyof Lines, TcpProxy>> = {};
  const subscribers = await startSubscribers(stream, {
    consumer,
    everyWay: true,
    async through(receiver, port) {
      lines[receiver] = await line(port);
      return lines[receiver].port;
    },
  });
  atEnd(() => subscribers.close());
  const nats = options.nats ?? (await ownServer(atEnd));
  lines.nats = await line(nats.port);
  const plane = await startDataPlane({
    ...options,
    nats,
    channels: subscribers.channels,
    dispatch: { concurrency: CONCURRENCY, ...dispatch },
    env: { NATS_URL: `nats://${login}127.0.0.1:${lines.nats.port}`, ...options.env },
  });
  atEnd(() => plane.stop());
  const other =
    replicas === 2
      ? await plane.startReplica({
          NATS_URL: options.env?.NATS_URL ?? `nats://${login}127.0.0.1:${nats.port}`,
        })
      : undefined;
  atEnd(async () => await other?.kill("SIGKILL"));
  const ports = () => [plane.dispatcher, other].flatMap((one) => one?.httpPort ?? []);
  const load = startLoad(subscribers.ledger, ports, pace);
  atEnd(() => load.abandon());
  return {
    ...{ plane, load, ledger: subscribers.ledger, other, lines: lines as Lines },
    ...verdicts({ plane, load, subscribers }),
  };
}

function verdicts(parts: {
  plane: DataPlane;
  load: Load;
  subscribers: Subscribers;
}): Pick<FaultWorld, "goesOn" | "losesOnlyWhatWasThere" | "judged"> {
  const { plane, load, subscribers } = parts;
  const { ledger } = subscribers;
  const receivers = Object.keys(ledger.summary().receivers);
  const times = new Map<string, number[]>();
  const goesOn = async (after: string, within = 60_000) => {
    const took = await untilNewer(subscribers, load.events, within);
    times.set(after, [...(times.get(after) ?? []), took]);
    return took;
  };
  const printTimes = () => {
    for (const [after, ms] of times) {
      console.info(`ms until delivery went on after ${after}: ${timesText(ms)}`);
    }
  };
  return {
    goesOn,
    async losesOnlyWhatWasThere(fault, make) {
      await make();
      const last = load.events;
      const took = await goesOn(fault);
      await load.acknowledges(50);
      const now = load.events;
      const missing = (one: string) => ledger.missing(one).map(Number);
      await eventually(
        () => receivers.every((one) => !missing(one).some((id) => id > last && id <= now)),
        { within: 60_000, what: "every event that was sent after the fault" },
      );
      const lost = receivers.map((one) => [one, missing(one).filter((id) => id <= last).length]);
      const soFar = JSON.stringify(Object.fromEntries(lost));
      console.info(`${fault}: delivery went on after ${took} ms, lost so far: ${soFar}`);
      return Object.fromEntries(lost);
    },
    async judged(what, { duplicates, isStored = true }) {
      await load.finish();
      const summary = await judge(what, ledger, load);
      printTimes();
      for (const [receiver, counts] of Object.entries(summary.receivers)) {
        expect({ receiver, ...counts }).toMatchObject({ receiver, missing: 0, unknown: 0 });
        expect(counts.duplicates, `duplicates at ${receiver}`).toBeLessThanOrEqual(duplicates);
      }
      expect(summary.acknowledged).toBe(summary.sent);
      const { state } = await (await jetstreamManager(plane.nc)).streams.info(STREAM);
      if (isStored) expect(state.messages).toBe(summary.sent);
      return summary;
    },
  };
}

async function ownServer(atEnd: (end: () => Promise<unknown>) => void): Promise<NatsServer> {
  const nats = await startNatsServer();
  atEnd(() => nats.stop());
  return nats;
}

/** Waits until every receiver has got a newer event than that one; gives the time it took in ms. */
async function untilNewer(
  { ledger, newest }: Subscribers,
  event: number,
  within: number,
): Promise<number> {
  const startedAt = performance.now();
  const receivers = Object.keys(ledger.summary().receivers);
  await eventually(() => receivers.every((one) => newest(one) > event), {
    within,
    what: `a new event to reach each of ${receivers}`,
  });
  return Math.round(performance.now() - startedAt);
}

function timesText(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  if (sorted.length <= 10) return `${times}`;
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))];
  return `median ${at(0.5)}, 90 % ${at(0.9)}, longest ${at(1)}, of ${sorted.length}`;
}
