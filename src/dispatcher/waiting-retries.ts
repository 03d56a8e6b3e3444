import type { Logger } from "../runtime/logger.ts";
import type { LastFailure } from "./delivery-stats.ts";

/** How full a consumer is, as the server says. */
export interface Fullness {
  ackPending: number;
  /** -1 when there is no limit. */
  maxAckPending: number;
  /** Messages that it has yet to deliver. */
  pending: number;
}

const CHECK_MS = 5_000;

/**
 * Knows which messages of a subscriber wait for their next attempt, and finds out when all that may
 * be pending does: then the subscriber is held, nothing new comes to it, and somebody has to look.
 */
export class WaitingRetries {
  readonly #log: Logger;
  readonly #fullness: () => Promise<Fullness | undefined>;
  readonly #lastFailure: () => LastFailure | undefined;
  readonly #onHeld: (isHeld: boolean) => void;
  /** By stream sequence: when it is due, and when it was stored. */
  readonly #waiting = new Map<number, { dueAt: number; storedAtMs: number }>();
  #held = false;
  #isChecking = false;
  #checkAt = 0;

  constructor(options: {
    log: Logger;
    fullness: () => Promise<Fullness | undefined>;
    lastFailure: () => LastFailure | undefined;
    onHeld: (isHeld: boolean) => void;
  }) {
    this.#log = options.log;
    this.#fullness = options.fullness;
    this.#lastFailure = options.lastFailure;
    this.#onHeld = options.onHeld;
  }

  /** Whether everything that may be pending waits. */
  get held(): boolean {
    return this.#held;
  }

  /** Whether it wants to be ticked. */
  get isBusy(): boolean {
    return this.#held || this.#isChecking || this.#waiting.size > 0;
  }

  /** Notes that a message was given back, to come again after a delay. */
  add(streamSequence: number, afterMs: number, storedAtMs: number): void {
    if (afterMs <= 0) return;
    this.#waiting.set(streamSequence, { dueAt: performance.now() + afterMs, storedAtMs });
  }

  /** Notes that a message came again. */
  delete(streamSequence: number): void {
    this.#waiting.delete(streamSequence);
  }

  /** Counts those that are not due yet. */
  count(): number {
    const now = performance.now();
    for (const [sequence, { dueAt }] of this.#waiting) {
      if (dueAt < now) this.#waiting.delete(sequence);
    }
    return this.#waiting.size;
  }

  /** Tells when the oldest of them was stored, in Unix milliseconds; Infinity when there is none. */
  oldestStoredAtMs(): number {
    let oldest = Infinity;
    for (const { storedAtMs } of this.#waiting.values()) oldest = Math.min(oldest, storedAtMs);
    return oldest;
  }

  /**
   * Asks the server now and then, but only while there is a suspicion: retries wait and no attempt is
   * under way. A consumer that runs is never asked.
   */
  tick(now: number, isQuiet: boolean): void {
    if (now < this.#checkAt || (this.#waiting.size === 0 && !this.#held)) return;
    this.#checkAt = now + CHECK_MS;
    // Counting also forgets those that came again to another replica.
    const isSuspect = this.count() > 0 && isQuiet;
    if (!isSuspect && !this.#held) return;
    this.#isChecking = true;
    void this.#check().finally(() => {
      this.#isChecking = false;
    });
  }

  async #check(): Promise<void> {
    // An outage says nothing about the subscriber.
    const fullness = await this.#fullness().catch(() => undefined);
    if (fullness === undefined) return;
    const { ackPending, maxAckPending } = fullness;
    const isHeld = maxAckPending > 0 && ackPending >= maxAckPending;
    if (isHeld === this.#held) return;
    this.#held = isHeld;
    this.#onHeld(isHeld);
    if (isHeld) {
      this.#log.warn(
        { ackPending, maxAckPending, lastFailure: this.#lastFailure() },
        "subscriber is held: all that may be pending waits for a retry; mend it, or give it a retry count and a dead-letter sink",
      );
    } else {
      this.#log.info({ ackPending, maxAckPending }, "subscriber is no longer held");
    }
  }
}
