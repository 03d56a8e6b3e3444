/** Collects what has to be ended, and ends it in the reverse order, once, whatever else happens. */
export class Ends {
  #ends: (() => Promise<void>)[] = [];

  /** Keeps a function that ends something that runs by now. */
  add(end: () => Promise<void>): void {
    this.#ends.push(end);
  }

  /** Ends everything; goes on after a failure, and rejects with the first one. */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
      await end().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) {
      throw failures[0];
    }
  }
}
