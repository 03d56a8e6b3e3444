import type { StreamInfo } from "../nats/jetstream.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { ChannelSource } from "./channel-source.ts";
import { receiveCounters } from "./receive-counters.ts";
import type { Route, Store } from "./routes.ts";
import type { ServedChannel } from "./served-channel.ts";

interface RouteDeps {
  metrics: Metrics;
  /** The configured limit of an event, headers and data together, in bytes. */
  maxEventBytes: () => number | undefined;
  source: Pick<ChannelSource, "closed" | "isUndecided">;
  /** Asks for another reconcile of a channel. */
  requeue: (key: string) => void;
}

/** Makes the route of a channel that has its stream: its address leads there. */
export function routeFor(state: ServedChannel, info: StreamInfo, deps: RouteDeps): Route {
  const mirrored = info.config.mirror?.name;
  const { channel } = state;
  return {
    key: channel.key,
    store: storeFor(state, info, deps),
    readOnly:
      mirrored === undefined
        ? undefined
        : `The channel mirrors the stream ${mirrored} and takes no events of its own.`,
    isUndecided: () => deps.source.isUndecided(channel.key),
    policy: () => deps.source.closed(channel.key) ?? true,
    ...receiveCounters(deps.metrics, channel.key),
  };
}

function storeFor({ channel, client }: ServedChannel, info: StreamInfo, deps: RouteDeps): Store {
  const { connection, publisher } = client;
  const { max_msg_size: maxMsgSize, name: stream } = info.config;
  const limit = Math.min(deps.maxEventBytes() ?? Infinity, maxMsgSize > 0 ? maxMsgSize : Infinity);
  let askedAt = -Infinity;
  return {
    publisher,
    stream,
    subject: channel.stream.subject,
    maxMessageBytes: () => Math.min(connection.maxPayload, limit),
    onUnavailable() {
      const now = performance.now();
      if (now - askedAt < 1_000) return;
      askedAt = now;
      deps.requeue(channel.key);
    },
  };
}
