import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { ownVersion } from "./build-info.ts";
import { CounterSeries, Family, HistogramSeries } from "./series.ts";
import { workQueueMetrics } from "./work-queue-metrics.ts";

/** From a millisecond, which a sink beside us takes, to five minutes, the default timeout. */
const DURATION_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
];
/** Knative's, so that its dashboards show ours as well. */
const KNATIVE_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const SUBSCRIBER = ["channel", "subscriber"] as const;
type Subscriber = (typeof SUBSCRIBER)[number];
const ACCOUNT = ["login", "tier"] as const;
const STORAGE = [...ACCOUNT, "storage"] as const;

/** Every metric of the dispatcher; `channel` is `namespace/name`, `subscriber` a subscription's uid. */
export type Metrics = ReturnType<typeof createMetrics>;

/**
 * Makes the registry and the dispatcher's metrics, all in one table. Units are in the names. The one
 * label whose values senders choose, an event's type, is bounded by who counts it.
 */
export function createMetrics() {
  const { registry, registers, workQueue } = commonMetrics();
  return {
    workQueue,
    registry,
    ...receivingMetrics(registers),
    ...deliveryMetrics(registers),
    ...processMetrics(registers),
    account: accountMetrics(registers),
  };
}

/** Makes what both programs have. */
function commonMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "jetstream_channel_build_info",
    help: "1, with the version of the program.",
    labelNames: ["version"],
    registers,
  }).set({ version: ownVersion() }, 1);
  return { registry, registers, workQueue: workQueueMetrics(registers) };
}

function counters<L extends string>(registers: Registry[], name: string, help: string) {
  const make = () => new CounterSeries();
  return registered(registers, new Family<CounterSeries, L>({ name, help, type: "counter", make }));
}

function histograms<L extends string>(
  registers: Registry[],
  options: { name: string; help: string; buckets: readonly number[] },
) {
  const { name, help, buckets } = options;
  const make = () => new HistogramSeries(buckets);
  const family = new Family<HistogramSeries, L>({ name, help, type: "histogram", make });
  return registered(registers, family);
}

function registered<F extends Family<CounterSeries | HistogramSeries, never>>(
  registers: Registry[],
  family: F,
): F {
  // A registry only asks a metric for its name and its values; its type wants one of its own classes.
  for (const registry of registers) registry.registerMetric(family as unknown as Gauge);
  return family;
}

function receivingMetrics(registers: Registry[]) {
  return {
    received: counters<"channel" | "outcome">(
      registers,
      "jetstream_channel_events_received_total",
      "Requests to a channel's address by outcome; accepted and duplicate were answered 202.",
    ),
    receivedByType: counters<"channel" | "cloudevents_type">(
      registers,
      "jetstream_channel_events_by_type_total",
      "Events accepted, by their type: the first hundred types, and all others as one.",
    ),
    /** The types that are told apart. */
    knownTypes: new Set<string>(),
    publishDuration: histograms<never>(registers, {
      name: "jetstream_channel_publish_duration_seconds",
      help: "From a whole event received to JetStream's answer.",
      buckets: DURATION_BUCKETS,
    }).of({}),
    publishesInFlight: new Gauge({
      name: "jetstream_channel_publishes_in_flight",
      help: "Events that await JetStream's answer.",
      registers,
    }),
    receivingBytes: new Gauge({
      name: "jetstream_channel_receiving_bytes",
      help: "Bytes of event data that are being received or await JetStream's answer.",
      registers,
    }),
  };
}

function deliveryMetrics(registers: Registry[]) {
  return {
    requests: counters<Subscriber | "role" | "outcome">(
      registers,
      "jetstream_channel_requests_total",
      "Requests sent for a subscriber, by role of the destination and outcome.",
    ),
    deliveries: counters<Subscriber | "outcome">(
      registers,
      "jetstream_channel_deliveries_total",
      "Messages settled for a subscriber, by what became of them.",
    ),
    redeliveries: counters<Subscriber>(
      registers,
      "jetstream_channel_redeliveries_total",
      "Messages that JetStream delivered again for a subscriber.",
    ),
    deliveryDuration: histograms<Subscriber>(registers, {
      name: "jetstream_channel_delivery_duration_seconds",
      help: "From a message received from JetStream to its verdict.",
      buckets: DURATION_BUCKETS,
    }),
    dispatchDuration: histograms<
      "kn_channel_namespace" | "kn_channel_name" | "subscriber" | "http_response_status_code"
    >(registers, {
      name: "kn_eventing_dispatch_duration_seconds",
      help: "From a request sent to a subscriber to its answer; without one the status is empty.",
      buckets: KNATIVE_BUCKETS,
    }),
    inFlight: new Gauge({
      name: "jetstream_channel_deliveries_in_flight",
      help: "Messages held here for a subscriber.",
      labelNames: SUBSCRIBER,
      registers,
    }),
    waiting: new Gauge({
      name: "jetstream_channel_retries_waiting",
      help: "Messages given back by this replica that wait for their next attempt.",
      labelNames: SUBSCRIBER,
      registers,
    }),
    held: new Gauge({
      name: "jetstream_channel_subscriber_held",
      help: "1 while every message that may be pending waits for a retry, so that nothing new comes.",
      labelNames: SUBSCRIBER,
      registers,
    }),
    pending: new Gauge({
      name: "jetstream_channel_pending_messages",
      help: "Messages that the subscriber has yet to get, as the newest delivery told.",
      labelNames: SUBSCRIBER,
      registers,
    }),
    oldestUnacknowledged: new Gauge({
      name: "jetstream_channel_oldest_unacknowledged_seconds",
      help: "Age of the oldest message that this replica has or gave back for later; 0 without one.",
      labelNames: SUBSCRIBER,
      registers,
    }),
  };
}

