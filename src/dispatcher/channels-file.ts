/*
 * Channels from a YAML file, or a folder of them: the source of channels without Kubernetes.
 *
 * The files are watched. A change is read as a whole; channels that changed are told to `onChange`. A
 * file that is empty or does not parse keeps the last good state, and so does a channel in it that is
 * refused: an editor's half-written file must not stop anything. What is wrong is logged once and is
 * in `report()`.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ChannelSpec } from "../api/channel.ts";
import { parseChannel } from "../api/parse-channel.ts";
import type { ChannelSettings, JetStreamNaming, Refusal } from "../api/settings.ts";
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import { watchPaths } from "../runtime/watch-paths.ts";
import { parseYaml } from "../runtime/yaml.ts";
import type { ChannelSource } from "./channel-source.ts";
import { whenSettled } from "./settled-file.ts";

/** One object of a file. */
interface Entry {
  key: string;
  channel: ChannelSettings | undefined;
  refusals: Refusal[];
}

interface LoadedFile {
  entries: Entry[];
  /** The newest content, used or not. */
  text: string | undefined;
  /** Why the newest content is not used. */
  error: string | undefined;
}

/** What begins with a dot is an editor's, or a kubelet's own. */
const CHANNEL_FILE = /^[^.].*\.(ya?ml|json)$/;

/** Reads channels from files; see the head of this file. */
export class ChannelsFile implements ChannelSource {
  readonly #path: string;
  readonly #naming: JetStreamNaming;
  readonly #log: Logger;
  readonly #onChange: (key: string) => void;
  #files = new Map<string, LoadedFile>();
  #channels = new Map<string, Entry>();
  #stopWatching: (() => void) | undefined;
  #unreadable: { since: number; error: string } | undefined;
  #reading: Promise<void> | undefined;
  #isReadQueued = false;

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
    try {
      await stat(this.#path);
    } catch (error) {
      throw new Error(`cannot read the channels at ${this.#path} (CHANNELS_PATH)`, {
        cause: error,
      });
    }
    this.#stopWatching = watchPaths([this.#path], () => this.#changed());
    this.#changed();
    await this.#reading;
  }

  stop(): void {
    this.#stopWatching?.();
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
    return this.#unreadable === undefined ? 0 : performance.now() - this.#unreadable.since;
  }

  // The file says which subscribers there are: one that is not in it is gone.
  async isSubscriptionGone(): Promise<boolean> {
    return true;
  }

  // Every replica of a standalone dispatcher does all; what they do is the same.
  isLeader(): boolean {
    return true;
  }

  leaving(): undefined {
    return undefined;
  }

  closed(): undefined {
    return undefined;
  }

  isUndecided(): boolean {
    return false;
  }

  // The file may be a part of what there was: only what says so takes its stream along.
  async deletesStream({ stream }: ChannelSettings): Promise<boolean> {
    return stream.deletionPolicy === "Delete";
  }

  async hold(): Promise<boolean> {
    return false;
  }

  async release(): Promise<void> {}

  async tell(): Promise<void> {}

  note(): void {}

