import type { DeliveryFailure } from "../cloudevents/dead-letter.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { CounterSeries, HistogramSeries } from "../runtime/series.ts";
import type { Role } from "./deliver.ts";
import type { Outcome } from "./retry.ts";

/** What became of a message, as `jetstream_channel_deliveries_total` counts it. */
export type Settled =
  | "acked"
  | "retried"
  | "dead_letter_retried"
  | "given_up"
  | "given_back"
  | "settled_again"
  /** Its consumer was made again while it was under way. */
  | "disowned";

/** The newest failure of a subscriber, for people who ask what is wrong. */
export interface LastFailure {
  at: string;
  role: Role;
  destination: string;
  reason: string;
}

/** A subscriber may answer with any status; so many are told apart. */
const STATUSES_AT_MOST = 16;

/** Counts what happens to one subscriber's messages, and keeps the newest failure. */
export class DeliveryStats {
  readonly #metrics: Metrics;
  readonly #labels: { channel: string; subscriber: string };
  readonly #requests: Record<Role, Partial<Record<Outcome, CounterSeries>>> = {
    subscriber: {},
    reply: {},
    "dead-letter": {},
  };
  readonly #deliveries: Partial<Record<Settled, CounterSeries>> = {};
  readonly #redeliveries: CounterSeries;
  readonly #duration: HistogramSeries;
  readonly #dispatches = new Map<number | undefined, HistogramSeries>();
  #removed = false;
  deadLetters = 0;
  lastFailure: LastFailure | undefined;

  constructor(metrics: Metrics, labels: { channel: string; subscriber: string }) {
    this.#metrics = metrics;
    this.#labels = labels;
    this.#duration = metrics.deliveryDuration.of(labels);
    this.#redeliveries = metrics.redeliveries.of(labels);
    // What alerts look at is there before it happens: Prometheus sees no increase in a series that is new.
    this.#requests["dead-letter"].success = metrics.requests.of({
      ...labels,
      role: "dead-letter",
      outcome: "success",
    });
    this.#deliveries.given_up = metrics.deliveries.of({ ...labels, outcome: "given_up" });
  }

  /** Counts a request's end. */
  readonly request = (role: Role, outcome: Outcome, failure: DeliveryFailure | undefined): void => {
    if (this.#removed) return;
    const counters = this.#requests[role];
    counters[outcome] ??= this.#metrics.requests.of({ ...this.#labels, role, outcome });
    counters[outcome].inc();
    if (role === "dead-letter" && outcome === "success") this.deadLetters += 1;
    if (failure === undefined) return;
    const { destination, reason } = failure;
    this.lastFailure = { at: new Date().toISOString(), role, destination, reason };
  };

  /** Counts how long the subscriber took to answer a request, in milliseconds; undefined: it did not. */
  readonly dispatched = (status: number | undefined, afterMs: number): void => {
    if (this.#removed) return;
    let series = this.#dispatches.get(status);
    if (series === undefined) {
      series = this.#dispatchesWith(status);
      this.#dispatches.set(status, series);
    }
    series.observe(afterMs / 1_000);
  };

  /** Counts a message that came again. */
  redelivered(): void {
    this.#redeliveries.inc();
  }

  /** Counts a settled message and how long it was here, in milliseconds. */
  settled(outcome: Settled, afterMs: number): void {
    if (this.#removed) return;
    const counters = this.#deliveries;
    counters[outcome] ??= this.#metrics.deliveries.of({ ...this.#labels, outcome });
    counters[outcome].inc();
    this.#duration.observe(afterMs / 1_000);
  }

  /** Takes the subscriber's series out of the metrics; what ends after it makes no new ones. */
  remove(): void {
    this.#removed = true;
    const { requests, deliveries, redeliveries, deliveryDuration } = this.#metrics;
    for (const [role, counters] of Object.entries(this.#requests)) {
      for (const outcome of Object.keys(counters)) {
        requests.remove({ ...this.#labels, role, outcome });
      }
    }
    for (const outcome of Object.keys(this.#deliveries)) {
      deliveries.remove({ ...this.#labels, outcome });
    }
    redeliveries.remove(this.#labels);
    deliveryDuration.remove(this.#labels);
    for (const status of this.#dispatches.keys()) {
      this.#metrics.dispatchDuration.remove(this.#dispatchLabels(status));
      this.#metrics.dispatchDuration.remove(this.#dispatchLabels("other"));
    }
  }

  #dispatchesWith(status: number | undefined): HistogramSeries {
    const isTold = this.#dispatches.size < STATUSES_AT_MOST;
    return this.#metrics.dispatchDuration.of(this.#dispatchLabels(isTold ? status : "other"));
  }

  #dispatchLabels(status: number | "other" | undefined) {
    const { channel, subscriber } = this.#labels;
    const [namespace = "", name = ""] = channel.split("/");
    return {
      kn_channel_namespace: namespace,
      kn_channel_name: name,
      subscriber,
      http_response_status_code: String(status ?? ""),
    };
  }
}
