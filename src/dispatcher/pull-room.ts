import type { PullEnd, PullSize } from "../nats/pull-loop.ts";
import type { MemoryBudget, Share } from "./memory-budget.ts";
import { RateLimit } from "./rate-limit.ts";

/** How long a pull waits for messages, and how often the server shows that it does. */
const DEFAULT_TIMES: PullTimes = { expiresMs: 30_000, heartbeatMs: 5_000 };
/** A pull through the reserve is short, since others wait for their turn. */
const RESERVE_TIMES: PullTimes = { expiresMs: 2_000, heartbeatMs: 1_000 };
const SHORTEST_EXPIRES_MS = 500;
const LONGEST_EXPIRES_MS = 300_000;
/** The server sends as many heartbeats as it is asked for, thousands in a second if need be. */
const SHORTEST_HEARTBEAT_MS = 100;
/** What an idle subscriber keeps reserved; a burst doubles it with every pull. */
const LEAST_BYTES = 32 * 1_024;
const GROWTH = 2;
/** When not even one message fitted. */
const QUICK_GROWTH = 8;

/** How long a pull may stay open, and how often the server says that it is. */
export type PullTimes = Pick<PullSize, "expiresMs" | "heartbeatMs">;

/**
 * Gives a pull's times from what the consumer template says: `fetchMaxWait`, from half a second (a
 * consumer that is asked more often costs more than it gives) to five minutes, and `idleHeartbeat`,
 * from a tenth of a second to half of that.
 */
export function pullTimesFor(
  fetchMaxWaitMs: number | undefined,
  idleHeartbeatMs: number | undefined,
): PullTimes {
  const wantedMs = fetchMaxWaitMs ?? DEFAULT_TIMES.expiresMs;
  const expiresMs = Math.min(LONGEST_EXPIRES_MS, Math.max(SHORTEST_EXPIRES_MS, wantedMs));
  const heartbeatMs = Math.max(SHORTEST_HEARTBEAT_MS, idleHeartbeatMs ?? DEFAULT_TIMES.heartbeatMs);
  return { expiresMs, heartbeatMs: Math.min(heartbeatMs, expiresMs / 2) };
}

/** Decides how much one subscriber pulls: as many as it has slots for, in the bytes that it gets. */
export class PullRoom {
  readonly #budget: MemoryBudget;
  readonly #share: Share;
  readonly #onRoom: () => void;
  #wantedBytes = LEAST_BYTES;
  /** The next message did not fit into this many bytes. */
  #tooFewBytes = 0;
  #rateLimitBps: number | undefined;
  #rateLimit: RateLimit | undefined;
  #rateTimer: NodeJS.Timeout | undefined;

  /** `onRoom` is called when a pull that was refused may be tried again. */
  constructor(budget: MemoryBudget, onRoom: () => void) {
    this.#budget = budget;
    this.#onRoom = onRoom;
    this.#share = { reserved: 0, held: 0, onRoom };
  }

  /** Bits per second that may be pulled; undefined: as many as there are. */
  set rateLimitBps(rateLimitBps: number | undefined) {
    if (rateLimitBps === this.#rateLimitBps) return;
    this.#rateLimitBps = rateLimitBps;
    this.#rateLimit =
      rateLimitBps === undefined ? undefined : new RateLimit(rateLimitBps, performance.now());
  }

  /** Reserves memory for up to `slots` messages; undefined when nothing may be pulled now. */
  reserve(slots: number, times: PullTimes = DEFAULT_TIMES): PullSize | undefined {
    const waitMs = this.#rateLimit?.waitMs(performance.now()) ?? 0;
    if (slots === 0 || waitMs > 0) {
      // It must not keep others from their turn.
      this.withdraw();
      if (waitMs > 0) this.#rateTimer = setTimeout(this.#onRoom, waitMs);
      return undefined;
    }
    // With a rate limit each message decides when the next one may be asked for.
    const batch = this.#rateLimit === undefined ? slots : 1;
    const leastBytes = Math.max(LEAST_BYTES, this.#tooFewBytes + 1);
    const wantedBytes = Math.max(this.#wantedBytes, leastBytes);
    const maxBytes = this.#budget.reserve(this.#share, wantedBytes, leastBytes);
    if (maxBytes > 0) return { batch, maxBytes, ...times };
    if (this.#share.held > 0) {
      // Giving that back is what makes room; until then it must not keep others from their turn.
      this.#budget.yieldTurn(this.#share);
      return undefined;
    }
    if (!this.#budget.reserveOne(this.#share)) return undefined;
    return { batch: 1, maxBytes: undefined, ...RESERVE_TIMES };
  }

  /** Gives back what an ended pull did not use, and learns how much to ask for next. */
  ended(end: PullEnd, received: number): void {
    const didNotFit = end === "max-bytes" && received === 0;
    this.#tooFewBytes = didNotFit ? this.#share.reserved : 0;
    if (end === "max-bytes") {
      const growth = didNotFit ? QUICK_GROWTH : GROWTH;
      this.#wantedBytes = Math.min(this.#budget.shareBytes, this.#wantedBytes * growth);
    } else if (end === "expired" && received === 0) {
      this.#wantedBytes = LEAST_BYTES;
    }
    this.#budget.releaseReserved(this.#share);
  }

  /** Counts a message that arrived. */
  hold(bytes: number): void {
    this.#rateLimit?.take(bytes, performance.now());
    this.#budget.hold(this.#share, bytes);
  }

  /** Counts further bytes that a message makes necessary, or fewer. */
  keep(bytes: number): void {
    if (bytes > 0) this.#budget.hold(this.#share, bytes);
    else this.#budget.release(this.#share, -bytes);
  }

  /** Gives a message's bytes back. */
  release(bytes: number): void {
    this.#budget.release(this.#share, bytes);
  }

  /** Leaves the queue for memory: nothing is pulled for now. */
  withdraw(): void {
    clearTimeout(this.#rateTimer);
    this.#budget.withdraw(this.#share);
  }
}
