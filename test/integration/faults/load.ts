/**
 * A steady load with a ledger as the judge: several senders that send each event, under the same id, until it is
 * acknowledged, and real subscribers: one that takes all, one that refuses now and then, and where a test wants it one
 * that answers with events and one that refuses all. A test makes its faults meanwhile.
 */
import { setTimeout as pause } from "node:timers/promises";
import { aChannel, aSubscriber, type ChannelObject } from "../../support/channels-file.ts";
import {
  type Answer,
  type CloudEventClient,
  createCloudEventClient,
} from "../../support/cloud-event-client.ts";
import { type EventSink, type Respond, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { createLedger, type Ledger } from "../../support/ledger.ts";

const CHANNEL = "load";
const HOST = `${CHANNEL}-kn-jsm-channel.default.svc.cluster.local`;
const SENDERS = 8;
const BETWEEN_EVENTS_MS = 10;
const BEFORE_RETRY_MS = 20;
const REFUSES_EVERY = 25;

/** The stream of the channel under load. */
export const STREAM = "KN_DEFAULT__LOAD";

/** Holds the subscribers and the ledger of what each of the receivers accepted. */
export interface Subscribers {
  readonly ledger: Ledger;
  readonly channels: ChannelObject[];
  /** Gives the highest id that a receiver has accepted so far. */
  newest(receiver: string): number;
  close(): Promise<void>;
}

/** Says what the channel is like. */
export interface ChannelOptions {
  /** Goes into `consumerConfigTemplate`. */
  consumer?: Record<string, unknown>;
  /** Two subscribers more: a reply target and a dead-letter sink get every event, too. */
  everyWay?: boolean;
  /** Gives the port under which the reply target or the dead-letter sink is known, for one that listens on another. */
  through?: (receiver: "replies" | "letters", port: number) => Promise<number>;
}

/** Holds a load that runs. */
export interface Load {
  /** Answers other than 202, by status; a connection that broke counts as `broken`. */
  readonly refused: ReadonlyMap<number | "broken", number>;
  /** The sentences of those answers, each with how often it came. */
  readonly reasons: ReadonlyMap<string, number>;
  /** How many events it has begun to send; their ids are 1, 2, 3, … */
  readonly events: number;
  /** Waits for further acknowledgements, so that the load is known to flow. */
  acknowledges(more: number): Promise<void>;
  /** Sends no more and resolves when every event is acknowledged. */
  finish(): Promise<void>;
  /** Sends no more, whatever is not acknowledged. */
  abandon(): Promise<void>;
}

/**
 * Starts the subscribers: `steady` accepts all, `moody` refuses each 25th event at first. `stream` is the channel's
 * `spec.stream`. With `everyWay` the receivers `replies` and `letters` stand behind two subscribers of their own.
 */
export async function startSubscribers(
  stream: object = {},
  { consumer = {}, everyWay = false, through = async (_, port) => port }: ChannelOptions = {},
): Promise<Subscribers> {
  const receivers = ["steady", "moody", ...(everyWay ? ["replies", "letters"] : [])];
  const ledger = createLedger(...receivers);
  const newest = new Map<string, number>();
  const sinks: EventSink[] = [];
  const sinkFor = async (respond: Respond) => {
    const sink = await startEventSink({ record: "ids", respond });
    sinks.push(sink);
    return sink;
  };
  const receiver = (name: string, refuses: (id: number) => boolean = () => false) =>
    sinkFor(({ event }, attempt) => {
      const id = event?.id ?? "";
      if (attempt === 1 && refuses(Number(id))) return { status: 503 };
      ledger.received(name, id);
      newest.set(name, Math.max(newest.get(name) ?? 0, Number(id)));
      return { status: 200 };
    });
  const steady = await receiver("steady");
  const moody = await receiver("moody", (id) => id % REFUSES_EVERY === 0);
  const behind = async (name: "replies" | "letters") => {
    const { port } = await receiver(name);
    return `http://127.0.0.1:${await through(name, port)}`;
  };
  const delivery = { retry: 10, backoffPolicy: "linear", backoffDelay: "PT0.1S" };
  const further = everyWay
    ? [
        aSubscriber({
          uid: "replying",
          uri: (await sinkFor(({ event }) => replyTo(event?.id ?? ""))).url,
          replyUri: await behind("replies"),
          delivery,
        }),
        aSubscriber({
          uid: "refusing",
          uri: (await sinkFor(() => ({ status: 400 }))).url,
          delivery: { ...delivery, deadLetterSink: { uri: await behind("letters") } },
        }),
      ]
    : [];
  const subscribers = [
    aSubscriber({ uid: "steady", uri: steady.url }),
    aSubscriber({ uid: "moody", uri: moody.url, delivery }),
    ...further,
  ];
  // What a killed dispatcher held comes again after this.
  const consumerConfigTemplate = { ackWait: "1s", ...consumer };
  return {
    ledger,
    newest: (name) => newest.get(name) ?? 0,
    channels: [aChannel({ name: CHANNEL, spec: { stream, consumerConfigTemplate, subscribers } })],
    async close() {
      await Promise.all(sinks.map((sink) => sink.close()));
    },
  };
}

function replyTo(id: string) {
  const headers = {
    "ce-specversion": "1.0",
    "ce-id": id,
    "ce-source": "/replying",
    "ce-type": "test.reply",
  };
  return { status: 200, headers };
}

/**
 * Starts to send. `ports` is asked for each attempt, and its next one is taken after each connection that broke, as a
 * Service would give another replica.
 */
export function startLoad(
  ledger: Ledger,
  ports: () => readonly number[],
  { eventBytes = 0, betweenMs = BETWEEN_EVENTS_MS } = {},
): Load {
  const padding = "x".repeat(eventBytes);
  const clients = new Map<number, CloudEventClient>();
  const refused = new Map<number | "broken", number>();
  const reasons = new Map<string, number>();
  let events = 0;
  let acknowledged = 0;
  let isOver = false;
  let isAbandoned = false;
  let choice = 0;

  const attempt = async (id: string): Promise<Answer | "broken"> => {
    const all = ports();
    const port = all[choice % all.length] as number;
    const client = clients.get(port) ?? createCloudEventClient({ port, host: HOST });
    clients.set(port, client);
    const chosen = choice;
    try {
      return await client.sendBinary({ id, data: `{"number":${id},"padding":"${padding}"}` });
    } catch {
      // All senders move on together, once.
      if (choice === chosen) choice += 1;
      return "broken";
    }
  };
  const isTaken = async (id: string): Promise<boolean> => {
    const answer = await attempt(id);
    const outcome = answer === "broken" ? answer : answer.status;
    if (outcome === 202) return true;
    refused.set(outcome, (refused.get(outcome) ?? 0) + 1);
    if (answer !== "broken") reasons.set(answer.body, (reasons.get(answer.body) ?? 0) + 1);
    if (answer !== "broken" && !isAskedToWait(answer)) {
      throw new Error(`event ${id} was answered ${outcome}: ${JSON.stringify(answer)}`);
    }
    return false;
  };
  const sendUntilAcknowledged = async (id: string) => {
    ledger.sent(id);
    while (!(await isTaken(id))) {
      if (isAbandoned) return;
      await pause(BEFORE_RETRY_MS);
    }
    ledger.acknowledged(id);
    acknowledged += 1;
  };
  const sender = async () => {
    while (!isOver) {
      events += 1;
      await sendUntilAcknowledged(`${events}`);
      await pause(betweenMs);
    }
  };
  const senders = Promise.all(Array.from({ length: SENDERS }, sender));
  // Nobody awaits it before the end.
  senders.catch(() => undefined);
  return {
    refused,
    reasons,
    get events() {
      return events;
    },
    async acknowledges(more) {
      const wanted = acknowledged + more;
      const what = `${more} more events to be acknowledged`;
      const isReached = () => acknowledged >= wanted;
      await Promise.race([eventually(isReached, { within: 30_000, what }), senders]);
    },
    async finish() {
      isOver = true;
      await senders;
      for (const client of clients.values()) client.close();
    },
    async abandon() {
      isOver = true;
      isAbandoned = true;
      for (const client of clients.values()) client.close();
      await senders.catch(() => undefined);
    },
  };
}

function isAskedToWait({ status, headers }: Answer): boolean {
  return status === 503 && headers["retry-after"] !== undefined;
}

/** Waits until every receiver has every acknowledged event, and prints what the ledger says. */
export async function judge(what: string, ledger: Ledger, load: Load) {
  const receivers = Object.keys(ledger.summary().receivers);
  const nothingMissing = () => receivers.every((one) => ledger.missing(one).length === 0);
  const wait = { within: 60_000, what: "every acknowledged event to be at every receiver" };
  // The verdict is the test's: it sees the ledger whatever this came to.
  await eventually(nothingMissing, wait).catch(() => undefined);
  return report(what, ledger, load);
}

/** Prints what the ledger says now. */
export function report(what: string, ledger: Ledger, load: Load) {
  const summary = ledger.summary();
  console.info(
    `${what}: ${JSON.stringify({ ...summary, refused: Object.fromEntries([...load.refused, ...load.reasons]) })}`,
  );
  return summary;
}
