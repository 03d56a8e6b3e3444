/**
 * A nats-server alone, for what is asked of it directly: streams and consumers are ensured without a dispatcher, and each
 * request that writes is put down.
 */
import { type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import type { ChannelSettings } from "../../../src/api/settings.ts";
import { deleteStream, type EnsuredStream, ensureStream } from "../../../src/dispatcher/stream.ts";
import type { Logger } from "../../../src/runtime/logger.ts";
import { aChannel, type ChannelParts } from "../../support/channels-file.ts";
import { eventually } from "../../support/eventually.ts";
import {
  type NatsServer,
  type NatsServerOptions,
  startNatsServer,
} from "../../support/nats-server.ts";

/** Holds one line of the log: its level, its words and what came with them. */
export interface LogEntry {
  level: string;
  message: string;
  fields: Record<string, unknown>;
}

/** Holds the server and what a test does with it. */
export interface JetStreamWorld {
  readonly nats: NatsServer;
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly logs: LogEntry[];
  /** What flow 1 hands to ensureStream and ensureConsumer. */
  context(clusterId?: string): {
    jsm: JetStreamManager;
    clusterId: string;
    isLeader: () => boolean;
    log: Logger;
    note: () => void;
  };
  ensure(parts: ChannelParts, clusterId?: string): Promise<EnsuredStream>;
  delete(parts: ChannelParts, clusterId?: string): Promise<void>;
  /** Stores messages and gives their sequences. */
  publish(subject: string, ...bodies: string[]): Promise<number[]>;
  /** Does something and gives the requests that wrote, as `STREAM.UPDATE KN_DEFAULT__A`. */
  writesOf(work: () => Promise<unknown>): Promise<string[]>;
  /** Starts the server again after it was killed, and resolves when it answers here. */
  startAgain(): Promise<void>;
  stop(): Promise<void>;
}

const WRITES = [
  "STREAM.CREATE",
  "STREAM.UPDATE",
  "STREAM.DELETE",
  "STREAM.PURGE",
  "CONSUMER.CREATE",
  "CONSUMER.DURABLE.CREATE",
  "CONSUMER.DELETE",
];

/** What a server asks for itself, when it gets round to it: the consumers of its mirrors and sources. */
const OF_SERVERS = /^\$JS\.API\.CONSUMER\.(CREATE\.[^.]+(\.JS_.*)?$|DELETE\.[^.]+\.JS_)/;

/** Starts it. */
export async function startJetStreamWorld(
  options: NatsServerOptions = {},
): Promise<JetStreamWorld> {
  const nats = await startNatsServer(options);
  const nc = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const jsm = await jetstreamManager(nc);
  const js = jetstream(nc);
  const logs: LogEntry[] = [];
  const writes: string[] = [];
  for (const write of WRITES) {
    nc.subscribe(`$JS.API.${write}.>`, {
      callback(_error, { subject }) {
        if (!OF_SERVERS.test(subject)) writes.push(nameOf(subject));
      },
    });
  }
  const context = (clusterId = "here") => ({
    jsm,
    clusterId,
    isLeader: () => true,
    log: recorder(logs),
    note: () => undefined,
  });
  return {
    nats,
    nc,
    jsm,
    logs,
    context,
    ensure: (parts, clusterId) => ensureStream(settingsFor(parts), context(clusterId)),
    delete: (parts, clusterId) => deleteStream(settingsFor(parts), context(clusterId)),
    async publish(subject, ...bodies) {
      const sequences: number[] = [];
      for (const body of bodies) sequences.push((await js.publish(subject, body)).seq);
      return sequences;
    },
    async writesOf(work) {
      // What was asked before has been heard of when the server has answered.
      await nc.flush();
      writes.length = 0;
      await work();
      await nc.flush();
      return [...writes];
    },
    async startAgain() {
      await nats.start();
      const what = "JetStream to answer again";
      const ask = () => nc.request("$JS.API.INFO", "", { timeout: 200 });
      await eventually(ask, { within: 20_000, what });
    },
    async stop() {
      await nc.close();
      await nats.stop();
    },
  };
}

/** Gives the settings of a channel as the parser makes them; throws when it refuses any of it. */
export function settingsFor(parts: ChannelParts): ChannelSettings {
  const naming = { subjectPrefix: "", streamPrefix: "" };
  const parsed = parseChannel(aChannel(parts), { jetstream: naming });
  if (!parsed.ok || parsed.refusals.length > 0) {
    throw new Error(`the channel of the test is refused: ${JSON.stringify(parsed.refusals)}`);
  }
  return parsed.channel;
}

/** Narrows the outcome to success; fails the test with the reason otherwise. */
export function served(ensured: EnsuredStream): Extract<EnsuredStream, { ok: true }> {
  if (!ensured.ok) throw new Error(`${ensured.reason}: ${ensured.message}`);
  return ensured;
}

function nameOf(subject: string): string {
  const write = WRITES.find((one) => subject.startsWith(`$JS.API.${one}.`)) ?? "";
  return `${write} ${subject.slice(`$JS.API.${write}.`.length)}`;
}

function recorder(logs: LogEntry[]): Logger {
  const at = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void logs.push({ level, message, fields });
  const log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  return log as unknown as Logger;
}
