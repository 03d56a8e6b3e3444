import type { DeliveryPosition } from "../nats/delivery.ts";
import { type SettledAs, Settlements } from "./settlements.ts";

/** Tells one life of a consumer from another under the same name. Times as the server gives them. */
export interface ConsumerLife {
  streamCreated: string;
  consumerCreated: string;
}

/**
 * Answers for one consumer whether a message that comes again was settled here before, so that only
 * its settlement was lost. It is asked rarely, and before it is trusted the server is asked whether
 * stream and consumer are still the ones that the settlement was for.
 */
export class SettlementMemory {
  readonly #currentLife: () => Promise<ConsumerLife | undefined>;
  #life: ConsumerLife | undefined;
  #ackWaitMs: number;
  #settlements: Settlements;

  constructor(ackWaitMs: number, currentLife: () => Promise<ConsumerLife | undefined>) {
    this.#ackWaitMs = ackWaitMs;
    this.#settlements = new Settlements(2 * ackWaitMs);
    this.#currentLife = currentLife;
  }

  /** A settlement that is older than twice this is forgotten. */
  set ackWaitMs(ackWaitMs: number) {
    if (ackWaitMs === this.#ackWaitMs) return;
    this.#ackWaitMs = ackWaitMs;
    this.#settlements = new Settlements(2 * ackWaitMs);
  }

  /** Begins a consumer's life, and tells whether it is another one than before; that empties the memory. */
  attach({ streamCreated, consumerCreated }: ConsumerLife): boolean {
    const life = { streamCreated, consumerCreated };
    const isOther = !this.#isLife(life);
    if (isOther) this.#settlements.clear();
    this.#life = life;
    return isOther;
  }

  /** To be called for each delivery, before anything else. */
  delivered(position: DeliveryPosition): void {
    this.#settlements.delivered(position.consumerSequence);
  }

  remember({ streamSequence, consumerSequence }: DeliveryPosition, as: SettledAs): void {
    this.#settlements.remember({ streamSequence, consumerSequence, as, now: performance.now() });
  }

  /**
   * Tells how a message was settled before this delivery of it; undefined when it was not, "unknown" when
   * the server cannot be asked whether that still counts.
   */
  async recall(position: DeliveryPosition): Promise<SettledAs | "unknown" | undefined> {
    const { streamSequence, consumerSequence } = position;
    const now = performance.now();
    const settledAs = this.#settlements.recall({ streamSequence, consumerSequence, now });
    if (settledAs === undefined) return undefined;
    const life = await this.#currentLife().catch(() => "unknown" as const);
    if (life === "unknown") return life;
    return life !== undefined && this.#isLife(life) ? settledAs : undefined;
  }

  #isLife({ streamCreated, consumerCreated }: ConsumerLife): boolean {
    return (
      streamCreated === this.#life?.streamCreated && consumerCreated === this.#life.consumerCreated
    );
  }
}
