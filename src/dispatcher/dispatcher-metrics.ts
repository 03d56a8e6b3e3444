import type { NatsClient } from "../nats/client.ts";
import type { Metrics } from "../runtime/metrics.ts";
import { AccountUsage } from "./account-usage.ts";
import { Backlog } from "./backlog.ts";
import type { BodyRoom } from "./body.ts";
import type { ChannelSource } from "./channel-source.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import type { NatsClients } from "./nats-clients.ts";
import type { ServedChannel } from "./served-channel.ts";

/**
 * Gives the metrics in text form, with the gauges read from the running parts: they cost nothing
 * between two scrapes, and a subscriber that is gone has no series.
 */
export function observeDispatcher(deps: {
  metrics: Metrics;
  clients: NatsClients;
  room: BodyRoom;
  budget: MemoryBudget;
  served: ReadonlyMap<string, ServedChannel>;
  source: Pick<ChannelSource, "isLeader">;
}): () => Promise<{ contentType: string; body: string }> {
  const { metrics, clients, room, budget, served, source } = deps;
  const accounts = new AccountUsage(metrics);
  const backlog = new Backlog(served);
  return async () => {
    const logins = loginsOf(clients);
    await Promise.all([
      accounts.observe(logins),
      backlog.ask(),
      observeExpiries(metrics.credentialExpiry, logins),
    ]);
    metrics.leader.set(source.isLeader() ? 1 : 0);
    const inFlight = clients.all.map(({ publisher }) => publisher.inFlight);
    metrics.publishesInFlight.set(inFlight.reduce((sum, each) => sum + each, 0));
    metrics.receivingBytes.set(room.usedBytes);
    metrics.memoryBound.set(budget.boundBytes);
    metrics.memoryUsed.set(budget.usedBytes);
    observeConnections(metrics, clients);
    observeSubscribers(metrics, served);
    const { registry } = metrics;
    return { contentType: registry.contentType, body: await registry.metrics() };
  };
}

/** The label of the dispatcher's own login; a channel's has a `/` in its name. */
const OWN_LOGIN = "dispatcher";

function loginsOf(clients: NatsClients): { name: string; client: NatsClient }[] {
  return [{ name: OWN_LOGIN, client: clients.own }, ...clients.ofChannels];
}

function observeConnections(
  { natsConnected, natsDisconnects }: Metrics,
  clients: NatsClients,
): void {
  natsConnected.reset();
  natsDisconnects.reset();
  for (const { name: login, client } of loginsOf(clients)) {
    const { state, disconnects } = client.connection.state;
    natsConnected.set({ login }, state === "connected" ? 1 : 0);
    natsDisconnects.inc({ login }, disconnects);
  }
}

async function observeExpiries(
  gauge: Metrics["credentialExpiry"],
  logins: { name: string; client: NatsClient }[],
): Promise<void> {
  const read = logins.map(({ client }) => client.connection.expiries());
  const all = await Promise.all(read);
  gauge.reset();
  for (const [index, { name: login }] of logins.entries()) {
    for (const { kind, atMs } of all[index] ?? []) gauge.set({ login, kind }, atMs / 1_000);
  }
}

function observeSubscribers(metrics: Metrics, served: ReadonlyMap<string, ServedChannel>): void {
  const { inFlight, waiting, held, pending, oldestUnacknowledged, channels, channelReady } =
    metrics;
  const gauges = [inFlight, waiting, held, pending, oldestUnacknowledged, channels, channelReady];
  for (const gauge of gauges) gauge.reset();
  const now = Date.now();
  let ready = 0;
  for (const [channel, state] of served) {
    if (state.status.ready) ready += 1;
    channelReady.set({ channel }, state.status.ready ? 1 : 0);
    for (const [subscriber, { subscription }] of state.subscribers) {
      const labels = { channel, subscriber };
      const snapshot = subscription.snapshot();
      inFlight.set(labels, snapshot.inFlight);
      waiting.set(labels, snapshot.waiting);
      held.set(labels, snapshot.held ? 1 : 0);
      pending.set(labels, snapshot.pending);
      oldestUnacknowledged.set(labels, Math.max(0, now - subscription.oldestStoredAtMs) / 1_000);
    }
  }
  channels.set({ state: "ready" }, ready);
  channels.set({ state: "not_ready" }, served.size - ready);
}
