/*
 * Reads how dispatchers run from the mounted ConfigMap, now and whenever it changes. A file that is not right changes nothing: the last one that was
 * stays in use, and `fault` says what is wrong with the new one. A ConfigMap that is not there means every default; one that is, without the key, is
 * a fault.
 */
import { readdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type DispatcherDefaults, parseDispatcherDefaults } from "../api/dispatcher-defaults.ts";
import { errorCode, errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import { watchPaths } from "../runtime/watch-paths.ts";
import { parseYaml } from "../runtime/yaml.ts";

export class DefaultsFile {
  readonly #path: string;
  readonly #log: Logger;
  #defaults: DispatcherDefaults | undefined;
  #fault: string | undefined;
  #unwatch: () => void = () => undefined;

  constructor(deps: { path: string; log: Logger }) {
    this.#path = deps.path;
    this.#log = deps.log;
  }

  /** What counts; undefined when no file was right yet. */
  get defaults(): DispatcherDefaults | undefined {
    return this.#defaults;
  }

  /** What is wrong with the file as it is now. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Reads the file, and calls `onChange` after each change of it that was read. */
  async start(onChange: () => void): Promise<void> {
    // First, so that no change between reading and watching is missed.
    this.#unwatch = watchPaths([this.#path], () => {
      void this.#read().then(onChange);
    });
    await this.#read();
  }

  stop(): void {
    this.#unwatch();
  }

  async #read(): Promise<void> {
    try {
      const [document, ...more] = parseYaml(await this.#text());
      if (more.length > 0) throw new Error("one YAML document expected");
      this.#defaults = parseDispatcherDefaults(document);
      if (this.#fault !== undefined)
        this.#log.info({ path: this.#path }, "the configuration is right again");
      this.#fault = undefined;
    } catch (error) {
      this.#fault = errorMessage(error);
      this.#log.warn(
        { path: this.#path, error: this.#fault },
        "the configuration of dispatchers is not right, the last one that was stays in use",
      );
    }
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
