/** Is what wants to be called from time to time, for as long as it says so. */
export interface Ticked {
  /** Does what is due; tells whether there will be something later. */
  tick(now: number): boolean;
}

const TICK_MS = 100;

/** Ticks those that have something to watch over; whoever is idle costs nothing, however many there are. */
export class Ticker {
  readonly #busy = new Set<Ticked>();
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Has one ticked until it says that there is nothing left to do. */
  add(one: Ticked): void {
    this.#busy.add(one);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now();
    for (const one of this.#busy) if (!one.tick(now)) this.#busy.delete(one);
  }
}
