/*
 * The dispatcher, put together: logins at NATS → reconciler, subscriptions → servers.
 * main.ts gives it the configuration and the source of channels; no event is decided about here.
 */
import { createWorkQueue, type WorkQueue } from "../kube/work-queue.ts";
import type { NatsClient } from "../nats/client.ts";
import { startAdminServer } from "../runtime/admin-server.ts";
import type { ShutdownStep } from "../runtime/lifecycle.ts";
import type { Logger } from "../runtime/logger.ts";
import { createMetrics } from "../runtime/metrics.ts";
import type { Tracing } from "../runtime/tracing.ts";
import { BodyRoom } from "./body.ts";
import type { ChannelSource } from "./channel-source.ts";
import type { Configuration, Environment } from "./configuration.ts";
import { observeDispatcher } from "./dispatcher-metrics.ts";
import { HttpSender } from "./http-sender.ts";
import { type EventServer, startEventServer } from "./http-server.ts";
import type { KnativeConfig } from "./knative-config.ts";
import type { LiveConfiguration } from "./live-configuration.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { NatsClients, type NatsClientsOptions } from "./nats-clients.ts";
import { NatsNotes } from "./nats-notes.ts";
import { configurationNotes, readiness } from "./readiness.ts";
import { receiver } from "./receiver.ts";
import { type ChannelReconciler, channelReconciler } from "./reconcile-channel.ts";
import { Routes, unavailableRoute } from "./routes.ts";
import type { ServedChannel } from "./served-channel.ts";
import { shutdownSteps } from "./shutdown.ts";
import { statusPage } from "./status-page.ts";
import { StreamWatch } from "./stream-watch.ts";
import { streamsPage } from "./streams-page.ts";
import type { Subscription } from "./subscription.ts";
import { Ticker } from "./ticker.ts";

/** Channels at once that wait for answers of NATS and of the API server, each for one at a time: what either has to take at the most. */
const RECONCILES_AT_ONCE = 16;
const SOURCE_DOWN_MS = 10_000;

/** A source of channels that was started. */
export interface StartedSource {
  source: ChannelSource;
  /** Why it can give nothing; undefined when it can. */
  fault: () => string | undefined;
  stop: () => void | Promise<void>;
}

/** Starts a source of channels; `onChange` is to be called for each channel that is new or changed, `onDecided` when it is no longer undecided. */
export type StartSource = (
  onChange: (key: string) => void,
  onDecided: (key: string) => void,
) => Promise<StartedSource>;

export interface DispatcherOptions {
  environment: Environment;
  configuration: LiveConfiguration;
  knative: KnativeConfig;
  tracing: Tracing;
  log: Logger;
  startSource: StartSource;
}

type Parts = ReturnType<typeof makeParts>;

/** Starts everything; gives the steps of an orderly end, in their order. */
export async function startDispatcher(
  options: DispatcherOptions,
): Promise<[name: string, step: ShutdownStep][]> {
  const { configuration } = options;
  const parts = makeParts(options, {
    onChange: (login) => queueUnserved(login.client),
    onElsewhere: () => queueAll(),
  });
  const { connection } = parts.clients.own;
  const queue = createWorkQueue({
    concurrency: RECONCILES_AT_ONCE,
    work: (key) => reconciler.reconcile(key),
    observer: parts.metrics.workQueue("channel"),
  });
  let started = false;
  const { source, fault, stop } = await options.startSource(
    (key) => {
      if (started) changed(key);
    },
    (key) => parts.routes.decided(key),
  );
  const changed = (key: string): void => {
    const channel = source.get(key);
    // A channel that is known and not yet served is not unknown.
    if (channel !== undefined && !served.has(key)) {
      const reason = "The channel waits for its stream.";
      parts.routes.set(channel, unavailableRoute(key, reason, parts.metrics));
    }
    queue.add(key);
  };
  const reconciler = makeReconciler(options, parts, { source, queue });
  const { served } = reconciler;
  const watch = new StreamWatch({
    ...{ served, source, log: options.log },
    requeue: (key) => queue.add(key),
  });
  const ready = readiness({ connection, source, served, sourceFault: fault });
  const queueUnserved = (client: NatsClient): void => {
    for (const key of source.keys()) {
      const channel = served.get(key);
      const isTheirs = channel === undefined || channel.client === client;
      if ((isTheirs && !isServed(channel)) || channel?.next === client) queue.add(key);
    }
  };
  const queueAll = () => addAll(source, queue);
  const news = () => queueUnserved(parts.clients.own);
  connection.listen({ connected: news, failing: news });
  started = true;
  for (const key of source.keys()) changed(key);
  connection.start();
  watch.start();
  const notes = new NatsNotes({ served, source });
  parts.ticker.add({ tick: (now) => notes.tick(now, parts.clients.all) });
  const state = { source, reconciler, ready: ready.ready };
  const { events, admin } = await startServers(options, parts, state);
  configuration.follow(() => {
    configure(parts, configuration.current, events);
    // Their subscriptions and routes have the rest of it.
    queueAll();
  });
  return shutdownSteps({
    ...parts,
    quietPeriodMs: () => configuration.current.dispatch.quietPeriodMs,
    events,
    admin,
    async stopChanges() {
      ready.stop();
      configuration.stop();
      watch.stop();
      await queue.stop();
      await stop();
    },
    stopTicking: () => parts.ticker.stop(),
  });
}

