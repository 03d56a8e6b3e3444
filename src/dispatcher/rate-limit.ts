const BITS_PER_BYTE = 8;
/** What may go at once after a pause: a second's worth. */
const BURST_SECONDS = 1;

/**
 * A token bucket of bits: JetStream limits the rate of push consumers only, so a subscriber's
 * `rateLimitBps` is kept here, by each replica for itself. A message goes when there is no debt, and
 * may make one; so a message larger than the bucket goes as well, and the next one waits longer.
 */
export class RateLimit {
  readonly #bitsPerMs: number;
  readonly #burstBits: number;
  #bits: number;
  #countedAt: number;

  /** `now` and all further times are `performance.now()`. */
  constructor(bitsPerSecond: number, now: number) {
    this.#bitsPerMs = bitsPerSecond / 1_000;
    this.#burstBits = bitsPerSecond * BURST_SECONDS;
    this.#bits = this.#burstBits;
    this.#countedAt = now;
  }

  /** Counts a message that is delivered. */
  take(bytes: number, now: number): void {
    this.#fill(now);
    this.#bits -= bytes * BITS_PER_BYTE;
  }

  /** Tells how long the next message has to wait, in milliseconds; 0 when it may go. */
  waitMs(now: number): number {
    this.#fill(now);
    return this.#bits > 0 ? 0 : Math.ceil((1 - this.#bits) / this.#bitsPerMs);
  }

  #fill(now: number): void {
    this.#bits = Math.min(this.#burstBits, this.#bits + (now - this.#countedAt) * this.#bitsPerMs);
    this.#countedAt = now;
  }
}
