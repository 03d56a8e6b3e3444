/*
 * Writes on channels that the connection to NATS is lost, and that it is back.
 *
 * A connection that comes back within seconds is no news: senders are kept waiting meanwhile. Of very many
 * channels only some get an Event, since all of them would say the same at the same time; the condition
 * StreamReady, the metrics and the log tell it for all. The dispatcher's ticker calls this.
 */
import type { NatsClient } from "../nats/client.ts";
import type { ChannelSource } from "./channel-source.ts";
import type { ServedChannel } from "./served-channel.ts";

export interface NatsNotesDeps {
  served: ReadonlyMap<string, ServedChannel>;
  source: Pick<ChannelSource, "isLeader" | "note">;
  tellAfterMs?: number;
  channelsAtMost?: number;
}

const TELL_AFTER_MS = 10_000;
const CHANNELS_AT_MOST = 100;

/** What is known of a connection that is lost. */
interface Loss {
  at: number;
  /** The channels that were told. */
  told: string[];
}

/** Tells channels of the connection that they are served over; see the head of this file. */
export class NatsNotes {
  readonly #deps: Required<NatsNotesDeps>;
  readonly #losses = new Map<NatsClient, Loss>();

  constructor(deps: NatsNotesDeps) {
    this.#deps = { tellAfterMs: TELL_AFTER_MS, channelsAtMost: CHANNELS_AT_MOST, ...deps };
  }

  /** Looks at each of the connections in use; there is always more to look at. */
  tick(now: number, clients: readonly NatsClient[]): true {
    for (const client of clients) {
      const loss = this.#losses.get(client);
      if (client.connection.current !== undefined) {
        if (loss !== undefined) this.#back(client, loss, now);
      } else if (loss === undefined) {
        this.#losses.set(client, { at: now, told: [] });
      } else if (loss.told.length === 0 && now - loss.at >= this.#deps.tellAfterMs) {
        this.#lost(client, loss);
      }
    }
    for (const client of this.#losses.keys()) {
      if (!clients.includes(client)) this.#losses.delete(client);
    }
    return true;
  }

  #lost(client: NatsClient, loss: Loss): void {
    const { served, source, channelsAtMost } = this.#deps;
    if (!source.isLeader()) return;
    const theirs = [...served].filter(([, channel]) => channel.client === client);
    loss.told = theirs.slice(0, channelsAtMost).map(([key]) => key);
    const { lastError = "the reason is not known" } = client.connection.state;
    const note = `the dispatcher has no connection to NATS: ${lastError}; until it is back events are answered 503, and none are delivered`;
    for (const key of loss.told) {
      source.note(key, { type: "Warning", reason: "NatsLost", action: "Connect", note });
    }
  }

  #back(client: NatsClient, { at, told }: Loss, now: number): void {
    this.#losses.delete(client);
    const seconds = Math.round((now - at) / 1_000);
    const note = `the dispatcher is connected to NATS again, after ${seconds} s`;
    for (const key of told) {
      this.#deps.source.note(key, { type: "Normal", reason: "NatsBack", action: "Connect", note });
    }
  }
}
