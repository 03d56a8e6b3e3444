/*
 * One subscriber of a channel: its consumer on the server, and a subscription that pulls it.
 * Called by flow 1 (reconcile-channel.ts) for every subscriber of the spec.
 */
import { consumerNameFor } from "../api/names.ts";
import type { DispatchSettings } from "../api/nats-config.ts";
import type { ChannelSettings, SubscriberSettings } from "../api/settings.ts";
import type { NatsClient } from "../nats/client.ts";
import { type ConsumerInfo, NANOS_PER_MS, type StreamInfo } from "../nats/jetstream.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { CurrentTracer } from "../runtime/tracing.ts";
import type { ChannelNote } from "./channel-source.ts";
import { type ConsumerContext, ensureConsumer, findConsumer } from "./consumer.ts";
import type { Recipient } from "./deliver.ts";
import { DeliveryNotes } from "./delivery-notes.ts";
import { DeliveryStats } from "./delivery-stats.ts";
import type { Unapplied } from "./edits.ts";
import { followConsumer } from "./follow.ts";
import type { HttpSender } from "./http-sender.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import type { NatsClients } from "./nats-clients.ts";
import { pullTimesFor } from "./pull-room.ts";
import { maxAttemptsFor } from "./retry.ts";
import type { ServedChannel, ServedSubscriber, SubscriberStatus } from "./served-channel.ts";
import { Subscription } from "./subscription.ts";
import type { ConsumerState, SubscriptionSettings } from "./subscription-settings.ts";
import type { Ticker } from "./ticker.ts";

export interface SubscriberDeps {
  clients: NatsClients;
  budget: MemoryBudget;
  sender: HttpSender;
  metrics: Metrics;
  tracing: CurrentTracer;
  log: Logger;
  /** Gives the settings of now. */
  dispatch: () => DispatchSettings;
  /** Every subscription that has something under way, those included that no channel has any more. */
  running: Set<Subscription>;
  ticker: Ticker;
  /** Asks for another reconcile of a channel. */
  requeue: (key: string) => void;
  /** Writes for people what became of a channel. */
  note: (key: string, note: ChannelNote) => void;
}

/**
 * Makes sure that a subscriber has its consumer and that it is pulled with the newest settings.
 * `isRefused`: the server, or another owner, stands in the way of something, which may end by itself.
 */
export async function serveSubscriber(
  subscriber: SubscriberSettings,
  on: {
    stream: StreamInfo;
    served: ServedChannel;
    context: ConsumerContext;
    deps: SubscriberDeps;
  },
): Promise<{ status: SubscriberStatus; unapplied: Unapplied[]; isRefused: boolean }> {
  const { stream, served, context, deps } = on;
  const { channel } = served;
  const { uid, name, generation: observedGeneration } = subscriber;
  const ensure = context.isLeader() ? ensureConsumer : followConsumer;
  const consumer = await ensure(channel, subscriber, context);
  if (!consumer.ok) {
    const { message } = consumer;
    await served.subscribers.get(uid)?.subscription.pause();
    const isNews = served.status.subscribers.get(uid)?.message !== message;
    if (isNews && consumer.reason !== "WaitingForLeader") {
      deps.log.error(
        { channel: channel.key, subscriber: uid, message },
        "subscriber cannot be served",
      );
    }
    const status = { name, observedGeneration, ready: false, message };
    return { status, unapplied: [], isRefused: true };
  }
  const recipient = recipientFor(channel, subscriber, deps);
  const settings = settingsFor(consumer.info, recipient, { served, deps });
  const state = stateFrom(stream, consumer.info);
  const known = served.subscribers.get(uid);
  known?.subscription.update(settings);
  const { subscription } = known ?? start(subscriber, settings, on);
  const isOther = subscription.attach(state);
  if (known !== undefined && isOther && context.isLeader()) {
    const note = `consumer ${consumer.info.name} of ${describe(subscriber)} was deleted, and was made again; events that were stored meanwhile may not reach the subscriber, or reach it again`;
    deps.log.warn({ channel: channel.key, subscriber: uid }, note);
    deps.note(channel.key, {
      ...{ type: "Warning", reason: "ConsumerMadeAgain", action: "CreateConsumer" },
      note,
    });
  }
  const { attached } = subscription;
  const obstacle = subscription.obstacle ?? pauseOf(consumer.info);
  const { unapplied } = consumer;
  const isRefused = consumer.isRefused || consumer.info.paused === true;
  const notes = unapplied.map(({ path, reason }) => `${path}: ${reason}`);
  const message = [...(obstacle === undefined ? [] : [obstacle]), ...notes].join("; ");
  const ready = attached && obstacle === undefined;
  const status = { name, observedGeneration, ready, ...(message === "" ? {} : { message }) };
  return { status, unapplied, isRefused };
}

