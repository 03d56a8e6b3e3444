/**
 * A steady load on a channel's address, as it reaches dispatchers in a cluster: over kept connections, to the ready endpoints as kube-proxy has
 * heard of them. Nothing is sent twice; a ledger is the judge.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type CloudEventClient, createCloudEventClient } from "../../support/cloud-event-client.ts";
import { eventually } from "../../support/eventually.ts";
import { createLedger, type Ledger } from "../../support/ledger.ts";
import { serviceAddresses } from "../../support/service-addresses.ts";
import type { OperatorWorld } from "./operator-world.ts";

const SENDERS = 4;
const BETWEEN_EVENTS_MS = 10;
const HEARD_EVERY_MS = 250;
const within = 60_000;

/** Holds a load that runs. */
export interface ServiceLoad {
  readonly ledger: Ledger;
  /** Answers other than 202 and broken connections, with how often. */
  readonly refused: ReadonlyMap<string, number>;
  /** Waits for further acknowledgements, so that the load is known to flow. */
  flows(more?: number): Promise<void>;
  /** Sends no more, and waits until the subscriber has all that was acknowledged. */
  finish(): Promise<void>;
}

/** Starts to send to a channel's address; its subscriber is at `/<receiver>` of the world's sink. */
export async function startServiceLoad(
  world: OperatorWorld,
  { url, receiver }: { url: string; receiver: string },
): Promise<ServiceLoad> {
  const ledger = createLedger(receiver);
  const hear = world.sink.onRequest;
  world.sink.onRequest = (request) => {
    hear(request);
    if (request.path === `/${receiver}`) ledger.received(receiver, request.event?.id ?? "");
  };
  // Of a load before, JetStream would take the same ids for duplicates.
  const load = randomUUID();
  const over = new AbortController();
  const endpoints = await followEndpoints(world, url, over.signal);
  const refused = new Map<string, number>();
  let sent = 0;
  let acknowledged = 0;
  const send = async () => {
    while (!over.signal.aborted) {
      const id = `${load}-${sent++}`;
      ledger.sent(id);
      const outcome = await endpoints
        .next()
        .sendBinary({ id })
        .then(({ status }) => `${status}`)
        .catch((error: NodeJS.ErrnoException) => `${error.code}`);
      if (outcome === "202") {
        ledger.acknowledged(id);
        acknowledged += 1;
      } else refused.set(outcome, (refused.get(outcome) ?? 0) + 1);
      await pause(BETWEEN_EVENTS_MS);
    }
  };
  const senders = Array.from({ length: SENDERS }, send);
  return {
    ledger,
    refused,
    async flows(more = 100) {
      const goal = acknowledged + more;
      await eventually(() => acknowledged >= goal, { within, what: `${more} acknowledgements` });
    },
    async finish() {
      over.abort();
      await Promise.all(senders);
      await endpoints.stop();
      await eventually(() => ledger.missing(receiver).length === 0, {
        within,
        what: `every acknowledged event at ${receiver}`,
      });
    },
  };
}

/** Keeps a connection to each ready endpoint, and asks again and again which they are; those of before stay while nobody answers. */
async function followEndpoints(
  { client, installation }: OperatorWorld,
  url: string,
  signal: AbortSignal,
) {
  const { host } = new URL(url);
  const clients = new Map<string, CloudEventClient>();
  let addresses: string[] = [];
  let turn = 0;
  const look = async () => {
    const found = await serviceAddresses(client, installation.kubelet, url).catch(() => []);
    if (found.length > 0) addresses = found;
  };
  const clientOf = (address: string): CloudEventClient => {
    const port = Number(address.slice(address.lastIndexOf(":") + 1));
    const made = clients.get(address) ?? createCloudEventClient({ port, host });
    clients.set(address, made);
    return made;
  };
  await look();
  const looking = (async () => {
    while (!signal.aborted) {
      await pause(HEARD_EVERY_MS);
      await look();
    }
  })();
  return {
    next: () => clientOf(addresses[turn++ % addresses.length] ?? ""),
    async stop() {
      await looking;
      for (const each of clients.values()) each.close();
    },
  };
}
