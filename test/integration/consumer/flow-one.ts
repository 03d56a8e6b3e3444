/**
 * Flow 1 and the deliveries that it starts, in the process of the test: real connection, real HTTP, and a source of channels
 * that says what the test says. For what a file of channels cannot say: whether a subscription is gone.
 */
import { parseNatsConfig } from "../../../src/api/nats-config.ts";
import type { ChannelSettings, Refusal } from "../../../src/api/settings.ts";
import type { ChannelSource } from "../../../src/dispatcher/channel-source.ts";
import { HttpSender } from "../../../src/dispatcher/http-sender.ts";
import { MemoryBudget } from "../../../src/dispatcher/memory-budget.ts";
import { NatsClients } from "../../../src/dispatcher/nats-clients.ts";
import {
  type ChannelReconciler,
  channelReconciler,
} from "../../../src/dispatcher/reconcile-channel.ts";
import { Routes } from "../../../src/dispatcher/routes.ts";
import type { Subscription } from "../../../src/dispatcher/subscription.ts";
import { Ticker } from "../../../src/dispatcher/ticker.ts";
import { createWorkQueue } from "../../../src/kube/work-queue.ts";
import { createLogger } from "../../../src/runtime/logger.ts";
import { createMetrics } from "../../../src/runtime/metrics.ts";
import { eventually } from "../../support/eventually.ts";

/** Is what the source of channels says; a test changes it and reconciles. */
export interface Said {
  channels: Map<string, ChannelSettings>;
  refusals: Refusal[];
  /** Uids of subscriptions that are known not to exist any more. */
  gone: Set<string>;
  /** Called when a subscription is asked for, before the answer. */
  onAsked: (uid: string) => void | Promise<void>;
}

/** Holds flow 1 and what it works with. */
export interface FlowOne {
  readonly said: Said;
  readonly reconciler: ChannelReconciler;
  readonly routes: Routes;
  readonly metrics: ReturnType<typeof createMetrics>;
  stop(): Promise<void>;
}

/** Starts it, connected. What is asked for again (a consumer is gone) is reconciled by itself. */
export async function startFlowOne(url: string): Promise<FlowOne> {
  const log = createLogger({ name: "test", level: "silent" });
  const configuration = { ...parseNatsConfig(undefined), servers: [url] };
  const { dispatch } = configuration;
  const clients = new NatsClients({
    configuration,
    secretsPath: "",
    namespace: "default",
    name: "test",
    log,
    onChange: () => undefined,
    onElsewhere: () => undefined,
  });
  const { connection } = clients.own;
  connection.start();
  await eventually(() => connection.current !== undefined, { within: 10_000, what: "connection" });
  const said: Said = { channels: new Map(), refusals: [], gone: new Set(), onAsked: () => {} };
  const parts = {
    clients,
    metrics: createMetrics(),
    routes: new Routes("cluster.local"),
    sender: new HttpSender(),
    budget: new MemoryBudget({
      totalBytes: dispatch.memoryBytes,
      messageBytes: () => clients.maxPayload,
    }),
    running: new Set<Subscription>(),
    ticker: new Ticker(),
    log,
    requeue: (key: string) => queue.add(key),
  };
  const reconciler = channelReconciler({
    ...parts,
    source: sourceOf(said),
    clusterId: "here",
    maxEventBytes: () => undefined,
    subscribers: {
      ...parts,
      tracing: { current: undefined },
      dispatch: () => dispatch,
      note: () => undefined,
    },
  });
  const queue = createWorkQueue({ concurrency: 1, work: (key) => reconciler.reconcile(key) });
  return {
    said,
    reconciler,
    routes: parts.routes,
    metrics: parts.metrics,
    async stop() {
      parts.ticker.stop();
      await queue.stop();
      await Promise.all([...parts.running].map((subscription) => subscription.stop()));
      await parts.sender.close();
      clients.own.acks.close();
      await clients.close();
    },
  };
}

function sourceOf(said: Said): ChannelSource {
  return {
    keys: () => [...said.channels.keys()],
    get: (key) => said.channels.get(key),
    refusals: () => said.refusals,
    isUndecided: () => false,
    downForMs: () => 0,
    async isSubscriptionGone(uid) {
      await said.onAsked(uid);
      return said.gone.has(uid);
    },
    isLeader: () => true,
    leaving: () => undefined,
    closed: () => undefined,
    deletesStream: async ({ stream }) => stream.deletionPolicy === "Delete",
    hold: async () => false,
    release: async () => undefined,
    tell: async () => undefined,
    note: () => undefined,
    report: () => ({}),
  };
}
