import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import type { Connection } from "./connection.ts";

export type {
  ConsumerConfig,
  ConsumerInfo,
  JetStreamAccountStats,
  JetStreamManager,
  StreamConfig,
  StreamInfo,
} from "@nats-io/jetstream";

/** NATS counts time in nanoseconds. */
export const NANOS_PER_MS = 1_000_000;

const REQUEST_TIMEOUT_MS = 5_000;

/** Gives the prefix of JetStream's API subjects: `$JS.API`, or `$JS.<domain>.API`. */
export function apiPrefixFor(domain: string): string {
  return domain === "" ? "$JS.API" : `$JS.${domain}.API`;
}

/**
 * Gives JetStream's management API on the connection of now; rejects when there is none. A request
 * that gets no answer within five seconds fails.
 */
export async function jetstream(
  connection: Pick<Connection, "current">,
  domain: string,
): Promise<JetStreamManager> {
  const nc = connection.current;
  if (nc === undefined) throw new Error("there is no connection to NATS");
  return await jetstreamManager(nc, {
    timeout: REQUEST_TIMEOUT_MS,
    checkAPI: false,
    ...(domain === "" ? {} : { domain }),
  });
}
