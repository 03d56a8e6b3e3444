import { LastGood } from "./last-good.ts";
import { changeLogLevel, type Logger, type LogLevel } from "./logger.ts";

/** What a configuration says, as texts by key. */
export type ConfigData = Readonly<Record<string, string>>;

/** What a program shows of itself, as far as every program does. */
interface Shown {
  hasMetrics: boolean;
  /** What of the configuration is right and has no effect, a sentence each. */
  notes: readonly string[];
}

/** How the two configurations are read, and what they are called; each throws a sentence where it is not right. */
export interface SettingsParsers<T extends Shown> {
  logging: { name: string; parse: (data: ConfigData) => LogLevel };
  observability: { name: string; parse: (data: ConfigData) => T };
}

/**
 * Keeps what a program takes over while it runs without being asked to: its log level, and what it shows of itself. What is wrong changes
 * nothing, and is a note. A level that the environment gives wins.
 */
export class ProgramSettings<T extends Shown> {
  readonly #log: Logger;
  readonly #isLevelGiven: boolean;
  readonly #parsers: SettingsParsers<T>;
  readonly #logging: LastGood<LogLevel>;
  readonly #observability: LastGood<T>;

  constructor(options: { log: Logger; isLevelGiven: boolean; parsers: SettingsParsers<T> }) {
    const { log, isLevelGiven, parsers } = options;
    const { logging, observability } = parsers;
    this.#log = log;
    this.#isLevelGiven = isLevelGiven;
    this.#parsers = parsers;
    this.#logging = new LastGood({ what: logging.name, log, initial: logging.parse({}) });
    const initial = observability.parse({});
    this.#observability = new LastGood({ what: observability.name, log, initial });
  }

  /** What counts now. */
  get observability(): T {
    return this.#observability.value;
  }

  /** What is wrong, and what is right and has no effect, a sentence each. */
  get notes(): string[] {
    const { logging, observability } = this.#parsers;
    const faults = [
      [logging.name, this.#logging.fault],
      [observability.name, this.#observability.fault],
      ...this.observability.notes.map((note) => [observability.name, note]),
    ];
    return faults.flatMap(([name, text]) => (text === undefined ? [] : [`${name}: ${text}`]));
  }

  /** Takes the log level that a configuration says. */
  async takeLogging(read: () => ConfigData | Promise<ConfigData>): Promise<void> {
    const { parse } = this.#parsers.logging;
    const isOther = await this.#logging.take(async () => parse(await read()));
    if (isOther && !this.#isLevelGiven) changeLogLevel(this.#log, this.#logging.value);
  }

  /** Takes what a configuration says of what is shown. */
  async takeObservability(read: () => ConfigData | Promise<ConfigData>): Promise<void> {
    const { name, parse } = this.#parsers.observability;
    if (!(await this.#observability.take(async () => parse(await read())))) return;
    this.#log.info({ configuration: name, settings: this.observability }, "configuration changed");
    for (const note of this.observability.notes)
      this.#log.warn({ configuration: name, note }, "configuration works, but");
  }
}
