/*
 * Reads how dispatchers run from the mounted ConfigMap, now and whenever it changes. A file that is not right changes nothing: the last one that was
 * stays in use, and `fault` says what is wrong with the new one. A ConfigMap that is not there means every default; one that is, without the key, is
 * a fault.
 */
import { readdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type DispatcherDefaults, parseDispatcherDefaults } from "../api/dispatcher-defaults.ts";
import { errorCode } from "../runtime/errors.ts";
import { LastGood } from "../runtime/last-good.ts";
import type { Logger } from "../runtime/logger.ts";
import { watchPaths } from "../runtime/watch-paths.ts";
import { parseYaml } from "../runtime/yaml.ts";

export class DefaultsFile {
  readonly #path: string;
  readonly #known: LastGood<DispatcherDefaults | undefined>;
  #unwatch: () => void = () => undefined;

  constructor({ path, log }: { path: string; log: Logger }) {
    this.#path = path;
    this.#known = new LastGood<DispatcherDefaults | undefined>({
      ...{ what: path, log },
      initial: undefined,
    });
  }

  /** What counts; undefined when no file was right yet. */
  get defaults(): DispatcherDefaults | undefined {
    return this.#known.value;
  }

  /** What is wrong with the file as it is now. */
  get fault(): string | undefined {
    return this.#known.fault;
  }

  /** Says what is wrong while an earlier file counts. */
  get notes(): string[] {
    if (this.fault === undefined || this.defaults === undefined) return [];
    return [`configuration: ${this.fault}; the last one that was right counts`];
  }

  /** Reads the file, and calls `onChange` after each change of it that was read. */
  async start(onChange: () => void): Promise<void> {
    // First, so that no change between reading and watching is missed.
    this.#unwatch = watchPaths([this.#path], () => {
      void this.#known.take(() => this.#read()).then(onChange);
    });
    await this.#known.take(() => this.#read());
  }

  stop(): void {
    this.#unwatch();
  }

  async #read(): Promise<DispatcherDefaults> {
    const [document, ...more] = parseYaml(await this.#text());
    if (more.length > 0) throw new Error("one YAML document expected");
    return parseDispatcherDefaults(document);
  }

  async #text(): Promise<string> {
    try {
      return await readFile(this.#path, "utf8");
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
    }
    const others = await this.#otherKeys();
    if (others.length === 0) return "";
    throw new Error(`the key is missing, there is only ${others.join(", ")}`);
  }

  /** Gives the keys of the mounted ConfigMap; the kubelet's own entries begin with two dots. */
  async #otherKeys(): Promise<string[]> {
    const entries = await readdir(dirname(this.#path)).catch((): string[] => []);
    if (!entries.includes("..data")) return [];
    return entries.filter((name) => !name.startsWith(".."));
  }
}
