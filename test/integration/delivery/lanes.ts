/**
 * Runs many deliveries side by side on one data plane. A lane is a channel with one subscriber, and real HTTP servers for
 * the subscriber, the reply destination and the dead-letter sink; what a lane does not mention it does not have.
 */
import { randomUUID } from "node:crypto";
import { type ConsumerInfo, type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { expect } from "vitest";
import type { Certificate } from "../../support/certificates.ts";
import { aChannel, aSubscriber, type ChannelObject } from "../../support/channels-file.ts";
import type { CloudEventClient, TestEvent } from "../../support/cloud-event-client.ts";
import { type DataPlane, type DataPlaneOptions, startDataPlane } from "../../support/data-plane.ts";
import { type EventSink, type Respond, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import type { RecordedRequest } from "../../support/recorded-request.ts";

/** Says what a lane has and how its servers answer. */
export interface LaneOptions {
  /** Without it a subscriber that takes everything; `none`: only a reply destination. */
  subscriber?: Respond | "none";
  /** Takes the place of the subscriber's own address. */
  subscriberUri?: string;
  reply?: Respond;
  deadLetter?: Respond;
  /** Goes into `delivery` beside the dead-letter sink. */
  delivery?: Record<string, unknown>;
  /** Serves https with this certificate at all three addresses; the certificates that are trusted go in one by one. */
  tls?: Certificate;
  subscriberCACerts?: string;
  replyCACerts?: string;
  deadLetterCACerts?: string;
  /** Goes into `consumerConfigTemplate` and `stream.config`. */
  consumer?: Record<string, unknown>;
  stream?: Record<string, unknown>;
}

/** Holds one lane. */
export interface Lane {
  readonly name: string;
  readonly stream: string;
  readonly subscriber: EventSink;
  readonly reply: EventSink;
  readonly deadLetter: EventSink;
  readonly client: CloudEventClient;
  /** Sends an event in binary mode, which must be answered 202, and gives its id. */
  send(event?: TestEvent, headers?: Record<string, string>): Promise<string>;
  consumer(): Promise<ConsumerInfo>;
  /** Resolves when every stored event is settled for good: acknowledged or given up. */
  settled(withinMs?: number): Promise<void>;
  /** Tells how many messages were settled in a way. */
  deliveries(outcome: string): Promise<number>;
}

/** Holds a data plane and its lanes. */
export interface Lanes<Name extends string> {
  readonly dataPlane: DataPlane;
  readonly jsm: JetStreamManager;
  readonly lanes: Record<Name, Lane>;
  /** What the data plane started with, for a changed file. */
  readonly channels: readonly ChannelObject[];
  stop(): Promise<void>;
}

const ok: Respond = () => ({ status: 200 });

/** Starts a data plane with these lanes, ready. */
export async function startLanes<Name extends string>(
  options: Record<Name, LaneOptions>,
  dataPlaneOptions: Omit<DataPlaneOptions, "channels"> = {},
): Promise<Lanes<Name>> {
  const names = Object.keys(options) as Name[];
  const sinks: EventSink[] = [];
  const sinkFor = async (respond: Respond, tls?: Certificate): Promise<EventSink> => {
    const sink = await startEventSink({ respond, ...(tls && { tls }) });
    sinks.push(sink);
    return sink;
  };
  const parts = await Promise.all(
    names.map(async (name) => {
      const { subscriber = ok, reply = ok, deadLetter = ok, tls } = options[name];
      return {
        name,
        subscriber: await sinkFor(subscriber === "none" ? ok : subscriber, tls),
        reply: await sinkFor(reply, tls),
        deadLetter: await sinkFor(deadLetter, tls),
      };
    }),
  );
  const channels = parts.map((part) => channelOf(part, options[part.name]));
  const dataPlane = await startDataPlane({ ...dataPlaneOptions, channels });
  const jsm = await jetstreamManager(dataPlane.nc);
  const lanes = Object.fromEntries(parts.map((part) => [part.name, laneOf(part, dataPlane, jsm)]));
  return {
    dataPlane,
    jsm,
    channels,
    lanes: lanes as Record<Name, Lane>,
    async stop() {
      await dataPlane.stop();
      await Promise.all(sinks.map((sink) => sink.close()));
    },
  };
}

type Parts = Pick<Lane, "name" | "subscriber" | "reply" | "deadLetter">;

function channelOf(parts: Parts, options: LaneOptions): ChannelObject {
  const { name, subscriber, reply, deadLetter } = parts;
  const { consumer, stream, subscriberCACerts, replyCACerts, deadLetterCACerts: CACerts } = options;
  const deadLetterSink = { uri: deadLetter.url, ...(CACerts && { CACerts }) };
  const delivery = { ...options.delivery, ...(options.deadLetter && { deadLetterSink }) };
  const uri = options.subscriberUri ?? subscriber.url;
  return aChannel({
    name,
    spec: {
      ...(consumer && { consumerConfigTemplate: consumer }),
      ...(stream && { stream: { config: stream } }),
      subscribers: [
        aSubscriber({
          uid: name,
          ...(options.subscriber !== "none" && { uri }),
          ...(options.reply && { replyUri: reply.url }),
          ...(subscriberCACerts && { subscriberCACerts }),
          ...(replyCACerts && { replyCACerts }),
          ...(Object.keys(delivery).length > 0 && { delivery }),
        }),
      ],
    },
  });
}

function laneOf(parts: Parts, dataPlane: DataPlane, jsm: JetStreamManager): Lane {
  const { name } = parts;
  const stream = `KN_DEFAULT__${name.toUpperCase().replaceAll("-", "_")}`;
  const client = dataPlane.client(name);
  const consumer = () =>
    jsm.consumers.info(stream, `KN_SUB_${name.toUpperCase().replaceAll("-", "")}`);
  return {
    ...parts,
    stream,
    client,
    consumer,
    async send(event = {}, headers = {}) {
      const id = event.id ?? randomUUID();
      const answer = await client.sendBinary({ ...event, id }, headers);
      expect(answer.status, answer.body).toBe(202);
      return id;
    },
    async settled(withinMs = 20_000) {
      await eventually(
        async () => {
          // Right after a publish the consumer may not know of it yet: its own counts would be 0.
          const { state } = await jsm.streams.info(stream);
          return (await consumer()).ack_floor.stream_seq >= state.last_seq;
        },
        { within: withinMs, what: `every event of ${name} to be settled` },
      );
    },
    async deliveries(outcome) {
      const channel = `default/${name}`;
      return await metric(dataPlane, "jetstream_channel_deliveries_total", { channel, outcome });
    },
  };
}

/** Reads one series of a dispatcher's metrics, summed up over what is not said; 0 when there is none. */
export async function metric(
  dataPlane: Pick<DataPlane, "dispatcher">,
  name: string,
  labels: Record<string, string> = {},
): Promise<number> {
  const text = await dataPlane.dispatcher.metrics();
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

/** Gives the gaps between requests, in milliseconds. */
export function gapsMs(requests: readonly RecordedRequest[]): number[] {
  const times = requests.map(({ receivedAt }) => receivedAt);
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

/** Gives an answer that carries an event in binary mode. */
export function eventAnswer(
  id: string,
  { status = 200, data = '{"re":1}', headers = {} as Record<string, string | string[]> } = {},
) {
  return {
    status,
    headers: {
      "ce-specversion": "1.0",
      "ce-id": id,
      "ce-source": "/subscriber",
      "ce-type": "test.reply",
      "content-type": "application/json",
      ...headers,
    },
    body: data,
  };
}
