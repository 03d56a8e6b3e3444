/*
 * Flow 1: makes a channel real, and keeps it so. For one channel, in this order:
 *
 *   1. its stream is there, ours, and as the spec says               (stream.ts)
 *   2. each subscriber has its consumer, and the consumer is pulled  (serve-subscriber.ts)
 *   3. its address leads to the stream                               (routes.ts)
 *   4. subscribers that vanished stop                                 (vanished-subscribers.ts)
 *   5. what came of it is the channel's status
 *
 * A work queue calls it with a key whenever the channel, its stream or a consumer may have changed;
 * it may be called at any time and does only what is missing. An error means: try again later.
 */
import type { ChannelSettings } from "../api/settings.ts";
import type { WorkResult } from "../kube/work-queue.ts";
import type { Connection } from "../nats/connection.ts";
import { jetstream, type StreamInfo } from "../nats/jetstream.ts";
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { ChannelSource } from "./channel-source.ts";
import { removeChannelSeries } from "./dispatcher-metrics.ts";
import { outcomeCounter, type Routes, unavailableRoute } from "./routes.ts";
import { type SubscriberDeps, serveSubscriber } from "./serve-subscriber.ts";
import type { ChannelStatus, RefusalReason, ServedChannel } from "./served-channel.ts";
import { specNotes } from "./spec-notes.ts";
import { deleteStream, type EnsuredStream, ensureStream } from "./stream.ts";
import { dropVanished } from "./vanished-subscribers.ts";

export interface ChannelReconcilerDeps {
  connection: Connection;
  source: ChannelSource;
  routes: Routes;
  metrics: Metrics;
  log: Logger;
  clusterId: string;
  /** JetStream's domain; "" for none. */
  domain: string;
  subscribers: SubscriberDeps;
  /** What happens to the stream of a deleted channel that does not say. */
  defaultDeletionPolicy: "Delete" | "Retain";
  /** Asks for another reconcile of a channel. */
  requeue: (key: string) => void;
}

export interface ChannelReconciler {
  reconcile(key: string): Promise<WorkResult>;
  /** Every channel that is served, or tried. */
  served: ReadonlyMap<string, ServedChannel>;
}

/** When to look again at what others can change: whose a stream is, what a server takes, whether a subscriber is gone. */
const LOOK_AGAIN_MS = 15_000;

/** A channel that asks for an account of its own must not end up in the dispatcher's. */
const LOGIN_REFUSAL = {
  reason: "AuthNotSupported",
  message:
    "spec.auth: a login of a channel's own is not there yet; leave it out to use the dispatcher's",
} as const;

/** Makes flow 1; see the head of this file. */
export function channelReconciler(deps: ChannelReconcilerDeps): ChannelReconciler {
  const served = new Map<string, ServedChannel>();
  return {
    served,
    async reconcile(key) {
      try {
        const channel = deps.source.get(key);
        const known = served.get(key);
        if (channel !== undefined) return await reconcileChannel(channel, known, served, deps);
        if (known !== undefined) await removeChannel(known, served, deps);
        return { outcome: "done" };
      } catch (error) {
        const known = served.get(key);
        const message = errorMessage(error);
        if (known !== undefined) known.status = { ...known.status, message };
        deps.log.warn(
          { channel: key, error: message },
          "channel is not as it should be, trying again",
        );
        return { outcome: "failed" };
      }
    },
  };
}

async function reconcileChannel(
  channel: ChannelSettings,
  known: ServedChannel | undefined,
  served: Map<string, ServedChannel>,
  deps: ChannelReconcilerDeps,
): Promise<WorkResult> {
  const state = known ?? newlyServed(channel);
  served.set(channel.key, state);
  if (state.channel.stream.name !== channel.stream.name) await leaveStream(state, deps);
  state.channel = channel;
  if (channel.login !== undefined) return await refused(state, LOGIN_REFUSAL, deps);
  const jsm = await jetstream(deps.connection, deps.domain);
  const context = { jsm, clusterId: deps.clusterId, log: deps.log };

  const stream = await ensureStream(channel, context);
  if (!stream.ok) return await refused(state, stream, deps);

  const status = statusFor(stream, channel);
  const { faults, isRefused } = await serveSubscribers(status, {
    stream: stream.info,
    served: state,
    context,
    deps: deps.subscribers,
  });
  deps.routes.set(channel, routeFor(channel, stream.info, deps));
  const isWaiting = await dropVanished(state, context, deps.source).catch((error: unknown) => {
    faults.push(error);
    return false;
  });
  if (!state.status.ready)
    deps.log.info({ channel: channel.key, stream: stream.info.config.name }, "channel is served");
  logUnapplied(state.status, status, channel.key, deps.log);
  state.status = status;
  if (faults.length > 0) throw new AggregateError(faults, "");
  const mayChange = isWaiting || isRefused || stream.isRefused;
  return mayChange ? { outcome: "done", requeueAfterMs: LOOK_AGAIN_MS } : { outcome: "done" };
}

