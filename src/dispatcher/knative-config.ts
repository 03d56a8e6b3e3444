/*
 * What Knative's ConfigMaps say to a dispatcher, read from the folder in which the controller has them mounted, now and whenever a file
 * changes: the log level, what of metrics and traces is wanted, and whether Subscriptions may cross namespaces. What is wrong changes
 * nothing, and is a note. In standalone mode nobody starts it, and every default counts.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { FIELD_MANAGERS } from "../api/cluster-names.ts";
import {
  knativeParsers,
  type ObservabilitySettings,
  type TracingSettings,
} from "../api/knative-config.ts";
import { errorCode } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import { ProgramSettings } from "../runtime/program-settings.ts";
import { watchPaths } from "../runtime/watch-paths.ts";
import { parseYaml } from "../runtime/yaml.ts";

/** Knative's settings for this dispatcher; see the head of this file. */
export class KnativeConfig {
  readonly #folder: string;
  readonly #settings: ProgramSettings<ObservabilitySettings>;
  readonly #onTracing: ((tracing: TracingSettings) => void)[] = [];
  #reading = Promise.resolve();
  #unwatch: () => void = () => undefined;

  /** `isLevelGiven`: the environment says the log level, and wins. */
  constructor(options: { folder: string; log: Logger; isLevelGiven: boolean }) {
    const { folder, log, isLevelGiven } = options;
    this.#folder = folder;
    const parsers = knativeParsers(FIELD_MANAGERS.dispatcher);
    this.#settings = new ProgramSettings({ log, isLevelGiven, parsers });
  }

  /** Whether metrics are shown. */
  get hasMetrics(): boolean {
    return this.#settings.observability.hasMetrics;
  }

  /** Where spans go, as it counts now. */
  get tracing(): TracingSettings {
    return this.#settings.observability.tracing;
  }

  /** Registers who is told when spans are to go elsewhere, or others of them. */
  onTracing(listener: (tracing: TracingSettings) => void): void {
    this.#onTracing.push(listener);
  }

  /** What is wrong, and what is right and has no effect, a sentence each. */
  get notes(): string[] {
    return this.#settings.notes;
  }

  /** Reads the folder, and goes on with each change of it. */
  async start(): Promise<void> {
    // First, so that no change between reading and watching is missed.
    this.#unwatch = watchPaths([this.#folder], () => void this.#read());
    await this.#read();
  }

  stop(): void {
    this.#unwatch();
  }

  /** Tells whether a Subscription may name a channel of another namespace; where nobody says, it may not. */
  async hasCrossNamespaceLinks(): Promise<boolean> {
    const features = await this.#dataOf("config-features");
    return features["cross-namespace-event-links"]?.toLowerCase() === "enabled";
  }

  /** One after the other, so that the newest one counts. */
  #read(): Promise<void> {
    this.#reading = this.#reading.then(async () => {
      const before = this.tracing;
      await this.#settings.takeLogging(() => this.#dataOf("config-logging"));
      await this.#settings.takeObservability(() => this.#dataOf("config-observability"));
      if (isDeepStrictEqual(this.tracing, before)) return;
      for (const listener of this.#onTracing) listener(this.tracing);
    });
    return this.#reading;
  }

  /** Gives the data of one of Knative's ConfigMaps; none when it is not there. */
  async #dataOf(name: string): Promise<Record<string, string>> {
    const text = await readFile(join(this.#folder, name), "utf8").catch((error: unknown) => {
      if (errorCode(error) === "ENOENT") return "";
      throw error;
    });
    const [data] = parseYaml(text);
    const entries = Object.entries((data ?? {}) as Record<string, unknown>);
    return Object.fromEntries(entries.map(([key, value]) => [key, `${value}`]));
  }
}
