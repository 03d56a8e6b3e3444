import { setTimeout as sleep } from "node:timers/promises";

/** Waits between attempts: exponentially longer, jittered, so that replicas spread out. */
export class BackOff {
  /** How many attempts have failed in a row. */
  attempts = 0;
  readonly #minMs: number;
  readonly #maxMs: number;
  #waiting = new AbortController();

  constructor(options: { minMs: number; maxMs: number }) {
    this.#minMs = options.minMs;
    this.#maxMs = options.maxMs;
  }

  /** Waits before the next attempt. */
  async wait(): Promise<void> {
    const ceilingMs = Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(this.attempts, 20));
    this.attempts += 1;
    const waitMs = ceilingMs / 2 + (Math.random() * ceilingMs) / 2;
    this.#waiting = new AbortController();
    await sleep(waitMs, undefined, { signal: this.#waiting.signal }).catch(() => undefined);
  }

  /** Ends the wait under way. */
  hurry(): void {
    this.#waiting.abort();
  }
}
