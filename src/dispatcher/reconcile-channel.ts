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
import type { NatsClient } from "../nats/client.ts";
import type { JetStreamManager } from "../nats/jetstream.ts";
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Metrics } from "../runtime/metrics.ts";
import { routeFor } from "./channel-route.ts";
import type { ChannelSource } from "./channel-source.ts";
import {
  addUnapplied,
  deniedWarnings,
  failedStatus,
  loginNote,
  logNotes,
  notDeleted,
  noteStreamMadeAgain,
  statusFor,
  statusWithout,
} from "./channel-states.ts";
import { followStream } from "./follow.ts";
import { knownConsumers } from "./known-consumers.ts";
import { leaveStream, moveTo, releaseNext } from "./move-channel.ts";
import type { NatsClients } from "./nats-clients.ts";
import { removeChannelSeries } from "./receive-counters.ts";
import { type Routes, unavailableRoute } from "./routes.ts";
import { type SubscriberDeps, serveSubscriber } from "./serve-subscriber.ts";
import type { ChannelStatus, ServedChannel } from "./served-channel.ts";
import { deleteStream, ensureStream, type StreamContext } from "./stream.ts";
import { dropVanished } from "./vanished-subscribers.ts";

export interface ChannelReconcilerDeps {
  clients: NatsClients;
  source: ChannelSource;
  routes: Routes;
  metrics: Metrics;
  log: Logger;
  clusterId: string;
  /** The configured limit of an event, headers and data together, in bytes. */
  maxEventBytes: () => number | undefined;
  subscribers: SubscriberDeps;
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

/** Reasons of waiting for something that is not the channel's. */
const WAITS: readonly string[] = ["NatsNotConnected", "WaitingForLeader"];

/** Makes flow 1; see the head of this file. */
export function channelReconciler(deps: ChannelReconcilerDeps): ChannelReconciler {
  const served = new Map<string, ServedChannel>();
  const { source, log } = deps;

  const reconcile = async (key: string): Promise<WorkResult> => {
    const channel = source.get(key);
    const known = served.get(key);
    if (channel !== undefined) return await reconcileChannel(channel, known, served, deps);
    const leaving = source.leaving(key);
    const going = known ?? (leaving && newlyServed(leaving, deps.clients.take(leaving)));
    if (going !== undefined) {
      served.set(key, going);
      await removeChannel(going, served, deps);
    }
    return { outcome: "done" };
  };

  const failed = (key: string, error: unknown): WorkResult => {
    const message = errorMessage(error);
    const known = served.get(key);
    if (known !== undefined && source.leaving(key) === undefined) {
      known.status = failedStatus(known, message);
    } else if (known !== undefined) {
      known.status = notDeleted(known, message);
      source.note(key, {
        ...{ type: "Warning", reason: "StreamNotDeleted", action: "DeleteStream" },
        note: known.status.message ?? message,
      });
    }
    log.warn({ channel: key, error: message }, "channel is not as it should be, trying again");
    return { outcome: "failed" };
  };

  return {
    served,
    async reconcile(key) {
      // Who began as a follower has not done what a status of the leader says.
      const hasLed = source.isLeader();
      const result = await reconcile(key).catch((error: unknown) => failed(key, error));
      try {
        if (hasLed) await source.tell(key, served.get(key));
        return result;
      } catch (error) {
        log.warn(
          { channel: key, error: errorMessage(error) },
          "status is not written, trying again",
        );
        return { outcome: "failed" };
      }
    },
  };
}

async function reconcileChannel(
  wanted: ChannelSettings,
  known: ServedChannel | undefined,
  served: Map<string, ServedChannel>,
  deps: ChannelReconcilerDeps,
): Promise<WorkResult> {
  const state = known ?? newlyServed(wanted, deps.clients.take(wanted));
  served.set(wanted.key, state);
  const channel = await moveTo(wanted, state, deps);
  state.channel = channel;
  const [before] = state.left ?? [];
  state.left = undefined;
  if (isWithoutConnection(state)) return await waitForConnection(state, deps);
  const jsm = await state.client.jetstream();
  const context = contextFor(channel.key, jsm, deps);
  const isLeader = deps.source.isLeader();
  const isNew = isLeader && (await deps.source.hold(channel.key)) && before === undefined;

  const stream = isLeader
    ? await ensureStream(channel, { ...context, isNew })
    : await followStream(channel, context);
  if (!stream.ok) return await refused(state, stream, deps);
  noteStreamMadeAgain(before, stream.info, context);
  // Who follows has left nothing that others could change.
  if (isLeader)
    state.left = stream.template === undefined ? [stream.info] : [stream.info, stream.template];

  const status = statusFor(stream, channel);
  status.warnings.push(...deniedWarnings(state));
  if (state.next !== undefined) status.unapplied.push(loginNote(state.next));
  const consumers = await knownConsumers(stream, state, context);
  const { faults, isRefused } = await serveSubscribers(status, {
    stream: stream.info,
    served: state,
    context: { ...context, known: consumers },
    deps: deps.subscribers,
  });
  deps.routes.set(channel, routeFor(state, stream.info, deps));
  const isWaiting = await dropVanished(state, { ...context, known: consumers }, deps.source).catch(
    (error: unknown) => {
      faults.push(error);
      return false;
    },
  );
  if (!state.status.ready)
    deps.log.info({ channel: channel.key, stream: stream.info.config.name }, "channel is served");
  logNotes(state.status, status, channel.key, deps.log);
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
      addUnapplied(status, result.unapplied);
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

function newlyServed(channel: ChannelSettings, client: NatsClient): ServedChannel {
  const status = statusWithout("NotYetReconciled", "the channel waits for its stream");
  return {
    channel,
    client,
    subscribers: new Map(),
    isSwept: false,
    left: undefined,
    next: undefined,
    status,
  };
}

/** One that was served waits for a lost connection as it is; one that never was says why. */
function isWithoutConnection({ client, status }: ServedChannel): boolean {
  return client.connection.current === undefined && !status.ready;
}

/** There was no connection yet with the channel's login; news of it reconcile the channel again. */
async function waitForConnection(
  state: ServedChannel,
  deps: ChannelReconcilerDeps,
): Promise<WorkResult> {
  const { lastError } = state.client.connection.state;
  if (lastError === undefined) return { outcome: "done" };
  const refusal =
    state.channel.login === undefined
      ? { reason: "NatsNotConnected", message: `not connected to NATS: ${lastError}` }
      : { reason: "LoginFailed", message: `spec.auth: cannot log in to NATS: ${lastError}` };
  return await refused(state, refusal, deps);
}

/** The channel cannot have its stream: it takes and delivers nothing, and says why. */
async function refused(
  state: ServedChannel,
  refusal: { reason: string; message: string },
  deps: ChannelReconcilerDeps,
): Promise<WorkResult> {
  const { key } = state.channel;
  const { reason, message } = refusal;
  if (state.status.message !== message) {
    // What ends without anybody's doing is told once, by who sees it first: the connection, the leader.
    const level = WAITS.includes(reason) ? "debug" : "error";
    deps.log[level]({ channel: key, reason, message }, "channel cannot be served");
  }
  await leaveStream(state, deps);
  const { routes, metrics } = deps;
  routes.set(state.channel, unavailableRoute(key, `Not stored: ${message}.`, metrics));
  state.status = statusWithout(reason, message);
  return { outcome: "done", requeueAfterMs: LOOK_AGAIN_MS };
}

async function removeChannel(
  state: ServedChannel,
  served: Map<string, ServedChannel>,
  deps: ChannelReconcilerDeps,
): Promise<void> {
  const { source } = deps;
  // What it says last about its stream counts, also when it was never served like that.
  const channel = source.leaving(state.channel.key) ?? state.channel;
  await leaveStream(state, deps);
  deps.routes.remove(channel.key);
  if (source.isLeader()) {
    if (await source.deletesStream(channel)) {
      const jsm = await state.client.jetstream();
      await deleteStream(channel, contextFor(channel.key, jsm, deps));
    }
    await source.release(channel.key);
  }
  served.delete(channel.key);
  releaseNext(state, deps.clients);
  deps.clients.release(state.client);
  removeChannelSeries(deps.metrics, channel.key);
  deps.log.info({ channel: channel.key }, "channel is no longer served");
}

function contextFor(
  key: string,
  jsm: JetStreamManager,
  { source, clusterId, log }: ChannelReconcilerDeps,
): StreamContext {
  return {
    ...{ jsm, clusterId, log },
    isLeader: () => source.isLeader(),
    note: (note) => source.note(key, note),
  };
}
