/*
 * Flow 1: makes a channel real, and keeps it so. For one channel, in this order:
 *
 *   1. its stream is there, ours, and as the spec says               (stream.ts)
 *   2. each subscriber has its consumer, and the consumer is pulled  (serve-subscriber.ts)
 *   3. its address leads to the stream                               (routes.ts)
 *   4. subscribers that vanished stop; their consumers go once it is certain that they are gone
 *   5. what came of it is the channel's status
 *
 * A work queue calls it with a key whenever the channel, its stream or a consumer may have changed;
 * it may be called at any time and does only what is missing. An error means: try again later.
 */
import type { ChannelSettings } from "../api/settings.ts";
import type { WorkResult } from "../kube/work-queue.ts";
import type { Connection } from "../nats/connection.ts";
import { type JetStreamManager, jetstream, type StreamInfo } from "../nats/jetstream.ts";
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { ChannelSource } from "./channel-source.ts";
import { deleteConsumer, subscribersOnStream } from "./consumer.ts";
import { outcomeCounter, type Routes } from "./routes.ts";
import { type SubscriberDeps, serveSubscriber } from "./serve-subscriber.ts";
import type { ChannelStatus, ServedChannel } from "./served-channel.ts";
import { deleteStream, type EnsuredStream, ensureStream } from "./stream.ts";

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

/** When to look again at what only others can change: whose a stream is, whether a subscriber is gone. */
const LOOK_AGAIN_MS = 15_000;

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
  const jsm = await jetstream(deps.connection, deps.domain);
  const context = { jsm, clusterId: deps.clusterId, log: deps.log };

  const stream = await ensureStream(channel, context);
  if (!stream.ok) return await refused(state, stream, deps);

  const faults: unknown[] = [];
  const status = statusFor(stream);
  for (const subscriber of channel.subscribers) {
    try {
      const result = await serveSubscriber(subscriber, {
        stream: stream.info,
        served: state,
        context,
        deps: deps.subscribers,
      });
      status.subscribers.set(subscriber.uid, result.status);
      status.unapplied.push(...result.unapplied);
    } catch (error) {
      // One subscriber's trouble is not the others'.
      faults.push(error);
      const { name, generation: observedGeneration, uid } = subscriber;
      const message = errorMessage(error);
      status.subscribers.set(uid, { name, observedGeneration, ready: false, message });
    }
  }
  deps.routes.set(channel, routeFor(channel, stream.info, deps));
  const missing = await dropVanished(state, jsm, deps);
  if (!state.status.ready)
    deps.log.info({ channel: channel.key, stream: stream.info.config.name }, "channel is served");
  logUnapplied(state.status, status, channel.key, deps.log);
  state.status = status;
  if (faults.length > 0) throw new AggregateError(faults, "");
  return missing ? { outcome: "done", requeueAfterMs: LOOK_AGAIN_MS } : { outcome: "done" };
}

function newlyServed(channel: ChannelSettings): ServedChannel {
  const status: ChannelStatus = {
    ready: false,
    reason: "NotYetReconciled",
    message: "the channel waits for its stream",
    unapplied: [],
    subscribers: new Map(),
  };
  return { channel, subscribers: new Map(), isSwept: false, status };
}

function statusFor(stream: Extract<EnsuredStream, { ok: true }>): ChannelStatus {
  const { name, subjects, storage, num_replicas: replicas, retention } = stream.info.config;
  return {
    ready: true,
    stream: { name, subjects: subjects ?? [], storage, replicas, retention, origin: stream.origin },
    unapplied: [...stream.unapplied],
    subscribers: new Map(),
  };
}

/** The channel cannot have its stream: it takes and delivers nothing, and says why. */
async function refused(
  state: ServedChannel,
  stream: Extract<EnsuredStream, { ok: false }>,
  deps: ChannelReconcilerDeps,
): Promise<WorkResult> {
  const { key } = state.channel;
  const { reason, message } = stream;
  if (state.status.message !== message) {
    deps.log.error({ channel: key, reason, message }, "channel cannot be served");
  }
  await leaveStream(state, deps);
  state.status = { ready: false, reason, message, unapplied: [], subscribers: new Map() };
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

/**
 * Stops subscribers that are not in the spec any more, by not pulling: a live entry may vanish for
 * seconds, and its consumer is its position. The consumer goes when the subscriber is known to be
 * gone. Tells whether somebody is still waited for.
 */
async function dropVanished(
  state: ServedChannel,
  jsm: JetStreamManager,
  deps: ChannelReconcilerDeps,
): Promise<boolean> {
  const { channel } = state;
  const context = { jsm, clusterId: deps.clusterId, log: deps.log };
  const wanted = new Set(channel.subscribers.map(({ uid }) => uid));
  // A subscriber whose newest entry is refused keeps its last good one.
  for (const { subscriberUid } of deps.source.refusals(channel.key)) {
    if (subscriberUid !== undefined) wanted.add(subscriberUid);
  }
  const onStream = state.isSwept ? [] : await subscribersOnStream(channel, context);
  let isWaiting = false;
  for (const uid of new Set([...state.subscribers.keys(), ...onStream])) {
    if (wanted.has(uid)) continue;
    const subscriber = state.subscribers.get(uid);
    await subscriber?.subscription.pause();
    if (!(await deps.source.isSubscriptionGone(channel.key, uid))) {
      isWaiting = true;
      continue;
    }
    await subscriber?.subscription.stop();
    await deleteConsumer(channel, uid, context);
    subscriber?.stats.remove();
    state.subscribers.delete(uid);
  }
  state.isSwept = !isWaiting;
  return isWaiting;
}

async function removeChannel(
  state: ServedChannel,
  served: Map<string, ServedChannel>,
  deps: ChannelReconcilerDeps,
): Promise<void> {
  const { channel } = state;
  await leaveStream(state, deps);
  if ((channel.stream.deletionPolicy ?? deps.defaultDeletionPolicy) === "Delete") {
    const jsm = await jetstream(deps.connection, deps.domain);
    await deleteStream(channel, { jsm, clusterId: deps.clusterId, log: deps.log });
  }
  served.delete(channel.key);
  deps.log.info({ channel: channel.key }, "channel is no longer served");
}

/** Stops all that works on the channel's present stream; the stream and its consumers stay. */
async function leaveStream(state: ServedChannel, deps: ChannelReconcilerDeps): Promise<void> {
  deps.routes.remove(state.channel.key);
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