/** Says that somebody has paused the consumer, which is theirs to end: it has an end of its own. */
function pauseOf({ paused, name, config }: ConsumerInfo): string | undefined {
  if (paused !== true) return undefined;
  return `consumer ${name} is paused until ${config.pause_until}, and its events wait in the stream; "nats consumer resume" ends that`;
}

function describe({ uid, name }: SubscriberSettings): string {
  return name === "" || name === uid ? `subscriber ${uid}` : `subscriber ${name} (${uid})`;
}

function start(
  subscriber: SubscriberSettings,
  settings: SubscriptionSettings,
  { served, deps }: { served: ServedChannel; deps: SubscriberDeps },
): ServedSubscriber {
  const { client } = served;
  const { uid } = subscriber;
  const { key, stream } = served.channel;
  const consumer = consumerNameFor(uid);
  const stats = new DeliveryStats(deps.metrics, { channel: key, subscriber: uid });
  const log = deps.log.child({ channel: key, subscriber: uid });
  const release = deps.clients.hold(client);
  const subscription = new Subscription(settings, {
    connection: client.connection,
    acks: client.acks,
    budget: deps.budget,
    ticker: deps.ticker,
    send: deps.sender.send,
    tracing: deps.tracing,
    channel: key,
    stats,
    notes: new DeliveryNotes({
      subscriber: describe(subscriber),
      stream: stream.name,
      note: (note) => deps.note(key, note),
    }),
    log,
    apiPrefix: client.apiPrefix,
    onConsumerGone: (reason) => {
      log.warn({ consumer, reason }, "consumer does not answer, looking for it");
      deps.requeue(key);
    },
    onPermission: () => deps.requeue(key),
    onEnd() {
      deps.running.delete(subscription);
      release();
    },
    consumerState: () => readState(client, stream.name, consumer),
  });
  deps.running.add(subscription);
  const started: ServedSubscriber = { stream: stream.name, consumer, subscription, stats };
  served.subscribers.set(uid, started);
  return started;
}

function settingsFor(
  info: ConsumerInfo,
  recipient: Recipient,
  { served, deps }: { served: ServedChannel; deps: SubscriberDeps },
): SubscriptionSettings {
  const dispatch = deps.dispatch();
  const { channel, client } = served;
  return {
    stream: channel.stream.name,
    consumer: info.name,
    recipient,
    concurrency: dispatch.concurrency,
    ackWaitMs: (info.config.ack_wait ?? 30_000 * NANOS_PER_MS) / NANOS_PER_MS,
    maxReplyBytes: dispatch.maxEventBytes ?? client.connection.maxPayload,
    maxBatch: channel.consumer.fetchBatchSize ?? Infinity,
    pullTimes: pullTimesFor(channel.consumer.fetchMaxWaitMs, channel.consumer.idleHeartbeatMs),
    rateLimitBps: channel.consumer.rateLimitBps,
  };
}

function recipientFor(
  channel: ChannelSettings,
  { subscriber, reply, delivery }: SubscriberSettings,
  { sender, dispatch }: SubscriberDeps,
): Recipient {
  const { deadLetter } = delivery;
  return {
    namespace: channel.namespace,
    subscriber: subscriber && sender.destinationFor(subscriber),
    reply: reply && sender.destinationFor(reply),
    deadLetter: deadLetter && sender.destinationFor(deadLetter),
    delivery,
    timeoutMs: delivery.timeoutMs ?? dispatch().timeoutMs,
    maxAttempts: maxAttemptsFor(delivery, channel.consumer.maxDeliver),
  };
}

async function readState(
  client: NatsClient,
  stream: string,
  consumer: string,
): Promise<ConsumerState | undefined> {
  const jsm = await client.jetstream();
  const info = await findConsumer(jsm, stream, consumer);
  return info === undefined ? undefined : stateFrom(await jsm.streams.info(stream), info);
}

function stateFrom(stream: StreamInfo, consumer: ConsumerInfo): ConsumerState {
  return {
    streamCreated: stream.created,
    consumerCreated: consumer.created,
    ackPending: consumer.num_ack_pending,
    pending: consumer.num_pending,
    maxAckPending: consumer.config.max_ack_pending ?? 1_000,
  };
}
