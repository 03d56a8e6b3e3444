import type { PullEnd, PullSize } from "../nats/pull-loop.ts";
import type { MemoryBudget, Share } from "./memory-budget.ts";

const EXPIRES_MS = 30_000;
/** A pull through the reserve is short, since others wait for their turn. */
const RESERVE_EXPIRES_MS = 2_000;
/** What an idle subscriber keeps reserved; a burst doubles it with every pull. */
const LEAST_BYTES = 32 * 1_024;
const GROWTH = 2;
/** When not even one message fitted. */
const QUICK_GROWTH = 8;

/** Decides how much one subscriber pulls: as many as it has slots for, in the bytes that it gets. */
export class PullRoom {
  readonly #budget: MemoryBudget;
  readonly #share: Share;
  #wantedBytes = LEAST_BYTES;
  /** The next message is larger than a whole share: only the reserve can take it. */
  #oneAtATime = false;

  /** `onRoom` is called when a pull that was refused for want of memory may be tried again. */
  constructor(budget: MemoryBudget, onRoom: () => void) {
    this.#budget = budget;
    this.#share = { reserved: 0, held: 0, onRoom };
  }

  /** Reserves memory for up to `batch` messages; undefined when there is none now. */
  reserve(batch: number): PullSize | undefined {
    if (batch === 0) {
      // Without a slot it must not keep others from their turn.
      this.withdraw();
      return undefined;
    }
    if (!this.#oneAtATime) {
      const maxBytes = this.#budget.reserve(this.#share, this.#wantedBytes, LEAST_BYTES);
      if (maxBytes > 0) return { batch, maxBytes, expiresMs: EXPIRES_MS };
    }
    // While it holds something, giving that back is what makes room.
    if (this.#share.held > 0 || !this.#budget.reserveOne(this.#share)) return undefined;
    return { batch: 1, maxBytes: undefined, expiresMs: RESERVE_EXPIRES_MS };
  }

  /** Gives back what an ended pull did not use, and learns how much to ask for next. */
  ended(end: PullEnd, received: number): void {
    const limit = this.#budget.shareBytes;
    this.#oneAtATime = false;
    if (end === "max-bytes") {
      this.#oneAtATime = received === 0 && this.#share.reserved >= limit;
      const growth = received === 0 ? QUICK_GROWTH : GROWTH;
      this.#wantedBytes = Math.min(limit, this.#wantedBytes * growth);
    } else if (end === "expired" && received === 0) {
      this.#wantedBytes = LEAST_BYTES;
    }
    this.#budget.releaseReserved(this.#share);
  }

  /** Counts a message that arrived. */
  hold(bytes: number): void {
    this.#budget.hold(this.#share, bytes);
  }

  /** Gives a message's bytes back. */
  release(bytes: number): void {
    this.#budget.release(this.#share, bytes);
  }

  /** Leaves the queue for memory: nothing is pulled for now. */
  withdraw(): void {
    this.#budget.withdraw(this.#share);
  }
}
