const FIRST_CAPACITY = 64;
const MAX_CAPACITY = 16_384;

/** What was settled: acknowledged, or given up for good. */
export type SettledAs = "ack" | "term";

/**
 * Remembers for a while which messages of one consumer this replica settled, so that one whose
 * settlement was lost with a connection or a server is settled again without calling anybody.
 *
 * An entry only counts for a later delivery of the same message (a higher consumer sequence); a
 * consumer sequence that goes back shows a consumer that was reset or re-created, and empties the
 * memory. The owner also compares the creation times of stream and consumer before it trusts it.
 * Rings of numbers: no allocation for an event, and bounded (16,384 entries of 25 bytes).
 */
export class Settlements {
  readonly #forMs: number;
  #streamSequences = new Float64Array(FIRST_CAPACITY);
  #consumerSequences = new Float64Array(FIRST_CAPACITY);
  #settledAt = new Float64Array(FIRST_CAPACITY);
  #terms = new Uint8Array(FIRST_CAPACITY);
  #next = 0;
  #size = 0;
  #newest = 0;

  /** `forMs` is how long an entry counts: twice the ack wait. */
  constructor(forMs: number) {
    this.#forMs = forMs;
  }

  get size(): number {
    return this.#size;
  }

  /** Takes note of a delivery's consumer sequence; to be called for each before anything else. */
  delivered(consumerSequence: number): void {
    if (consumerSequence <= this.#newest) this.clear();
    this.#newest = consumerSequence;
  }

  remember(entry: {
    streamSequence: number;
    consumerSequence: number;
    as: SettledAs;
    now: number;
  }): void {
    if (this.#size === this.#settledAt.length && this.#size < MAX_CAPACITY) this.#grow(entry.now);
    const index = this.#next;
    this.#streamSequences[index] = entry.streamSequence;
    this.#consumerSequences[index] = entry.consumerSequence;
    this.#settledAt[index] = entry.now;
    this.#terms[index] = entry.as === "term" ? 1 : 0;
    this.#next = (index + 1) % this.#settledAt.length;
    this.#size = Math.min(this.#size + 1, this.#settledAt.length);
  }

  /** Tells how a message was settled before the given delivery of it; undefined when it was not. */
  recall(delivery: {
    streamSequence: number;
    consumerSequence: number;
    now: number;
  }): SettledAs | undefined {
    const capacity = this.#settledAt.length;
    for (let back = 1; back <= this.#size; back++) {
      const index = (this.#next - back + capacity) % capacity;
      if ((this.#settledAt[index] ?? 0) + this.#forMs < delivery.now) return undefined;
      if (this.#streamSequences[index] !== delivery.streamSequence) continue;
      if (delivery.consumerSequence <= (this.#consumerSequences[index] ?? 0)) return undefined;
      return this.#terms[index] === 1 ? "term" : "ack";
    }
    return undefined;
  }

  clear(): void {
    this.#next = 0;
    this.#size = 0;
    this.#newest = 0;
  }

  /** Doubles the rings, unless the oldest entry has run out and may be overwritten. */
  #grow(now: number): void {
    if ((this.#settledAt[this.#next] ?? 0) + this.#forMs < now) return;
    const rotate = <Ring extends Float64Array | Uint8Array>(from: Ring, to: Ring): Ring => {
      to.set(from.subarray(this.#next));
      to.set(from.subarray(0, this.#next), from.length - this.#next);
      return to;
    };
    const capacity = this.#settledAt.length * 2;
    this.#streamSequences = rotate(this.#streamSequences, new Float64Array(capacity));
    this.#consumerSequences = rotate(this.#consumerSequences, new Float64Array(capacity));
    this.#settledAt = rotate(this.#settledAt, new Float64Array(capacity));
    this.#terms = rotate(this.#terms, new Uint8Array(capacity));
    this.#next = this.#size;
  }
}
