/*
 * Writes Kubernetes Events about objects, for people who ask `kubectl describe`.
 *
 *   - `record` returns at once; one write after the other is made in the background
 *   - the same Event again counts up the one that is there (its series), at most every few minutes
 *   - an object gets a burst of Events and then one every few minutes, whatever happens to it
 *   - what cannot be written after a few attempts, and what is too much, is dropped and counted
 *
 * Events are for people: nothing may depend on one being there.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import type { KubeClient } from "./client.ts";
import { isAlreadyExists, isNotFound, KubeError } from "./kube-error.ts";
import { microTime } from "./micro-time.ts";
import { type Event, RESOURCES } from "./objects.ts";
import { type KubeObject, keyOf, nameOf, type ObjectName } from "./resource.ts";

/** Is what happened to an object. */
export interface Happening {
  regarding: KubeObject;
  type: "Normal" | "Warning";
  /** Why, in one CamelCase word that stays the same. */
  reason: string;
  /** What was done or tried, in one CamelCase word. */
  action: string;
  /** The sentence for people; cut at 1,024 bytes. */
  note: string;
}

export interface EventRecorderDeps {
  client: Pick<KubeClient, "create" | "mergePatch">;
  /** Names the program and this replica of it. */
  component: string;
  instance: string;
  log: Logger;
  /** How often at most the count of an Event is brought up to date. */
  countEveryMs?: number;
  /** How many Events an object gets at once, and when it gets one more. */
  burst?: number;
  oneMoreAfterMs?: number;
}

/** Is an Event that is, or will be, on the server, and how often the same happened. */
interface Series {
  key: string;
  event: Event;
  count: number;
  lastAt: number;
  isWaiting: boolean;
  /** The count that the server has; 0 while it has no such Event. */
  writtenCount: number;
  writtenAt: number;
  timer?: NodeJS.Timeout;
}

type Reference = NonNullable<Event["regarding"]>;

const UNWRITTEN = { isWaiting: false, writtenCount: 0, writtenAt: 0 };
const NOTE_BYTES = 1_024;
/** What happens again after this long is an Event of its own. Well below the hour for which the server keeps one. */
const SERIES_ENDS_MS = 30 * 60_000;
const MAX_SERIES = 1_000;
/** A thousand channels that come at once have an Event each, and one Event is written after the other. */
const MAX_WAITING = 2_000;
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 1_000;
const WRITE_TIMEOUT_MS = 10_000;
const STOP_MS = 2_000;

/** Records Events; see the head of this file. */
export class EventRecorder {
  readonly #deps: Required<EventRecorderDeps>;
  readonly #series = new Map<string, Series>();
  readonly #allowances = new Map<string, { left: number; at: number }>();
  readonly #waiting: Series[] = [];
  readonly #stopping = new AbortController();
  #writing: Promise<void> | undefined;
  #dropped = 0;
  #isClosed = false;

  constructor(deps: EventRecorderDeps) {
    this.#deps = { countEveryMs: 5 * 60_000, burst: 25, oneMoreAfterMs: 5 * 60_000, ...deps };
  }

  /** Has an Event written some time soon. */
  record(happening: Happening): void {
    if (this.#isClosed) return;
    const { regarding, type, reason, action, note } = happening;
    const object = `${regarding.metadata?.uid ?? ""} ${keyOf(regarding)}`;
    const key = JSON.stringify([object, type, reason, action, note]);
    const now = performance.now();
    const known = this.#series.get(key);
    if (known !== undefined && now - known.lastAt < SERIES_ENDS_MS) {
      known.count += 1;
      known.lastAt = now;
      this.#countLater(known);
    } else if (this.#mayHaveOne(object, now)) {
      const event = this.#eventOf(happening);
      const series = { key, event, count: 1, lastAt: now, ...UNWRITTEN };
      this.#remember(series);
      this.#write(series);
    } else {
      this.#dropped += 1;
    }
  }

  /** Gives how many Events were not written. */
  dropped(): number {
    return this.#dropped;
  }

