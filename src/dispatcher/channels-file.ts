/*
 * Channels from a YAML file, or a folder of them: the source of channels without Kubernetes.
 *
 * The files are watched. A change is read as a whole; channels that changed are told to `onChange`. A
 * file that is empty or does not parse keeps the last good state, and so does a channel in it that is
 * refused: an editor's half-written file must not stop anything. What is wrong is logged once and is
 * in `report()`.
 */
import { type FSWatcher, watch } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { loadAll } from "js-yaml";
import { parseChannel } from "../api/parse-channel.ts";
import type { ChannelSettings, JetStreamNaming, Refusal } from "../api/settings.ts";
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import type { ChannelSource } from "./channel-source.ts";

/** One object of a file. */
interface Entry {
  key: string;
  channel: ChannelSettings | undefined;
  refusals: Refusal[];
}

interface LoadedFile {
  entries: Entry[];
  /** Why the newest content is not used. */
  error: string | undefined;
}

const SETTLE_MS = 50;
const CHANNEL_FILE = /\.(ya?ml|json)$/;

/** Reads channels from files; see the head of this file. */
export class ChannelsFile implements ChannelSource {
  readonly #path: string;
  readonly #naming: JetStreamNaming;
  readonly #log: Logger;
  readonly #onChange: (key: string) => void;
  #files = new Map<string, LoadedFile>();
  #channels = new Map<string, Entry>();
  #watcher: FSWatcher | undefined;
  #unreadableSince: number | undefined;
  #reading: Promise<void> = Promise.resolve();
  #readQueued = false;

  constructor(options: {
    path: string;
    naming: JetStreamNaming;
    log: Logger;
    onChange: (key: string) => void;
  }) {
    this.#path = options.path;
    this.#naming = options.naming;
    this.#log = options.log;
    this.#onChange = options.onChange;
  }

  /** Reads for the first time and watches from then on. Throws when there is no such file or folder. */
  async start(): Promise<void> {
    const isFolder = (await stat(this.#path)).isDirectory();
    // A file is replaced by a rename (editors, kubelets): the folder sees that, the file does not.
    const folder = isFolder ? this.#path : dirname(this.#path);
    this.#watcher = watch(folder, () => this.#changed());
    this.#watcher.on("error", (error) => {
      this.#log.error({ path: this.#path, error }, "cannot watch the channels any more");
      this.#unreadableSince ??= performance.now();
    });
    await this.#read();
  }

  stop(): void {
    this.#watcher?.close();
  }

  keys(): string[] {
    return [...this.#channels.keys()];
  }

  get(key: string): ChannelSettings | undefined {
    return this.#channels.get(key)?.channel;
  }

  refusals(key: string): Refusal[] {
    return this.#channels.get(key)?.refusals ?? [];
  }

  downForMs(): number {
    return this.#unreadableSince === undefined ? 0 : performance.now() - this.#unreadableSince;
  }

  // The file says which subscribers there are: one that is not in it is gone.
  async isSubscriptionGone(): Promise<boolean> {
    return true;
  }

  report(): Record<string, unknown> {
    const files = [...this.#files].map(([path, { entries, error }]) => ({
      path,
      channels: entries.length,
      ...(error === undefined ? {} : { error }),
    }));
    return { source: this.#path, files };
  }

  /** Why nothing can be served from the files; undefined when something can. */
  get fault(): string | undefined {
    const [first] = [...this.#files].filter(([, file]) => file.error !== undefined);
    if (first === undefined || this.#channels.size > 0) return undefined;
    return `${first[0]}: ${first[1].error}`;
  }

  #changed(): void {
    if (this.#readQueued) return;
    this.#readQueued = true;
    setTimeout(() => {
      this.#readQueued = false;
      this.#reading = this.#reading.then(() => this.#read());
    }, SETTLE_MS);
  }

  async #read(): Promise<void> {
    try {
      const paths = await this.#paths();
      const files = new Map<string, LoadedFile>();
      for (const path of paths) files.set(path, await this.#readFile(path));
      this.#files = files;
      this.#unreadableSince = undefined;
    } catch (error) {
      this.#unreadableSince ??= performance.now();
      const message = errorMessage(error);
      this.#log.error(
        { path: this.#path, error: message },
        "cannot read the channels, keeping them",
      );
      return;
    }
    this.#merge();
  }

  async #paths(): Promise<string[]> {
    if (!(await stat(this.#path)).isDirectory()) return [this.#path];
    const names = (await readdir(this.#path)).filter((name) => CHANNEL_FILE.test(name)).sort();
    return names.map((name) => join(this.#path, name));
  }

  async #readFile(path: string): Promise<LoadedFile> {
    const before = this.#files.get(path)?.entries ?? [];
    try {
      const objects = objectsIn(await readFile(path, "utf8"));
      if (objects.length === 0) throw new Error("the file is empty");
      return { entries: this.#entriesOf(objects, before), error: undefined };
    } catch (error) {
      const message = errorMessage(error);
      if (this.#files.get(path)?.error !== message) {
        this.#log.error(
          { path, error: message },
          "file of channels is not used, its last good state stays",
        );
      }
      return { entries: before, error: message };
    }
  }

  #entriesOf(objects: unknown[], before: Entry[]): Entry[] {
    return objects.map((object, index): Entry => {
      const parsed = parseChannel(object, { jetstream: this.#naming });
      if (parsed.ok) {
        return { key: parsed.channel.key, channel: parsed.channel, refusals: parsed.refusals };
      }
      const key = parsed.key ?? `object ${index + 1}`;
      const channel = before.find((entry) => entry.key === key)?.channel;
      return { key, channel, refusals: parsed.refusals };
    });
  }

  /** Puts the files together, tells what changed, and logs refusals that are new. */
  #merge(): void {
    const before = this.#channels;
    const after = new Map<string, Entry>();
    for (const [path, { entries }] of this.#files) {
      for (const entry of entries) {
        const first = after.get(entry.key);
        if (first === undefined) after.set(entry.key, { ...entry });
        else {
          const reason = `there is another channel ${entry.key} in ${path}, the first one counts`;
          first.refusals = [...first.refusals, { path: "metadata.name", reason }];
        }
      }
    }
    this.#channels = after;
    for (const [key, entry] of after) {
      const old = before.get(key);
      const isNew = JSON.stringify(entry.refusals) !== JSON.stringify(old?.refusals ?? []);
      for (const { path, reason } of isNew ? entry.refusals : []) {
        this.#log.error({ channel: key, path, reason }, "refused, the last good state stays");
      }
      if (JSON.stringify(entry) !== JSON.stringify(old)) this.#onChange(key);
    }
    for (const key of before.keys()) if (!after.has(key)) this.#onChange(key);
  }
}

function objectsIn(text: string): unknown[] {
  return loadAll(text)
    .filter((document) => document !== null && document !== undefined)
    .flatMap((document) => {
      const { kind, items } = document as { kind?: unknown; items?: unknown };
      const isList = typeof kind === "string" && kind.endsWith("List") && Array.isArray(items);
      return isList ? (items as unknown[]) : [document];
    });
}
