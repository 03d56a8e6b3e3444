/*
 * Looks from time to time whether the streams that are served are still as flow 1 left them, and has it
 * look at those that are not: somebody deleted, made again or edited one. Flow 1 puts right what it can;
 * here is only found and said what there is.
 *
 *   every stream     by a list of all streams of the account, 256 in a request and their configuration
 *                    with them, so that a thousand channels cost four requests
 *   a few channels   in turn, by flow 1 itself, which looks at their consumers too: nothing lists the
 *                    consumers of many streams, and one that is deleted is noticed by its pulls at once
 *
 * The dispatcher starts and ends it. A look that fails is made again at the next time.
 */
import { streamOwnerOf } from "../api/ownership.ts";
import type { NatsClient } from "../nats/client.ts";
import type { JetStreamManager, StreamInfo } from "../nats/jetstream.ts";
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import type { ChannelSource } from "./channel-source.ts";
import type { ServedChannel } from "./served-channel.ts";
import { type Drift, driftOf, removedByHand } from "./stream-drift.ts";

export interface StreamWatchDeps {
  served: ReadonlyMap<string, ServedChannel>;
  source: Pick<ChannelSource, "isLeader" | "note">;
  log: Logger;
  /** Asks for another reconcile of a channel. */
  requeue: (key: string) => void;
}

const EVERY_MS = 30_000;
const IN_TURN = 10;

/** Watches the streams of every channel that is served; see the head of this file. */
export class StreamWatch {
  readonly #deps: StreamWatchDeps;
  /** Each channel's stream as the last look found it. */
  readonly #seen = new Map<string, StreamInfo>();
  readonly #failing = new WeakSet<NatsClient>();
  #turn: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(deps: StreamWatchDeps) {
    this.#deps = deps;
  }

  /** Begins to look, every half minute from now. */
  start(everyMs = EVERY_MS): void {
    const next = (): void => {
      if (this.#isStopped) return;
      this.#timer = setTimeout(() => void this.look().finally(next), everyMs);
    };
    next();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Looks once, at all streams. */
  async look(): Promise<void> {
    const { served } = this.#deps;
    for (const key of this.#seen.keys()) if (!served.has(key)) this.#seen.delete(key);
    const clients = new Set([...served.values()].map(({ client }) => client));
    for (const client of clients) await this.#lookWith(client);
    this.#requeueInTurn();
  }

  async #lookWith(client: NatsClient): Promise<void> {
    const left = [...this.#deps.served].flatMap(([key, state]) =>
      state.client === client && state.left !== undefined ? [{ key, left: state.left }] : [],
    );
    // Who does not lead any more would take the leader's changes for somebody's.
    if (!this.#deps.source.isLeader()) return;
    if (left.length === 0 || client.connection.current === undefined) return;
    const names = left.flatMap((one) => one.left.map(({ config }) => config.name));
    try {
      const now = await listStreams(await client.jetstream(), new Set(names));
      for (const one of left) this.#compare(one, now);
      this.#failing.delete(client);
    } catch (error) {
      if (this.#failing.has(client)) return;
      this.#failing.add(client);
      const fault = errorMessage(error);
      this.#deps.log.warn({ error: fault }, "cannot look at the streams, trying again");
    }
  }

  #compare(
    { key, left }: { key: string; left: readonly StreamInfo[] },
    now: ReadonlyMap<string, StreamInfo | undefined>,
  ): void {
    const { served, log, requeue } = this.#deps;
    // What flow 1 has looked at meanwhile is newer than what we have.
    if (served.get(key)?.left !== left) return;
    for (const before of left) {
      const { name: stream } = before.config;
      if (!now.has(stream)) continue;
      const drift = driftOf(before, now.get(stream));
      if (drift === undefined) continue;
      // The settings of an adopted stream are its owner's, who may change them.
      const isOwners = drift.found === "changed" && isAdopted(before);
      log[isOwners ? "info" : "warn"](
        { channel: key, stream, ...drift },
        "stream is not as it was left",
      );
      if (!isOwners) this.#noteChange(key, stream, drift);
      requeue(key);
    }
    this.#sayRemoved(key, now.get(left[0]?.config.name ?? ""));
  }

  /** That a stream is gone, flow 1 says, which may find it before. */
  #noteChange(key: string, stream: string, { changes = [] }: Drift): void {
    if (changes.length === 0) return;
    const fields = changes.map(({ field }) => field).join(", ");
    this.#deps.source.note(key, {
      ...{ type: "Warning", reason: "StreamFoundChanged", action: "LookAtStream" },
      note: `somebody else has changed stream ${stream}: ${fields}`,
    });
  }

  #sayRemoved(key: string, now: StreamInfo | undefined): void {
    const before = this.#seen.get(key);
    if (now === undefined) this.#seen.delete(key);
    else this.#seen.set(key, now);
    const events = before && now ? removedByHand(before, now) : 0;
    if (events === 0) return;
    const stream = now?.config.name;
    const what = "somebody removed events from the stream; whoever had yet to get them will not";
    this.#deps.log.warn({ channel: key, stream, events }, what);
    this.#deps.source.note(key, {
      ...{ type: "Warning", reason: "EventsRemoved", action: "LookAtStream" },
      note: `${what}: ${events} of stream ${stream}`,
    });
  }

  #requeueInTurn(): void {
    const { served, requeue } = this.#deps;
    if (this.#turn.length === 0) this.#turn = [...served.keys()];
    for (const key of this.#turn.splice(0, IN_TURN)) if (served.has(key)) requeue(key);
  }
}

function isAdopted({ config }: StreamInfo): boolean {
  return streamOwnerOf(config.metadata)?.origin === "adopted";
}

/** Lists streams by their names: with what they are, with undefined what is gone, and not at all what is unknown. */
async function listStreams(
  jsm: JetStreamManager,
  wanted: ReadonlySet<string>,
): Promise<Map<string, StreamInfo | undefined>> {
  const streams = new Map<string, StreamInfo | undefined>();
  for await (const info of jsm.streams.list()) {
    if (wanted.has(info.config.name)) streams.set(info.config.name, info);
  }
  if (streams.size === wanted.size) return streams;
  // A stream whose servers are away is in no list of configurations, and has its name all the same.
  const names = new Set<string>();
  for await (const name of jsm.streams.names()) names.add(name);
  for (const name of wanted) {
    if (!streams.has(name) && !names.has(name)) streams.set(name, undefined);
  }
  return streams;
}
