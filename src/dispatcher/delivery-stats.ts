import type { DeliveryFailure } from "../cloudevents/dead-letter.ts";
import type { Metrics } from "../runtime/metrics.ts";
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

interface SeriesCounter {
  inc(): void;
}

/** Counts what happens to one subscriber's messages, and keeps the newest failure. */
export class DeliveryStats {
  readonly #metrics: Metrics;
  readonly #labels: { channel: string; subscriber: string };
  readonly #requests: Record<Role, Partial<Record<Outcome, SeriesCounter>>> = {
    subscriber: {},
    reply: {},
    "dead-letter": {},
  };
  readonly #deliveries: Partial<Record<Settled, SeriesCounter>> = {};
  readonly #duration: { observe(seconds: number): void };
  #removed = false;
  deadLetters = 0;
  lastFailure: LastFailure | undefined;

  constructor(metrics: Metrics, labels: { channel: string; subscriber: string }) {
    this.#metrics = metrics;
    this.#labels = labels;
    this.#duration = metrics.deliveryDuration.labels(labels);
  }

  /** Counts a request's end. */
  readonly request = (role: Role, outcome: Outcome, failure: DeliveryFailure | undefined): void => {
    if (this.#removed) return;
    const counters = this.#requests[role];
    counters[outcome] ??= this.#metrics.requests.labels({ ...this.#labels, role, outcome });
    counters[outcome].inc();
    if (role === "dead-letter" && outcome === "success") this.deadLetters += 1;
    if (failure === undefined) return;
    const { destination, reason } = failure;
    this.lastFailure = { at: new Date().toISOString(), role, destination, reason };
  };

  /** Counts a settled message and how long it was here, in milliseconds. */
  settled(outcome: Settled, afterMs: number): void {
    if (this.#removed) return;
    const counters = this.#deliveries;
    counters[outcome] ??= this.#metrics.deliveries.labels({ ...this.#labels, outcome });
    counters[outcome].inc();
    this.#duration.observe(afterMs / 1_000);
  }

  /** Takes the subscriber's series out of the metrics; what ends after it makes no new ones. */
  remove(): void {
    this.#removed = true;
    const { requests, deliveries, deliveryDuration } = this.#metrics;
    for (const [role, counters] of Object.entries(this.#requests)) {
      for (const outcome of Object.keys(counters)) {
        requests.remove({ ...this.#labels, role, outcome });
      }
    }
    for (const outcome of Object.keys(this.#deliveries)) {
      deliveries.remove({ ...this.#labels, outcome });
    }
    deliveryDuration.remove(this.#labels);
  }
}
