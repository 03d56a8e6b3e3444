import type { DeliveryPosition } from "../nats/delivery.ts";

/** A message from its arrival to its settlement. Times are `performance.now()`. */
export interface InFlightMessage {
  /** Where it stands; a redelivery of it while it is worked on brings a newer one. */
  position: DeliveryPosition;
  bytes: number;
  startedAt: number;
  /** When the server is to be told next that it is still worked on. */
  workingAt: number;
  index: number;
  /** It belongs to a consumer that is no more: whatever becomes of it is not settled. */
  isDisowned: boolean;
}

/** The server is told three times within an ack wait, so that one lost message does no harm. */
const BEATS_PER_ACK_WAIT = 3;

/** Keeps the messages of one subscriber that are here, in no order. */
export class InFlight {
  readonly #messages: InFlightMessage[] = [];
  readonly #onEmpty: (() => void)[] = [];

  get size(): number {
    return this.#messages.length;
  }

  add(position: DeliveryPosition, bytes: number, ackWaitMs: number): InFlightMessage {
    const startedAt = performance.now();
    const workingAt = startedAt + ackWaitMs / BEATS_PER_ACK_WAIT;
    const index = this.#messages.length;
    const message = { position, bytes, startedAt, workingAt, index, isDisowned: false };
    this.#messages.push(message);
    return message;
  }

  remove(message: InFlightMessage): void {
    const last = this.#messages.pop();
    if (last !== undefined && last !== message) {
      this.#messages[message.index] = last;
      last.index = message.index;
    }
    if (this.#messages.length > 0) return;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  find(streamSequence: number): InFlightMessage | undefined {
    return this.#messages.find(
      ({ position, isDisowned }) => !isDisowned && position.streamSequence === streamSequence,
    );
  }

  /**
   * Disowns all that are here: their consumer was made again, or is elsewhere, and its sequences now name other
   * messages, which must not be settled by the outcome of these.
   */
  disown(): void {
    for (const message of this.#messages) message.isDisowned = true;
  }

  /** Calls `beat` for each message whose ack wait has to be restarted. */
  beatDue(now: number, ackWaitMs: number, beat: (message: InFlightMessage) => void): void {
    for (const message of this.#messages) {
      if (message.isDisowned || now < message.workingAt) continue;
      message.workingAt = now + ackWaitMs / BEATS_PER_ACK_WAIT;
      beat(message);
    }
  }

  /** Tells when the oldest was stored, in Unix milliseconds; Infinity when there is none. */
  oldestStoredAtMs(): number {
    let oldest = Infinity;
    for (const { position } of this.#messages) oldest = Math.min(oldest, position.storedAtMs);
    return oldest;
  }

  /** Resolves when there is none. */
  async empty(): Promise<void> {
    if (this.#messages.length === 0) return;
    await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }
}