/** Serves each subscriber of the spec and writes its status; one subscriber's trouble is not the others'. */
async function serveSubscribers(
  status: ChannelStatus,
  on: Parameters<typeof serveSubscriber>[1],
): Promise<{ faults: unknown[]; isRefused: boolean }> {
  const faults: unknown[] = [];
  let isRefused = false;
  for (const subscriber of on.served.channel.subscribers) {
    try {
      const result = await serveSubscriber(subscriber, on);
      status.subscribers.set(subscriber.uid, result.status);
      status.unapplied.push(...result.unapplied);
      isRefused ||= result.isRefused;
    } catch (error) {
      faults.push(error);
      const { name, generation: observedGeneration, uid } = subscriber;
      const message = errorMessage(error);
      status.subscribers.set(uid, { name, observedGeneration, ready: false, message });
    }
  }
  return { faults, isRefused };
}

function newlyServed(channel: ChannelSettings): ServedChannel {
  const status = statusWithout("NotYetReconciled", "the channel waits for its stream");
  return { channel, subscribers: new Map(), isSwept: false, status };
}

/** The status of a channel that takes and delivers nothing. */
function statusWithout(reason: string, message: string): ChannelStatus {
  return { ready: false, reason, message, unapplied: [], subscribers: new Map() };
}

function statusFor(
  stream: Extract<EnsuredStream, { ok: true }>,
  channel: ChannelSettings,
): ChannelStatus {
  const { name, subjects, storage, num_replicas: replicas, retention } = stream.info.config;
  return {
    ready: true,
    stream: { name, subjects: subjects ?? [], storage, replicas, retention, origin: stream.origin },
    unapplied: [...specNotes(channel), ...stream.unapplied],
    subscribers: new Map(),
  };
}

/** The channel cannot have its stream: it takes and delivers nothing, and says why. */
async function refused(
  state: ServedChannel,
  refusal: { reason: RefusalReason; message: string },
  deps: ChannelReconcilerDeps,
): Promise<WorkResult> {
  const { key } = state.channel;
  const { reason, message } = refusal;
  if (state.status.message !== message) {
    deps.log.error({ channel: key, reason, message }, "channel cannot be served");
  }
  await leaveStream(state, deps);
  const { routes, metrics } = deps;
  routes.set(state.channel, unavailableRoute(state.channel, `Not stored: ${message}.`, metrics));
  state.status = statusWithout(reason, message);
  return { outcome: "done", requeueAfterMs: LOOK_AGAIN_MS };
}

function routeFor(channel: ChannelSettings, info: StreamInfo, deps: ChannelReconcilerDeps) {
  const { max_msg_size: maxMsgSize, mirror, name } = info.config;
  const mirrored = mirror?.name;
  let askedAt = -Infinity;
  return {
    key: channel.key,
    stream: name,
    subject: channel.stream.subject,
    maxMessageBytes: maxMsgSize > 0 ? maxMsgSize : Infinity,
    unavailable: undefined,
    readOnly:
      mirrored === undefined
        ? undefined
        : `The channel mirrors the stream ${mirrored} and takes no events of its own.`,
    policy: (): true => true,
    count: outcomeCounter(deps.metrics, channel.key),
    onUnavailable: () => {
      const now = performance.now();
      if (now - askedAt < 1_000) return;
      askedAt = now;
      deps.requeue(channel.key);
    },
  };
}

async function removeChannel(
  state: ServedChannel,
  served: Map<string, ServedChannel>,
  deps: ChannelReconcilerDeps,
): Promise<void> {
  const { channel } = state;
  await leaveStream(state, deps);
  deps.routes.remove(channel.key);
  if ((channel.stream.deletionPolicy ?? deps.defaultDeletionPolicy) === "Delete") {
    const jsm = await jetstream(deps.connection, deps.domain);
    await deleteStream(channel, { jsm, clusterId: deps.clusterId, log: deps.log });
  }
  served.delete(channel.key);
  await removeChannelSeries(deps.metrics, channel.key);
  deps.log.info({ channel: channel.key }, "channel is no longer served");
}

/** Stops all that works on the channel's present stream; the stream and its consumers stay. */
async function leaveStream(state: ServedChannel, deps: ChannelReconcilerDeps): Promise<void> {
  const { routes, metrics } = deps;
  routes.set(
    state.channel,
    unavailableRoute(state.channel, "The channel waits for its stream.", metrics),
  );
  state.status = statusWithout("NotServed", "the channel has left its stream");
  for (const [uid, { subscription, stats }] of state.subscribers) {
    await subscription.stop();
    stats.remove();
    state.subscribers.delete(uid);
  }
  state.isSwept = false;
}

function logUnapplied(before: ChannelStatus, after: ChannelStatus, key: string, log: Logger): void {
  const known = new Set(before.unapplied.map(({ reason }) => reason));
  for (const { path, reason } of after.unapplied) {
    if (!known.has(reason)) log.warn({ channel: key, path, reason }, "edit is not applied");
  }
}
