import { createInbox, type Msg } from "@nats-io/transport-node";
import type { Connection, NatsConnection } from "./connection.ts";

const MAX_SLOTS = 2 ** 20;

/**
 * Gives each message that awaits an answer a slot with a reply subject of its own below one inbox.
 * A slot is used again with a higher generation, so that a late answer never meets the wrong
 * message. Slots are kept over a lost connection; the user sends their messages again. An array and
 * not a Map, whose dead tables keep closures alive and cost tens of milliseconds of garbage
 * collection under load.
 */
export class ReplySlots<Item extends object> {
  readonly #inbox = createInbox();
  readonly #onReply: (item: Item, reply: Msg) => void;
  readonly #items: (Item | undefined)[] = [];
  readonly #generations: number[] = [];
  readonly #free: number[] = [];
  #capacity: number;
  #used = 0;

  constructor(options: {
    connection: Connection;
    capacity: number;
    onReply: (item: Item, reply: Msg) => void;
  }) {
    this.#capacity = checked(options.capacity);
    this.#onReply = options.onReply;
    options.connection.listen({ connected: (nc) => this.#subscribe(nc) });
  }

  /** Sets another number of slots; those that are taken stay. */
  set capacity(capacity: number) {
    this.#capacity = checked(capacity);
  }

  /** How many slots are taken. */
  get used(): number {
    return this.#used;
  }

  /** Takes a slot; undefined when all are taken. */
  take(item: Item): number | undefined {
    if (this.#used >= this.#capacity) return undefined;
    const slot = this.#free.pop() ?? this.#items.length;
    this.#items[slot] = item;
    this.#generations[slot] = (this.#generations[slot] ?? 0) + 1;
    this.#used += 1;
    return slot;
  }

  /** Gives the reply subject of a taken slot. */
  replySubject(slot: number): string {
    return `${this.#inbox}.${slot.toString(36)}.${this.#generations[slot]?.toString(36)}`;
  }

  /** Gives a slot back; answers that still come for it are ignored. */
  release(slot: number): void {
    this.#items[slot] = undefined;
    this.#free.push(slot);
    this.#used -= 1;
  }

  /** Calls a function for every item that awaits an answer; it may release the item's slot. */
  visit(visit: (item: Item) => void): void {
    if (this.#used === 0) return;
    for (const item of this.#items) if (item !== undefined) visit(item);
  }

  #subscribe(nc: NatsConnection): void {
    const prefixLength = this.#inbox.length + 1;
    nc.subscribe(`${this.#inbox}.*.*`, {
      callback: (error, reply) => {
        if (error !== null) return;
        const { subject } = reply;
        const dot = subject.indexOf(".", prefixLength);
        const slot = Number.parseInt(subject.slice(prefixLength, dot), 36);
        const item = this.#items[slot];
        if (item === undefined) return;
        if (subject.slice(dot + 1) !== this.#generations[slot]?.toString(36)) return;
        this.#onReply(item, reply);
      },
    });
  }
}

function checked(capacity: number): number {
  if (capacity > MAX_SLOTS) throw new Error(`more than ${MAX_SLOTS} slots`);
  return capacity;
}
