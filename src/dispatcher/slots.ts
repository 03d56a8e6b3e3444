import { setTimeout as sleep } from "node:timers/promises";

const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Counts the attempts that a subscriber has under way. A re-attempt that waited comes before new
 * messages: it takes the next slot that is freed, in the order of asking.
 */
export class Slots {
  readonly #onFree: () => void;
  readonly #waiting: (() => void)[] = [];
  #limit: number;
  #taken = 0;

  /** `onFree` is told when a slot was freed that nobody waited for. */
  constructor(limit: number, onFree: () => void) {
    this.#limit = limit;
    this.#onFree = onFree;
  }

  /** Sets another limit; with more slots those who wait come first. */
  set limit(limit: number) {
    this.#limit = limit;
    while (this.#taken < limit) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#taken += 1;
      next();
    }
  }

  get taken(): number {
    return this.#taken;
  }

  /** How many new messages may come; never negative. */
  get free(): number {
    return Math.max(0, this.#limit - this.#taken);
  }

  /** Takes a slot at once: for a message that is already here. */
  take(): void {
    this.#taken += 1;
  }

  /** Takes a slot when there is one; with a signal that is aborted, beyond the limit and at once. */
  async wait(signal?: AbortSignal): Promise<void> {
    if (this.#taken < this.#limit || signal?.aborted) {
      this.#taken += 1;
      return;
    }
    await new Promise<void>((resolve) => {
      const takeAnyway = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(handOver), 1);
        this.#taken += 1;
        resolve();
      };
      // The slot is handed over taken.
      const handOver = (): void => {
        signal?.removeEventListener("abort", takeAnyway);
        resolve();
      };
      this.#waiting.push(handOver);
      signal?.addEventListener("abort", takeAnyway, { once: true });
    });
  }

  /** Lends a slot that is taken for a time, unless the signal is aborted; then, it is taken again at once. */
  async lend(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.release();
    await sleep(Math.min(ms, MAX_TIMER_MS), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) this.take();
    else await this.wait(signal);
  }

  release(): void {
    const next = this.#taken <= this.#limit ? this.#waiting.shift() : undefined;
    if (next !== undefined) return next();
    this.#taken -= 1;
    this.#onFree();
  }
}
