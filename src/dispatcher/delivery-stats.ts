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
  | "settled_again";

/** The newest failure of a subscriber, for people who ask what is wrong. */
export interface LastFailure {
  at: string;
  role: Role;
  destination: string;
  reason: string;
}

/** Counts what happens to one subscriber's messages, and keeps the newest failure. */
export class DeliveryStats {
  readonly #metrics: Metrics;
  readonly #labels: { channel: string; subscriber: string };
  readonly #counters = new Map<string, { inc(): void }>();
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
    this.#count(`${role} ${outcome}`, () =>
      this.#metrics.requests.labels({ ...this.#labels, role, outcome }),
    );
    if (role === "dead-letter" && outcome === "success") this.deadLetters += 1;
    if (failure === undefined) return;
    const { destination, reason } = failure;
    this.lastFailure = { at: new Date().toISOString(), role, destination, reason };
  };

  /** Counts a settled message and how long it was here, in milliseconds. */
  settled(outcome: Settled, afterMs: number): void {
    this.#count(outcome, () => this.#metrics.deliveries.labels({ ...this.#labels, outcome }));
    if (!this.#removed) this.#duration.observe(afterMs / 1_000);
  }

  /** Takes the subscriber's series out of the metrics; what ends after it makes no new ones. */
  remove(): void {
    this.#removed = true;
    const { requests, deliveries, deliveryDuration } = this.#metrics;
    for (const key of this.#counters.keys()) {
      const [first = "", outcome] = key.split(" ");
      if (outcome === undefined) deliveries.remove({ ...this.#labels, outcome: first });
      else requests.remove({ ...this.#labels, role: first, outcome });
    }
    deliveryDuration.remove(this.#labels);
    this.#counters.clear();
  }

  #count(key: string, make: () => { inc(): void }): void {
    if (this.#removed) return;
    let counter = this.#counters.get(key);
    if (counter === undefined) {
      counter = make();
      this.#counters.set(key, counter);
    }
    counter.inc();
  }
}
