/*
 * Bounds the bytes of events that are held for delivery, over all subscribers of this replica.
 *
 * Most of the memory is a pool; a subscriber gets up to an eighth of it, so that no eight slow ones
 * with large events take everything from the rest, and a pull reserves what it may bring before it is
 * sent. What the pool cannot serve (it is spent, or a message is larger than the share) goes through
 * the reserve: pulls of one message of any size, granted to the subscribers in turn. So everybody
 * moves on, and the sum stays below the bound.
 */

/** One subscriber's part of the budget. */
export interface Share {
  /** Bytes reserved for an open pull and not used yet. */
  reserved: number;
  /** Bytes of messages that are held. */
  held: number;
  /** Told when it may be served after it was refused; it asks again later, not from within. */
  onRoom: () => void;
}

const SHARE_DIVISOR = 8;
const RESERVE_DIVISOR = 8;
const TOLD_AT_ONCE = 8;

/** Hands out bytes; see the head of this file. */
export class MemoryBudget {
  #totalBytes: number;
  readonly #messageBytes: () => number;
  readonly #waiting = new Set<Share>();
  /** Shares that the pool was too short for, and what each needs at least. */
  readonly #short = new Map<Share, number>();
  /** The share that was told that there is room and has not taken it yet. */
  #turn: Share | undefined;
  #used = 0;

  /** `messageBytes` is the largest message a server can send, headers included. */
  constructor(options: { totalBytes: number; messageBytes: () => number }) {
    this.#totalBytes = options.totalBytes;
    this.#messageBytes = options.messageBytes;
  }

  /** Sets another bound; what is held already stays, and those who wait are told when there is more room. */
  set totalBytes(bytes: number) {
    this.#totalBytes = bytes;
    this.#give(0);
  }

  /** The bound, in bytes: what is configured, or a single message's size if that is more. */
  get boundBytes(): number {
    return Math.max(this.#totalBytes, this.#messageBytes());
  }

  /** Bytes held or reserved now. */
  get usedBytes(): number {
    return this.#used;
  }

  /** The most a subscriber may use of the pool, in bytes. */
  get shareBytes(): number {
    return Math.floor(this.#poolBytes / SHARE_DIVISOR);
  }

  /** How many subscribers wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Reserves up to `wanted` bytes of the pool, at least `least`; gives 0 when there is less. Where it
   * is the pool that is short, `onRoom` is called when it no longer is.
   */
  reserve(share: Share, wanted: number, least: number): number {
    const inPool = this.#poolBytes - this.#used;
    const inShare = this.shareBytes - share.reserved - share.held;
    const room = Math.min(inPool, inShare, wanted);
    if (room < least) {
      if (inShare >= least) this.#short.set(share, least);
      return 0;
    }
    // Counted before others are told, who would find room that is not there.
    this.#take(share, room);
    this.withdraw(share);
    return room;
  }

  /**
   * Reserves room for one message of any size; false puts the share in the queue, and its `onRoom`
   * is called when it is its turn. Only for a share that holds nothing.
   */
  reserveOne(share: Share): boolean {
    const othersTurn = this.#turn === undefined ? this.#waiting.size > 0 : this.#turn !== share;
    if (othersTurn) {
      this.#waiting.add(share);
      return false;
    }
    if (this.#used + this.#messageBytes() > this.boundBytes) {
      // It stays the first: others took the room that it was told of.
      const behind = [...this.#waiting];
      this.#waiting.clear();
      for (const each of [share, ...behind]) this.#waiting.add(each);
      this.#turn = undefined;
      return false;
    }
    this.#take(share, this.#messageBytes());
    this.withdraw(share);
    this.#serveNext();
    return true;
  }

  /** Turns reserved bytes into held ones: a message arrived. */
  hold(share: Share, bytes: number): void {
    const fromReserved = Math.min(share.reserved, bytes);
    share.reserved -= fromReserved;
    share.held += bytes;
    this.#used += bytes - fromReserved;
  }

  /** Gives back the bytes of a message. */
  release(share: Share, bytes: number): void {
    share.held -= bytes;
    this.#give(bytes);
  }

  /** Gives back what an ended pull did not use. */
  releaseReserved(share: Share): void {
    const bytes = share.reserved;
    share.reserved = 0;
    if (bytes > 0) this.#give(bytes);
  }

  /** Takes a share out of the queue for the reserve; it is still told when the pool has room. */
  yieldTurn(share: Share): void {
    this.#waiting.delete(share);
    if (this.#turn !== share) return;
    this.#turn = undefined;
    this.#serveNext();
  }

  /** Takes a share out of every queue: it is paused, ended, or served by the pool. */
  withdraw(share: Share): void {
    this.#short.delete(share);
    this.yieldTurn(share);
  }

  get #poolBytes(): number {
    const reserve = Math.max(this.#totalBytes / RESERVE_DIVISOR, this.#messageBytes());
    return Math.max(0, this.#totalBytes - reserve);
  }

  #take(share: Share, bytes: number): void {
    share.reserved += bytes;
    this.#used += bytes;
  }

  #give(bytes: number): void {
    this.#used -= bytes;
    this.#serveNext();
    this.#tellShort();
  }

  /** Tells some of those that the pool was too short for; who takes nothing is put down again. */
  #tellShort(): void {
    if (this.#short.size === 0) return;
    let told = 0;
    for (const [share, least] of this.#short) {
      if (this.#poolBytes - this.#used < least || told === TOLD_AT_ONCE) return;
      told += 1;
      this.#short.delete(share);
      share.onRoom();
    }
  }

  #serveNext(): void {
    if (this.#turn !== undefined || this.#waiting.size === 0) return;
    if (this.#used + this.#messageBytes() > this.boundBytes) return;
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    this.#turn = next;
    next.onRoom();
  }
}
