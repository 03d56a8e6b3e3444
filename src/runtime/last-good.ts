import { isDeepStrictEqual } from "node:util";
import { errorMessage } from "./errors.ts";
import type { Logger } from "./logger.ts";

/**
 * Keeps the last configuration that was right. A newer one that is not changes nothing but `fault`, which says what is wrong with it;
 * that goes to the log once, and so does its end.
 */
export class LastGood<T> {
  readonly #what: string;
  readonly #log: Logger;
  #value: T;
  #fault: string | undefined;

  /** `what` names the configuration on the log. */
  constructor(options: { what: string; initial: T; log: Logger }) {
    this.#what = options.what;
    this.#value = options.initial;
    this.#log = options.log;
  }

  get value(): T {
    return this.#value;
  }

  /** What is wrong with the newest one; undefined when it is in use. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Takes what is read, unless that throws; tells whether the value is another one now. */
  async take(read: () => T | Promise<T>): Promise<boolean> {
    try {
      const value = await read();
      if (this.#fault !== undefined)
        this.#log.info({ configuration: this.#what }, "the configuration is right again");
      this.#fault = undefined;
      if (isDeepStrictEqual(value, this.#value)) return false;
      this.#value = value;
      return true;
    } catch (error) {
      this.#told(errorMessage(error));
      return false;
    }
  }

  #told(fault: string): void {
    if (fault === this.#fault) return;
    this.#fault = fault;
    this.#log.warn(
      { configuration: this.#what, error: fault },
      "the configuration is not taken over, the last one that was right stays in use",
    );
  }
}
