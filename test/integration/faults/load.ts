/**
 * A steady load with a ledger as the judge: several senders that send each event, under the same id, until it is
 * acknowledged, and two real subscribers of which one refuses now and then. A test makes its faults meanwhile.
 */
import { setTimeout as pause } from "node:timers/promises";
import { aChannel, aSubscriber, type ChannelObject } from "../../support/channels-file.ts";
import {
  type Answer,
  type CloudEventClient,
  createCloudEventClient,
} from "../../support/cloud-event-client.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { createLedger, type Ledger } from "../../support/ledger.ts";

const CHANNEL = "load";
const HOST = `${CHANNEL}-kn-jsm-channel.default.svc.cluster.local`;
const SENDERS = 8;
const BETWEEN_EVENTS_MS = 6;
const BEFORE_RETRY_MS = 20;
const REFUSES_EVERY = 25;

/** The stream of the channel under load. */
export const STREAM = "KN_DEFAULT__LOAD";

/** Holds the two subscribers and the ledger of what they accepted. */
export interface Subscribers {
  readonly ledger: Ledger;
  readonly channels: ChannelObject[];
  close(): Promise<void>;
}

/** Holds a load that runs. */
export interface Load {
  /** Answers other than 202, by status; a connection that broke counts as `broken`. */
  readonly refused: ReadonlyMap<number | "broken", number>;
  /** Waits for further acknowledgements, so that the load is known to flow. */
  acknowledges(more: number): Promise<void>;
  /** Sends no more and resolves when every event is acknowledged. */
  finish(): Promise<void>;
}

/**
 * Starts the subscribers: `steady` accepts all, `moody` refuses each 25th event at first. `stream` is the channel's
 * `spec.stream`.
 */
export async function startSubscribers(stream: object = {}): Promise<Subscribers> {
  const ledger = createLedger("steady", "moody");
  const sinks: EventSink[] = [];
  const sinkFor = async (name: string, refuses: (id: number) => boolean) => {
    const sink = await startEventSink({
      record: "ids",
      respond: ({ event }, attempt) => {
        const id = event?.id ?? "";
        if (attempt === 1 && refuses(Number(id))) return { status: 503 };
        ledger.received(name, id);
        return { status: 200 };
      },
    });
    sinks.push(sink);
    return sink;
  };
  const steady = await sinkFor("steady", () => false);
  const moody = await sinkFor("moody", (id) => id % REFUSES_EVERY === 0);
  const delivery = { retry: 10, backoffPolicy: "linear", backoffDelay: "PT0.1S" };
  return {
    ledger,
    channels: [
      aChannel({
        name: CHANNEL,
        spec: {
          stream,
          // What a killed dispatcher held comes again after this.
          consumerConfigTemplate: { ackWait: "2s" },
          subscribers: [
            aSubscriber({ uid: "steady", uri: steady.url }),
            aSubscriber({ uid: "moody", uri: moody.url, delivery }),
          ],
        },
      }),
    ],
    async close() {
      await Promise.all(sinks.map((sink) => sink.close()));
    },
  };
}

/**
 * Starts to send. `ports` is asked for each attempt, and its next one is taken after each connection that broke, as a
 * Service would give another replica.
 */
export function startLoad(ledger: Ledger, ports: () => readonly number[]): Load {
  const clients = new Map<number, CloudEventClient>();
  const refused = new Map<number | "broken", number>();
  let events = 0;
  let acknowledged = 0;
  let isOver = false;
  let choice = 0;

  const attempt = async (id: string): Promise<Answer | "broken"> => {
    const all = ports();
    const port = all[choice % all.length] as number;
    const client = clients.get(port) ?? createCloudEventClient({ port, host: HOST });
    clients.set(port, client);
    const chosen = choice;
    try {
      return await client.sendBinary({ id, data: `{"number":${id}}` });
    } catch {
      // All senders move on together, once.
      if (choice === chosen) choice += 1;
      return "broken";
    }
  };
  const sendUntilAcknowledged = async (id: string) => {
    ledger.sent(id);
    for (;;) {
      const answer = await attempt(id);
      const outcome = answer === "broken" ? answer : answer.status;
      if (outcome === 202) break;
      refused.set(outcome, (refused.get(outcome) ?? 0) + 1);
      if (answer !== "broken" && !isAskedToWait(answer)) {
        throw new Error(`event ${id} was answered ${outcome}: ${JSON.stringify(answer)}`);
      }
      await pause(BEFORE_RETRY_MS);
    }
    ledger.acknowledged(id);
    acknowledged += 1;
  };
  const sender = async () => {
    while (!isOver) {
      events += 1;
      await sendUntilAcknowledged(`${events}`);
      await pause(BETWEEN_EVENTS_MS);
    }
  };
  const senders = Promise.all(Array.from({ length: SENDERS }, sender));
  // Nobody awaits it before the end.
  senders.catch(() => undefined);
  return {
    refused,
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
  };
}

function isAskedToWait({ status, headers }: Answer): boolean {
  return status === 503 && headers["retry-after"] !== undefined;
}

/** Waits until both subscribers have every acknowledged event, and prints what the ledger says. */
export async function judge(what: string, ledger: Ledger, load: Load) {
  const nothingMissing = () =>
    ["steady", "moody"].every((receiver) => ledger.missing(receiver).length === 0);
  const wait = { within: 20_000, what: "every acknowledged event to be at both subscribers" };
  // The verdict is the test's: it sees the ledger whatever this came to.
  await eventually(nothingMissing, wait).catch(() => undefined);
  const summary = ledger.summary();
  console.info(
    `${what}: ${JSON.stringify({ ...summary, refused: Object.fromEntries(load.refused) })}`,
  );
  return summary;
}
