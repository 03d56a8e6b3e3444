/**
 * A steady load on a channel of a cluster, with a ledger as the judge. Senders send to what a Service would: the replicas that are said
 * to be endpoints at that moment. Nothing is sent twice.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import type { Ledger } from "../../support/ledger.ts";
import type { ClusterWorld } from "./cluster-world.ts";

const SENDERS = 4;
const BETWEEN_EVENTS_MS = 10;
const within = 60_000;

/** Holds a load that runs. */
export interface Load {
  /** Answers other than 202 and broken connections, by what they were, with how often. */
  readonly refused: ReadonlyMap<string, number>;
  /** Waits for further acknowledgements, so that the load is known to flow. */
  flows(more?: number): Promise<void>;
  /** Sends no more. */
  finish(): Promise<void>;
}

/** Starts to send. */
export function startLoad(
  world: Pick<ClusterWorld, "client">,
  options: { channel: string; ledger: Ledger; endpoints: () => readonly DispatcherProcess[] },
): Load {
  const { channel, ledger, endpoints } = options;
  const clients = new Map<DispatcherProcess, ReturnType<ClusterWorld["client"]>>();
  const refused = new Map<string, number>();
  let sent = 0;
  let acknowledged = 0;
  let isOver = false;

  const sendOne = async (id: string): Promise<string> => {
    const all = endpoints();
    const endpoint = all[sent % all.length] as DispatcherProcess;
    const client = clients.get(endpoint) ?? world.client(channel, endpoint);
    clients.set(endpoint, client);
    try {
      return `${(await client.sendBinary({ id })).status}`;
    } catch (error) {
      return `${(error as NodeJS.ErrnoException).code}`;
    }
  };
  const send = async () => {
    while (!isOver) {
      const id = `${channel}-${sent++}`;
      ledger.sent(id);
      const outcome = await sendOne(id);
      if (outcome === "202") {
        ledger.acknowledged(id);
        acknowledged += 1;
      } else refused.set(outcome, (refused.get(outcome) ?? 0) + 1);
      await pause(BETWEEN_EVENTS_MS);
    }
  };
  const senders = Array.from({ length: SENDERS }, send);
  return {
    refused,
    async flows(more = 100) {
      const goal = acknowledged + more;
      await eventually(() => acknowledged >= goal, { within, what: `${more} acknowledgements` });
    },
    async finish() {
      isOver = true;
      await Promise.all(senders);
    },
  };
}

/** Waits until a receiver has every event that was acknowledged, and gives what the ledger says of it. */
export async function settled(ledger: Ledger, receiver: string) {
  await eventually(() => ledger.missing(receiver).length === 0, {
    within,
    what: `every acknowledged event at ${receiver}`,
  });
  return ledger.summary().receivers[receiver];
}