function processMetrics(registers: Registry[]) {
  return {
    memoryBound: new Gauge({
      name: "jetstream_channel_memory_bound_bytes",
      help: "The bound of event bytes held for delivery.",
      registers,
    }),
    memoryUsed: new Gauge({
      name: "jetstream_channel_memory_used_bytes",
      help: "Event bytes held for delivery or reserved for open pulls.",
      registers,
    }),
    channels: new Gauge({
      name: "jetstream_channel_channels",
      help: "Channels known, by whether they are served.",
      labelNames: ["state"] as const,
      registers,
    }),
    channelReady: new Gauge({
      name: "jetstream_channel_ready",
      help: "1 while a channel is served, 0 while it is not.",
      labelNames: ["channel"] as const,
      registers,
    }),
    natsConnected: new Gauge({
      name: "jetstream_channel_nats_connected",
      help: "1 while there is a connection to NATS with a login: the dispatcher's, or one that channels bring.",
      labelNames: ["login"] as const,
      registers,
    }),
    natsDisconnects: new Counter({
      name: "jetstream_channel_nats_disconnects_total",
      help: "How often the connection to NATS with a login was lost.",
      labelNames: ["login"] as const,
      registers,
    }),
    credentialExpiry: new Gauge({
      name: "jetstream_channel_credential_expiry_timestamp_seconds",
      help: "When a login's user JWT or certificate expires, in Unix seconds; none where it never does.",
      labelNames: ["login", "kind"] as const,
      registers,
    }),
    leader: new Gauge({
      name: "jetstream_channel_dispatcher_leader",
      help: "1 while this replica keeps streams, consumers and status.",
      registers,
    }),
  };
}

function accountMetrics(registers: Registry[]) {
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge({ name: `jetstream_channel_account_${name}`, help, labelNames, registers });
  return {
    used: gauge("used_bytes", "What the account's streams use of JetStream's storage.", STORAGE),
    reserved: gauge("reserved_bytes", "What streams with maxBytes set aside of it.", STORAGE),
    limit: gauge("limit_bytes", "What the account may use; +Inf without a limit.", STORAGE),
    streams: gauge("streams", "Streams of the account.", ACCOUNT),
    streamLimit: gauge("streams_limit", "Streams it may have; +Inf without a limit.", ACCOUNT),
    consumers: gauge("consumers", "Consumers of the account.", ACCOUNT),
    consumerLimit: gauge(
      "consumers_limit",
      "Consumers it may have; +Inf without a limit.",
      ACCOUNT,
    ),
  };
}

/** Makes the registry and the controller's metrics; `loop` is `channel` or `dispatcher`. */
export function createControllerMetrics() {
  const { registry, registers, workQueue } = commonMetrics();
  return {
    registry,
    workQueue,
    reconciles: new Counter({
      name: "jetstream_channel_controller_reconciles_total",
      help: "Reconciles by what came of them.",
      labelNames: ["loop", "outcome"] as const,
      registers,
    }),
    reconcileDuration: new Histogram({
      name: "jetstream_channel_controller_reconcile_duration_seconds",
      help: "From the beginning of a reconcile to its outcome.",
      labelNames: ["loop"] as const,
      buckets: DURATION_BUCKETS,
      registers,
    }),
    channelReady: new Gauge({
      name: "jetstream_channel_controller_channel_ready",
      help: "1 while a channel is Ready, 0 while it is not, as its status says.",
      labelNames: ["channel"] as const,
      registers,
    }),
    leader: new Gauge({
      name: "jetstream_channel_controller_leader",
      help: "1 while this replica leads.",
      registers,
    }),
  };
}
