/*
 * What people should know of a subscriber's deliveries, written on its channel: events that were given
 * up, destinations that fail and that work again.
 *
 * Hundreds of these may happen in a second. So the first is said at once, and what follows is collected
 * for a minute; a destination works again when a minute went by without a failure. Called by
 * subscription.ts; nothing here is waited for.
 */
import type { DeliveryFailure } from "../cloudevents/dead-letter.ts";
import type { ChannelNote } from "./channel-source.ts";
import type { Role } from "./deliver.ts";
import type { Outcome } from "./retry.ts";

export interface DeliveryNotesDeps {
  /** Names the subscriber for people. */
  subscriber: string;
  stream: string;
  note: (note: ChannelNote) => void;
  collectMs?: number;
}

interface GivenUp {
  count: number;
  first: number;
  last: number;
  reason: string;
}

const COLLECT_MS = 60_000;
const DESTINATIONS = {
  subscriber: { reason: "Subscriber", words: "the subscriber" },
  reply: { reason: "ReplyTarget", words: "the reply target" },
  "dead-letter": { reason: "DeadLetterSink", words: "the dead-letter sink" },
} as const satisfies Record<Role, object>;

/** Writes notes about one subscriber's deliveries; see the head of this file. */
export class DeliveryNotes {
  readonly #deps: Required<DeliveryNotesDeps>;
  readonly #failing = new Map<Role, { failedAt: number; works: boolean; destination: string }>();
  #givenUp: GivenUp | undefined;
  #collectUntil = -Infinity;

  constructor(deps: DeliveryNotesDeps) {
    this.#deps = { collectMs: COLLECT_MS, ...deps };
  }

  /** Takes note of a request's end. */
  request(role: Role, outcome: Outcome, failure: DeliveryFailure | undefined): void {
    const known = this.#failing.get(role);
    if (failure === undefined) {
      if (known !== undefined && outcome === "success") known.works = true;
      return;
    }
    const { destination, reason } = failure;
    this.#failing.set(role, { failedAt: performance.now(), works: false, destination });
    if (known !== undefined) return;
    const { words } = DESTINATIONS[role];
    const note = `${words} of ${this.#deps.subscriber} fails: ${destination}: ${reason}`;
    this.#say("Warning", `${DESTINATIONS[role].reason}Failing`, note);
  }

  /** Takes note of an event that nobody will get. */
  gaveUp(sequence: number, reason: string): void {
    const { count, first, last } = this.#givenUp ?? { count: 0, first: sequence, last: sequence };
    this.#givenUp = {
      count: count + 1,
      first: Math.min(first, sequence),
      last: Math.max(last, sequence),
      reason,
    };
    this.#sayGivenUp(performance.now());
  }

  /** Takes note of whether the subscriber is held. */
  held(isHeld: boolean): void {
    const { subscriber } = this.#deps;
    if (!isHeld) return this.#say("Normal", "SubscriberNotHeld", `${subscriber} gets events again`);
    const what = `${subscriber} gets nothing new, since all that may be pending waits for a retry`;
    const remedy = "mend it, or give it a retry count and a dead-letter sink";
    this.#say("Warning", "SubscriberHeld", `${what}; ${remedy}`);
  }

  /** Whether it wants to be ticked. */
  get isBusy(): boolean {
    return this.#givenUp !== undefined || this.#failing.size > 0;
  }

  /** Says what is due. */
  tick(now: number): void {
    this.#sayGivenUp(now);
    for (const [role, { failedAt, works, destination }] of this.#failing) {
      if (!works || now - failedAt < this.#deps.collectMs) continue;
      this.#failing.delete(role);
      const { reason, words } = DESTINATIONS[role];
      const note = `${words} of ${this.#deps.subscriber} works again: ${destination}`;
      this.#say("Normal", `${reason}Recovered`, note);
    }
  }

  #sayGivenUp(now: number): void {
    if (this.#givenUp === undefined || now < this.#collectUntil) return;
    const { subscriber, stream, collectMs } = this.#deps;
    const { count, first, last, reason } = this.#givenUp;
    this.#givenUp = undefined;
    this.#collectUntil = now + collectMs;
    const events =
      count === 1
        ? `the event with sequence ${last} of stream ${stream}`
        : `${count} events of stream ${stream}, with sequences from ${first} to ${last}`;
    this.#say("Warning", "EventGivenUp", `${subscriber} will not get ${events}: ${reason}`);
  }

  #say(type: ChannelNote["type"], reason: string, note: string): void {
    this.#deps.note({ type, reason, action: "Deliver", note });
  }
}