  /** Writes what waits, for at most two seconds, and ends. */
  async stop(): Promise<void> {
    this.#isClosed = true;
    for (const { timer } of this.#series.values()) clearTimeout(timer);
    const timer = setTimeout(() => this.#stopping.abort(), STOP_MS);
    await this.#writing;
    clearTimeout(timer);
  }

  #mayHaveOne(object: string, now: number): boolean {
    const { burst, oneMoreAfterMs } = this.#deps;
    const { left, at } = this.#allowances.get(object) ?? { left: burst, at: now };
    const more = Math.floor((now - at) / oneMoreAfterMs);
    const has = Math.min(burst, left + more);
    // Last used last, so that the first can be forgotten.
    this.#allowances.delete(object);
    this.#allowances.set(object, { left: Math.max(0, has - 1), at: at + more * oneMoreAfterMs });
    forgetFirst(this.#allowances);
    return has > 0;
  }

  #eventOf(happening: Happening): Event {
    const { component, instance } = this.#deps;
    const { regarding, type, reason, action, note } = happening;
    return {
      metadata: newMetadata(nameOf(regarding)),
      eventTime: microTime(new Date()),
      reportingController: component,
      reportingInstance: instance,
      regarding: referenceTo(regarding),
      type,
      reason,
      action,
      note: cut(note),
    };
  }

  #remember(series: Series): void {
    this.#series.delete(series.key);
    this.#series.set(series.key, series);
    const forgotten = forgetFirst(this.#series);
    clearTimeout(forgotten?.timer);
  }

  #countLater(series: Series): void {
    if (series.isWaiting || series.timer !== undefined) return;
    const dueMs = series.writtenAt + this.#deps.countEveryMs - performance.now();
    series.timer = setTimeout(
      () => {
        delete series.timer;
        this.#write(series);
      },
      Math.max(0, dueMs),
    ).unref();
  }

  #write(series: Series): void {
    if (this.#waiting.length >= MAX_WAITING) return this.#drop(series);
    series.isWaiting = true;
    this.#waiting.push(series);
    this.#writing ??= this.#writeAll();
  }

  /** Forgets a series too, so that the next time begins anew. */
  #drop(series: Series): void {
    this.#dropped += 1;
    this.#series.delete(series.key);
  }

  async #writeAll(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const isWritten = await this.#tryToWrite(next);
      next.isWaiting = false;
      if (!isWritten) this.#drop(next);
      else if (next.count > next.writtenCount) this.#countLater(next);
    }
    this.#writing = undefined;
  }

  async #tryToWrite(series: Series): Promise<boolean> {
    const { signal } = this.#stopping;
    for (let tried = 0; tried < ATTEMPTS && !signal.aborted; tried += 1) {
      try {
        const { count } = series;
        await this.#writeOnce(series);
        series.writtenCount = count;
        series.writtenAt = performance.now();
        return true;
      } catch (error) {
        const isFinal = error instanceof KubeError && error.code !== undefined && error.code < 500;
        const isLast = isFinal || tried === ATTEMPTS - 1;
        const { reason } = series.event;
        if (isLast) this.#deps.log.debug({ reason, error: errorMessage(error) }, "event dropped");
        if (isFinal) return false;
        // It rejects only because of the stop, which the loop sees by itself.
        await sleep(FIRST_PAUSE_MS * 2 ** tried, undefined, { signal }).catch(() => undefined);
      }
    }
    return false;
  }

  async #writeOnce(series: Series): Promise<void> {
    const { client } = this.#deps;
    const options = { signal: this.#stopping.signal, timeoutMs: WRITE_TIMEOUT_MS };
    if (series.writtenCount > 0) {
      const patch = { series: { count: series.count, lastObservedTime: microTime(new Date()) } };
      try {
        await client.mergePatch(RESOURCES.events, nameOf(series.event), { ...options, patch });
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
        // The server keeps an Event for an hour; from here on it is another one.
        const { event } = series;
        const metadata = newMetadata(event.regarding ?? {});
        series.event = { ...event, metadata, eventTime: microTime(new Date()) };
      }
    }
    try {
      await client.create(RESOURCES.events, series.event, options);
    } catch (error) {
      // The answer to an attempt before this one was lost.
      if (!isAlreadyExists(error)) throw error;
    }
  }
}

/** Puts an Event beside its object, under a name of its own. */
function newMetadata({
  namespace,
  name = "",
}: Partial<ObjectName>): NonNullable<Event["metadata"]> {
  // A name must not have two dots in a row.
  const beginning = name.slice(0, 200).replace(/[.-]+$/, "");
  return {
    namespace: namespace ?? "default",
    name: `${beginning}.${randomBytes(8).toString("hex")}`,
  };
}

function referenceTo(object: KubeObject): Reference {
  const { apiVersion, kind, metadata } = object;
  const { namespace, name, uid, resourceVersion } = metadata ?? {};
  const given = Object.entries({ apiVersion, kind, namespace, name, uid, resourceVersion });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** Cuts a text at the server's limit, which is in bytes, between two characters. */
function cut(note: string): string {
  if (Buffer.byteLength(note) <= NOTE_BYTES) return note;
  const room = NOTE_BYTES - Buffer.byteLength("…");
  const { written } = new TextEncoder().encodeInto(note, new Uint8Array(room));
  return `${Buffer.from(note).subarray(0, written).toString()}…`;
}

function forgetFirst<Value>(map: Map<string, Value>): Value | undefined {
  if (map.size <= MAX_SERIES) return undefined;
  const [first] = map;
  if (first === undefined) return undefined;
  map.delete(first[0]);
  return first[1];
}
