import type { ChannelsPage } from "../api/dispatcher-pages.ts";
import { channelHostsFor } from "../api/names.ts";
import type { Refusal } from "../api/settings.ts";
import type { ChannelSource } from "./channel-source.ts";
import { loginNameOf, type NatsClients } from "./nats-clients.ts";
import type { ServedChannel } from "./served-channel.ts";

/** Makes what `/channels` shows: what this replica is doing, errors and refusals included. */
export function statusPage(options: {
  source: ChannelSource;
  served: ReadonlyMap<string, ServedChannel>;
  clients: NatsClients;
  clusterDomain: string;
}): () => ChannelsPage {
  const { source, served, clients, clusterDomain } = options;
  return () => ({
    nats: clients.own.connection.state,
    logins: clients.ofChannels.map(({ name, client }) => ({
      login: name,
      ...client.connection.state,
    })),
    ...source.report(),
    channels: [...new Set([...source.keys(), ...served.keys()])].map((key) => {
      const state = served.get(key);
      const refusals = source.refusals(key);
      if (state === undefined) return { channel: key, ready: false, refusals };
      const { ready, reason, message, stream, unapplied, warnings } = state.status;
      const { namespace, name } = state.channel;
      return {
        channel: key,
        ready,
        ...(reason === undefined ? {} : { reason }),
        ...(message === undefined ? {} : { message }),
        address: `http://${channelHostsFor(namespace, name, clusterDomain)[0]}`,
        path: `/${key}`,
        ...(state.channel.login === undefined ? {} : { login: loginNameOf(state.channel) }),
        stream,
        unapplied,
        warnings,
        refusals,
        subscribers: subscribersOf(state, refusals),
      };
    }),
  });
}

function subscribersOf(state: ServedChannel, refusals: Refusal[]) {
  const uids = new Set([...state.status.subscribers.keys(), ...state.subscribers.keys()]);
  return [...uids].map((uid) => {
    const served = state.subscribers.get(uid);
    const isRefused = refusals.some(({ subscriberUid }) => subscriberUid === uid);
    const fallback = {
      ready: isRefused && served?.subscription.attached === true,
      message: isRefused
        ? "its newest settings are refused, the last good ones count"
        : "not in the spec, paused",
    };
    return {
      uid,
      ...(state.status.subscribers.get(uid) ?? fallback),
      consumer: served?.consumer,
      ...served?.subscription.snapshot(),
      deadLetters: served?.stats.deadLetters,
      lastFailure: served?.stats.lastFailure,
    };
  });
}
