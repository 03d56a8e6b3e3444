import type { Connection } from "../nats/connection.ts";
import type { ConnectionState } from "../nats/connection-listener.ts";
import type { ChannelSource } from "./channel-source.ts";
import { REFUSAL_REASONS, type ServedChannel } from "./served-channel.ts";

/**
 * Makes the answer to `/readyz`. Ready means: connected to NATS, and every channel that was known at
 * the start is served or was refused for good, so that no address of theirs answers 404. Channels
 * that come later do not count, and a lost connection does: another replica may have one.
 */
export function readiness(deps: {
  connection: { state: Pick<Connection["state"], "state" | "lastError"> };
  source: Pick<ChannelSource, "keys" | "get">;
  served: ReadonlyMap<string, ServedChannel>;
  /** Why the source can give nothing; undefined when it can. */
  sourceFault: () => string | undefined;
}): { ready: () => true | string; stop: () => void } {
  const { connection, source, served } = deps;
  /** Known when the source first could give something. */
  let atStart: Set<string> | undefined;
  let stopping = false;

  const settle = (): string | undefined => {
    atStart ??= new Set(source.keys().filter((key) => source.get(key) !== undefined));
    for (const key of atStart) {
      const status = served.get(key)?.status;
      const isRefused = REFUSAL_REASONS.includes(status?.reason ?? "");
      // One that was deleted meanwhile is nobody's to wait for.
      if (status?.ready === true || isRefused || source.get(key) === undefined) atStart.delete(key);
      else return `channel ${key}: ${status?.message ?? "not yet served"}`;
    }
    return undefined;
  };
  return {
    ready() {
      if (stopping) return "shutting down";
      const { state, lastError } = connection.state;
      if (state !== "connected") return `not connected to NATS: ${lastError ?? "connecting"}`;
      return deps.sourceFault() ?? settle() ?? true;
    },
    stop() {
      stopping = true;
    },
  };
}

/** Says what of the newest configuration does not count, although that is no reason not to be ready. */
export function configurationNotes(
  { fault }: { fault: string | undefined },
  { changedLogin }: Pick<ConnectionState, "changedLogin">,
): string[] {
  const kept = "the last one that was right counts";
  const before = "the connection of before is kept";
  return [
    ...(fault === undefined ? [] : [`configuration: ${fault}; ${kept}`]),
    ...(changedLogin === undefined ? [] : [`NATS: ${changedLogin}; ${before}`]),
  ];
}