  report(): Record<string, unknown> {
    const files = [...this.#files].map(([path, { entries, error }]) => ({
      path,
      channels: entries.length,
      ...(error === undefined ? {} : { error }),
    }));
    const { error } = this.#unreadable ?? {};
    return { source: this.#path, ...(error === undefined ? {} : { error }), files };
  }

  /** Why nothing can be served from the files; undefined when something can. */
  get fault(): string | undefined {
    const [first] = [...this.#files].filter(([, file]) => file.error !== undefined);
    if (first === undefined || this.#channels.size > 0) return undefined;
    return `${first[0]}: ${first[1].error}`;
  }

  #changed(): void {
    if (this.#reading === undefined) {
      this.#reading = this.#read().finally(() => {
        this.#reading = undefined;
        if (!this.#isReadQueued) return;
        this.#isReadQueued = false;
        this.#changed();
      });
    } else this.#isReadQueued = true;
  }

  async #read(): Promise<void> {
    try {
      const paths = await this.#paths();
      const files = new Map<string, LoadedFile>();
      for (const path of paths) files.set(path, await this.#readFile(path));
      this.#files = files;
      this.#unreadable = undefined;
    } catch (error) {
      const message = errorMessage(error);
      if (this.#unreadable?.error !== message) {
        this.#log.error(
          { path: this.#path, error: message },
          "cannot read the channels, keeping them",
        );
      }
      this.#unreadable = { since: this.#unreadable?.since ?? performance.now(), error: message };
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
    const before = this.#files.get(path);
    let text: string | undefined;
    try {
      await whenSettled(path);
      text = await readFile(path, "utf8");
      if (before !== undefined && text === before.text) return before;
      const objects = objectsIn(text);
      if (objects.length === 0) throw new Error("the file is empty");
      return {
        entries: this.#entriesOf(objects, before?.entries ?? [], path),
        text,
        error: undefined,
      };
    } catch (error) {
      const message = errorMessage(error);
      if (before?.error !== message) {
        this.#log.error(
          { path, error: message },
          "file of channels is not used, its last good state stays",
        );
      }
      return { entries: before?.entries ?? [], text, error: message };
    }
  }

  #entriesOf(objects: unknown[], before: Entry[], path: string): Entry[] {
    let isNameless = false;
    const entries = objects.map((object, index): Entry => {
      const parsed = parseChannel(object, { jetstream: this.#naming });
      const { refusals } = parsed;
      if (parsed.ok) {
        this.#warnOfUnknown(parsed.channel.key, object);
        return { key: parsed.channel.key, channel: parsed.channel, refusals };
      }
      isNameless ||= parsed.key === undefined;
      const key = parsed.key ?? `${path}: object ${index + 1}`;
      const last = before.find((entry) => entry.key === key) ?? this.#channels.get(key);
      return { key, channel: last?.channel, refusals };
    });
    if (!isNameless) return entries;
    // It may be any of those that are missing now: none of them counts as removed.
    const keys = new Set(entries.map(({ key }) => key));
    const missing = before.filter(({ key, channel }) => channel !== undefined && !keys.has(key));
    return [...entries, ...missing];
  }

  /** Fields that are not known pass, as in a cluster; a misspelt one would do so without a word. */
  #warnOfUnknown(channel: string, object: unknown): void {
    const { spec } = object as { spec?: Record<string, unknown> | null };
    for (const field of Object.keys(spec ?? {})) {
      if (field in ChannelSpec.shape) continue;
      const path = `spec.${field}`;
      this.#log.warn({ channel, path }, "field is not known and has no effect");
    }
  }

  /** Puts the files together, tells what changed, and logs refusals that are new. */
  #merge(): void {
    const before = this.#channels;
    const after = putTogether(this.#files);
    this.#channels = after;
    for (const [key, entry] of after) {
      const old = before.get(key);
      const isNew = JSON.stringify(entry.refusals) !== JSON.stringify(old?.refusals ?? []);
      if (isNew) this.#logRefusals(entry);
      if (JSON.stringify(entry) !== JSON.stringify(old)) this.#onChange(key);
    }
    for (const key of before.keys()) if (!after.has(key)) this.#onChange(key);
  }

  #logRefusals({ key, channel, refusals }: Entry): void {
    const what =
      channel === undefined ? "refused, and not served" : "refused, the last good state stays";
    for (const { path, reason } of refusals) {
      this.#log.error({ channel: key, path: path || "(object)", reason }, what);
    }
  }
}

/** Gives each channel once; of several with one name the first counts, and is told of the others. */
function putTogether(files: ReadonlyMap<string, LoadedFile>): Map<string, Entry> {
  const channels = new Map<string, Entry>();
  for (const [path, { entries }] of files) {
    for (const entry of entries) {
      const first = channels.get(entry.key);
      if (first === undefined) channels.set(entry.key, { ...entry });
      else {
        const reason = `there is another channel ${entry.key} in ${path}, the first one counts`;
        first.refusals = [...first.refusals, { path: "metadata.name", reason }];
      }
    }
  }
  return channels;
}

function objectsIn(text: string): unknown[] {
  return parseYaml(text)
    .filter((document) => document !== null && document !== undefined)
    .flatMap((document) => {
      const { kind, items } = document as { kind?: unknown; items?: unknown };
      const isList = typeof kind === "string" && kind.endsWith("List") && Array.isArray(items);
      return isList ? (items as unknown[]) : [document];
    });
}