function addAll(source: ChannelSource, queue: WorkQueue): void {
  for (const key of source.keys()) queue.add(key);
}

/** Makes the parts that know no channel. */
function makeParts(
  { configuration, environment, tracing, log }: DispatcherOptions,
  news: Pick<NatsClientsOptions, "onChange" | "onElsewhere">,
) {
  const { dispatch } = configuration.current;
  const clients = new NatsClients({
    ...news,
    configuration: configuration.current,
    secretsPath: environment.SECRETS_PATH,
    namespace: environment.POD_NAMESPACE,
    name: `jetstream-channel-dispatcher ${environment.POD_NAME ?? ""}`.trim(),
    log,
  });
  return {
    clients,
    tracing,
    metrics: createMetrics(),
    sender: new HttpSender(),
    routes: new Routes(environment.CLUSTER_DOMAIN),
    running: new Set<Subscription>(),
    ticker: new Ticker(),
    room: new BodyRoom(dispatch.publishBytes),
    budget: new MemoryBudget({
      totalBytes: dispatch.memoryBytes,
      messageBytes: () => clients.maxPayload,
    }),
  };
}

/** Takes over what holds for all channels together. */
function configure(parts: Parts, configuration: Configuration, events: EventServer): void {
  const { dispatch } = configuration;
  parts.clients.configure(configuration);
  parts.room.maxBytes = dispatch.publishBytes;
  parts.budget.totalBytes = dispatch.memoryBytes;
  events.limit(dispatch);
}

function makeReconciler(
  options: DispatcherOptions,
  parts: Parts,
  { source, queue }: { source: ChannelSource; queue: WorkQueue },
): ChannelReconciler {
  const { configuration, environment, log } = options;
  const dispatch = () => configuration.current.dispatch;
  const requeue = (key: string): void => queue.add(key);
  return channelReconciler({
    ...parts,
    source,
    log,
    requeue,
    maxEventBytes: () => dispatch().maxEventBytes,
    clusterId: environment.CLUSTER_ID,
    subscribers: { ...parts, log, requeue, dispatch, note: source.note.bind(source) },
  });
}

async function startServers(
  { configuration, knative, environment, log }: DispatcherOptions,
  parts: Parts,
  state: { source: ChannelSource; reconciler: ChannelReconciler; ready: () => true | string },
) {
  const { source, ready } = state;
  const { served } = state.reconciler;
  const receive = receiver({
    ...parts,
    log,
    sourceIsDown: () => source.downForMs() > SOURCE_DOWN_MS,
  });
  const { HTTP_PORT, ADMIN_PORT } = environment;
  const events: EventServer = await startEventServer({
    port: HTTP_PORT,
    limits: configuration.current.dispatch,
    receive,
  }).catch((cause: unknown) => {
    throw new Error(`cannot listen on port ${HTTP_PORT} (HTTP_PORT)`, { cause });
  });
  log.info({ port: events.port }, "http server listening");
  const { CLUSTER_DOMAIN: clusterDomain, CLUSTER_ID: clusterId } = environment;
  const metrics = observeDispatcher({ ...parts, served, source });
  const { connection } = parts.clients.own;
  const admin = await startAdminServer({
    port: ADMIN_PORT,
    pages: {
      healthy: () => true,
      ready,
      notes: () => [...configurationNotes(configuration, connection.state), ...knative.notes],
      metrics: async () => (knative.hasMetrics ? await metrics() : undefined),
      json: {
        "/channels": statusPage({ ...parts, source, served, clusterDomain }),
        "/streams": streamsPage({ ...parts, clusterId }),
      },
    },
  }).catch((cause: unknown) => {
    throw new Error(`cannot listen on port ${ADMIN_PORT} (ADMIN_PORT)`, { cause });
  });
  log.info({ port: admin.port }, "admin server listening");
  return { events, admin };
}

/** Whether a channel takes events and every subscriber is pulled, so that a new connection needs no look at it. */
function isServed(channel: ServedChannel | undefined): boolean {
  // A message beside "ready" tells of a reconcile that failed and waits for its back-off.
  if (channel?.status.ready !== true || channel.status.message !== undefined) return false;
  return [...channel.subscribers.values()].every(({ subscription }) => subscription.attached);
}
