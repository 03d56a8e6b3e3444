import type { AdminServer } from "../runtime/admin-server.ts";
import type { ShutdownStep } from "../runtime/lifecycle.ts";
import type { Tracing } from "../runtime/tracing.ts";
import type { HttpSender } from "./http-sender.ts";
import type { EventServer } from "./http-server.ts";
import type { NatsClients } from "./nats-clients.ts";
import type { Subscription } from "./subscription.ts";

/** What has to end. */
export interface RunningParts {
  running: ReadonlySet<Subscription>;
  clients: NatsClients;
  sender: HttpSender;
  events: EventServer;
  admin: AdminServer;
  tracing: Tracing;
  quietPeriodMs: () => number;
  /** Reports not ready, and takes in no more changes of channels. */
  stopChanges: () => Promise<void>;
  stopTicking: () => void;
}

/** Kept of the grace period for settling and closing when an attempt does not end. */
const LAST_MS = 3_000;

/**
 * Gives the steps of an orderly end: not ready; pull no more and give back what is not started; go on
 * receiving until nobody sends any more; finish the attempts under way; confirm what is settled; close.
 */
export function shutdownSteps(parts: RunningParts): [name: string, step: ShutdownStep][] {
  const { clients, sender, events, admin } = parts;
  const subscriptions = (): Subscription[] => [...parts.running];
  return [
    ["changes", () => withinMs(parts.stopChanges(), LAST_MS)],
    ["pulls", () => withinMs(Promise.all(subscriptions().map((one) => one.stop())), LAST_MS)],
    [
      "receiver",
      async (remainingMs) => {
        await events.drain({ quietMs: parts.quietPeriodMs(), atMostMs: remainingMs / 2 });
        const ends = clients.all.map(({ publisher }) => publisher.end());
        await withinMs(Promise.all(ends), LAST_MS);
      },
    ],
    [
      "deliveries",
      async (remainingMs) => {
        const finished = Promise.all(subscriptions().map((one) => one.finished()));
        await withinMs(finished, Math.max(0, remainingMs - LAST_MS));
        // What does not end in time is broken off, and given back since it is nobody's failure.
        await sender.close();
        await withinMs(finished, LAST_MS / 3);
        parts.stopTicking();
        await Promise.all(clients.all.map(({ acks }) => acks.settled(LAST_MS / 3)));
        for (const { acks } of clients.all) acks.close();
      },
    ],
    ["nats", () => clients.close()],
    ["spans", () => parts.tracing.stop(LAST_MS / 3)],
    ["admin", () => admin.close()],
  ];
}

async function withinMs(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, timeout]);
  clearTimeout(timer);
}
