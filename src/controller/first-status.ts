import { isBeingDeleted } from "../kube/metadata.ts";
import { keyOf } from "../kube/resource.ts";
import type { Channel, ChannelStatus } from "./kinds.ts";
import { scopeKeyOf } from "./scope.ts";

/** How long a dispatcher may say nothing of any new channel; it makes many in a second. */
const SILENT_MS = 10_000;
const LONGEST_SILENCES = 6;

/**
 * Puts off the first status of a new channel with which all is well until its dispatcher has made the stream,
 * so that one write says both: of many channels that come at once, writing their status is most of the cost.
 * For as long as the dispatcher makes one stream after another the others wait for their turn, a minute at most.
 */
export class FirstStatus {
  readonly #silentMs: number;
  /** When a channel was first seen that has no status yet. */
  readonly #since = new Map<string, number>();
  /** When the dispatcher of a scope last said something of a new channel. */
  readonly #heardAt = new Map<string, number>();

  constructor(silentMs = SILENT_MS) {
    this.#silentMs = silentMs;
  }

  /** Tells how long the status can still wait, in milliseconds; 0: it is to be written now. */
  waitMs(channel: Channel, status: ChannelStatus, now: number): number {
    const key = keyOf(channel);
    const scope = scopeKeyOf(channel);
    if (!isOnlyWithoutStream(channel, status)) {
      if (this.#since.delete(key)) this.#heardAt.set(scope, now);
      return 0;
    }
    const since = this.#since.get(key) ?? now;
    this.#since.set(key, since);
    const heardAt = Math.max(since, this.#heardAt.get(scope) ?? since);
    const until = Math.min(heardAt + this.#silentMs, since + LONGEST_SILENCES * this.#silentMs);
    return Math.max(0, until - now);
  }

  forget(key: string): void {
    this.#since.delete(key);
  }
}

/** Nobody has said anything of it yet, and all that there is to say is that it has no stream. */
function isOnlyWithoutStream(channel: Channel, { conditions = [] }: ChannelStatus): boolean {
  if (isBeingDeleted(channel) || (channel.status?.conditions ?? []).length > 0) return false;
  return conditions.every(({ type, status, reason }) =>
    type === "Ready" ? reason === "NotYetKnown" : status === "True",
  );
}
