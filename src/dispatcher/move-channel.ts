/*
 * Going over to another stream or another login, and leaving the ones before: flow 1 calls it before it
 * looks at the server. Streams and consumers that are left stay as they are.
 */
import type { ChannelSettings } from "../api/settings.ts";
import type { Metrics } from "../runtime/metrics.ts";
import { statusWithout } from "./channel-states.ts";
import type { NatsClients } from "./nats-clients.ts";
import { type Routes, unavailableRoute } from "./routes.ts";
import type { ServedChannel } from "./served-channel.ts";

interface MoveDeps {
  clients: NatsClients;
  routes: Routes;
  metrics: Metrics;
}

/**
 * Leaves the stream and the login that the channel had before, where they are others now. A channel that
 * is served goes over to another login only when that one works; gives what counts until then.
 */
export async function moveTo(
  channel: ChannelSettings,
  state: ServedChannel,
  deps: MoveDeps,
): Promise<ChannelSettings> {
  const { clients } = deps;
  if (clients.isFor(state.client, channel)) {
    releaseNext(state, clients);
    if (state.channel.stream.name !== channel.stream.name) await leaveStream(state, deps);
    return channel;
  }
  if (state.status.ready) {
    if (state.next === undefined || !clients.isFor(state.next, channel)) {
      releaseNext(state, clients);
      state.next = clients.take(channel);
    }
    const { login, stream } = state.channel;
    if (state.next.connection.current === undefined) return { ...channel, login, stream };
  }
  await leaveStream(state, deps);
  const left = state.client;
  state.client = state.next ?? clients.take(channel);
  state.next = undefined;
  clients.release(left);
  return channel;
}

/** Gives up the login that was to come. */
export function releaseNext(state: ServedChannel, clients: NatsClients): void {
  if (state.next !== undefined) clients.release(state.next);
  state.next = undefined;
}

/** Stops all that works on the channel's present stream; the stream and its consumers stay. */
export async function leaveStream(state: ServedChannel, deps: MoveDeps): Promise<void> {
  const { routes, metrics } = deps;
  routes.set(
    state.channel,
    unavailableRoute(state.channel.key, "The channel waits for its stream.", metrics),
  );
  state.status = statusWithout("NotServed", "the channel has left its stream");
  for (const [uid, { subscription, stats }] of state.subscribers) {
    await subscription.stop();
    stats.remove();
    state.subscribers.delete(uid);
  }
  state.isSwept = false;
  state.left = undefined;
}
