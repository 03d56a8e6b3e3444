/*
 * The dispatcher, put together: connection → publisher, acks → reconciler, subscriptions → servers.
 * main.ts gives it the configuration and the source of channels; no event is decided about here.
 */
import { createWorkQueue, type WorkQueue } from "../kube/work-queue.ts";
import { Acks } from "../nats/acks.ts";
import { Connection } from "../nats/connection.ts";
import { apiPrefixFor } from "../nats/jetstream.ts";
import { loginFrom } from "../nats/login.ts";
import { Publisher } from "../nats/publisher.ts";
import { SecretFolder } from "../nats/secrets.ts";
import { startAdminServer } from "../runtime/admin-server.ts";
import type { ShutdownStep } from "../runtime/lifecycle.ts";
import type { Logger } from "../runtime/logger.ts";
import { createMetrics } from "../runtime/metrics.ts";
import { BodyRoom } from "./body.ts";
import type { ChannelSource } from "./channel-source.ts";
import type { Configuration, Environment } from "./configuration.ts";
import { observeDispatcher } from "./dispatcher-metrics.ts";
import { HttpSender } from "./http-sender.ts";
import { type EventServer, startEventServer } from "./http-server.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { readiness } from "./readiness.ts";
import { receiver } from "./receiver.ts";
import { type ChannelReconciler, channelReconciler } from "./reconcile-channel.ts";
import { Routes, unavailableRoute } from "./routes.ts";
import type { ServedChannel } from "./served-channel.ts";
import { shutdownSteps } from "./shutdown.ts";
import { statusPage } from "./status-page.ts";
import type { Subscription } from "./subscription.ts";

/** Channels at once that wait for answers of the server; more makes it slower, not faster. */
const RECONCILES_AT_ONCE = 4;
const TICK_MS = 100;
const SOURCE_DOWN_MS = 10_000;

/** A source of channels that was started. */
export interface StartedSource {
  source: ChannelSource;
  /** Why it can give nothing; undefined when it can. */
  fault: () => string | undefined;
  stop: () => void;
}

export interface DispatcherOptions {
  environment: Environment;
  configuration: Configuration;
  log: Logger;
  /** Starts the source of channels; `onChange` is to be called for each channel that is new or changed. */
  startSource: (onChange: (key: string) => void) => Promise<StartedSource>;
  /** What happens to the stream of a deleted channel that does not say. */
  defaultDeletionPolicy: "Delete" | "Retain";
}

type Parts = ReturnType<typeof makeParts>;

/** Starts everything; gives the steps of an orderly end, in their order. */
export async function startDispatcher(
  options: DispatcherOptions,
): Promise<[name: string, step: ShutdownStep][]> {
  const parts = makeParts(options);
  const { connection } = parts;
  const queue = createWorkQueue({
    concurrency: RECONCILES_AT_ONCE,
    work: (key) => reconciler.reconcile(key),
  });
  let started = false;
  const { source, fault, stop } = await options.startSource((key) => {
    // What is there at the start is queued when there is a connection.
    if (started) queue.add(key);
  });
  // A channel that is known and not yet served is not unknown.
  for (const key of source.keys()) {
    const channel = source.get(key);
    if (channel === undefined) continue;
    const reason = "The channel waits for its stream.";
    parts.routes.set(channel, unavailableRoute(channel, reason, parts.metrics));
  }
  const reconciler = makeReconciler(options, parts, { source, queue });
  const { served } = reconciler;
  const ready = readiness({ connection, source, served, sourceFault: fault });
  connection.listen({
    connected() {
      for (const key of source.keys()) if (!isServed(served.get(key))) queue.add(key);
    },
  });
  started = true;
  connection.start();
  const ticker = setInterval(() => tick(parts.running), TICK_MS);
  const { events, admin } = await startServers(options, parts, {
    source,
    reconciler,
    ready: ready.ready,
  });
  return shutdownSteps({
    ...parts,
    quietPeriodMs: options.configuration.dispatch.quietPeriodMs,
    events,
    admin,
    async stopChanges() {
      ready.stop();
      stop();
      await queue.stop();
    },
    stopTicking: () => clearInterval(ticker),
  });
}

/** Makes the parts that know no channel. */
function makeParts({ configuration, environment, log }: DispatcherOptions) {
  const { dispatch, auth, tls } = configuration;
  const { SECRETS_PATH: root, POD_NAMESPACE: namespace } = environment;
  const secrets = new SecretFolder({ root, namespace });
  const hasLogin = auth !== undefined || tls !== undefined;
  const connection = new Connection({
    servers: configuration.servers,
    name: `jetstream-channel-dispatcher ${environment.POD_NAME ?? ""}`.trim(),
    log,
    ...(hasLogin ? { login: loginFrom({ auth, tls }, secrets) } : {}),
  });
  return {
    connection,
    metrics: createMetrics(),
    publisher: new Publisher({
      connection,
      maxInFlight: dispatch.maxPublishes,
      timeoutMs: dispatch.publishTimeoutMs,
    }),
    acks: new Acks(connection),
    sender: new HttpSender(),
    routes: new Routes(environment.CLUSTER_DOMAIN),
    running: new Set<Subscription>(),
    room: new BodyRoom(dispatch.publishBytes),
    budget: new MemoryBudget({
      totalBytes: dispatch.memoryBytes,
      messageBytes: () => connection.maxPayload,
    }),
  };
}

function makeReconciler(
  options: DispatcherOptions,
  parts: Parts,
  { source, queue }: { source: ChannelSource; queue: WorkQueue },
): ChannelReconciler {
  const { configuration, environment, log } = options;
  const { domain } = configuration.jetstream;
  const requeue = (key: string): void => queue.add(key);
  return channelReconciler({
    ...parts,
    source,
    log,
    domain,
    requeue,
    clusterId: environment.CLUSTER_ID,
    defaultDeletionPolicy: options.defaultDeletionPolicy,
    subscribers: {
      ...parts,
      log,
      domain,
      requeue,
      dispatch: configuration.dispatch,
      apiPrefix: apiPrefixFor(domain),
    },
  });
}

async function startServers(
  { configuration, environment, log }: DispatcherOptions,
  parts: Parts,
  state: { source: ChannelSource; reconciler: ChannelReconciler; ready: () => true | string },
) {
  const { connection } = parts;
  const { source, ready } = state;
  const { served } = state.reconciler;
  const { dispatch } = configuration;
  const receive = receiver({
    ...parts,
    log,
    maxMessageBytes: () => Math.min(connection.maxPayload, dispatch.maxEventBytes ?? Infinity),
    sourceIsDown: () => source.downForMs() > SOURCE_DOWN_MS,
  });
  const { HTTP_PORT, ADMIN_PORT } = environment;
  const events: EventServer = await startEventServer({
    port: HTTP_PORT,
    limits: dispatch,
    receive,
  }).catch((cause: unknown) => {
    throw new Error(`cannot listen on port ${HTTP_PORT} (HTTP_PORT)`, { cause });
  });
  log.info({ port: events.port }, "http server listening");
  const { CLUSTER_DOMAIN: clusterDomain } = environment;
  const admin = await startAdminServer({
    port: ADMIN_PORT,
    pages: {
      healthy: () => true,
      ready,
      metrics: observeDispatcher({ ...parts, served }),
      json: { "/channels": statusPage({ source, served, connection, clusterDomain }) },
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

function tick(running: ReadonlySet<Subscription>): void {
  const now = performance.now();
  for (const subscription of running) subscription.tick(now);
}
