/*
 * Carries on from a push consumer that the Go implementation left: a pull consumer of the same name,
 * at the position that the push consumer had acknowledged. The server cannot turn one into the other.
 *
 *   Limits, Interest   make KN_SUB_<UID>_M at the acknowledged floor + 1  (the position, safe in the
 *                      server, and on an Interest stream what keeps the events)
 *                      → delete the push consumer → make KN_SUB_<UID> with that start → delete _M
 *   Work               delete the push consumer, make KN_SUB_<UID>: what is stored is what is left
 *
 * Every step finds out from the server alone what is done already, so a crash between any two is
 * carried on by the next call. The start is never computed again: a floor may go back in a crash of
 * the server. Nothing is lost; what was acknowledged above the floor may be delivered once more.
 * Called by consumer.ts for a consumer that is missing, a push consumer, or not finished here.
 */
import { consumerNameFor } from "../api/names.ts";
import { MIGRATED_KEY } from "../api/ownership.ts";
import { isConsumerNotFound } from "../nats/errors.ts";
import type { ConsumerConfig, ConsumerInfo, JetStreamManager } from "../nats/jetstream.ts";
import type { Logger } from "../runtime/logger.ts";
import { leading } from "./lead.ts";

export interface Migration {
  jsm: JetStreamManager;
  /** Whether this replica may change anything: asked before each step. */
  isLeader: () => boolean;
  log: Logger;
  stream: string;
  uid: string;
  /** The pull consumer as the channel wants it, with its owner. */
  wanted: Partial<ConsumerConfig> & { durable_name: string; metadata: Record<string, string> };
}

const UNFINISHED = " unfinished";

/** Names the consumer that keeps a subscriber's position while its push consumer is replaced. */
export function bookmarkNameFor(uid: string): string {
  return `${consumerNameFor(uid)}_M`;
}

/** Whether a consumer is one that `migrateConsumer` has to do something about. */
export function needsMigration(info: ConsumerInfo | undefined): boolean {
  if (info === undefined || info.config.deliver_subject !== undefined) return true;
  return info.config.metadata?.[MIGRATED_KEY]?.endsWith(UNFINISHED) === true;
}

/** Does what is left to do; gives the pull consumer, or undefined when an ordinary one is to be made. */
export async function migrateConsumer(
  info: ConsumerInfo | undefined,
  migration: Migration,
): Promise<ConsumerInfo | undefined> {
  const { jsm, stream, uid } = migration;
  const bookmarkName = bookmarkNameFor(uid);
  if (info !== undefined && info.config.deliver_subject === undefined) {
    return await finish(info, bookmarkName, migration);
  }
  if (info !== undefined) {
    const { config } = await jsm.streams.info(stream);
    if (config.retention !== "workqueue") await makeBookmark(info, bookmarkName, migration);
    await remove(info.name, migration);
    const { log } = migration;
    log.info({ consumer: info.name, floor: info.ack_floor.stream_seq }, "push consumer replaced");
  }
  const bookmark = await find(bookmarkName, migration);
  if (bookmark === undefined) return undefined;
  const { opt_start_time: _, ...wanted } = migration.wanted;
  const start = bookmark.config.opt_start_seq ?? 1;
  const made = await leading(migration).consumers.add(stream, {
    ...wanted,
    deliver_policy: "by_start_sequence",
    opt_start_seq: start,
    metadata: { ...wanted.metadata, [MIGRATED_KEY]: `${start}${UNFINISHED}` },
  });
  return await finish(made, bookmarkName, migration);
}

async function makeBookmark(push: ConsumerInfo, name: string, migration: Migration): Promise<void> {
  if ((await find(name, migration)) !== undefined) return;
  await leading(migration).consumers.add(migration.stream, {
    durable_name: name,
    ack_policy: "explicit",
    deliver_policy: "by_start_sequence",
    opt_start_seq: push.ack_floor.stream_seq + 1,
    metadata: migration.wanted.metadata,
  });
}

async function finish(
  info: ConsumerInfo,
  bookmarkName: string,
  migration: Migration,
): Promise<ConsumerInfo> {
  if ((await find(bookmarkName, migration)) !== undefined) await remove(bookmarkName, migration);
  const metadata = { ...info.config.metadata };
  metadata[MIGRATED_KEY] = (metadata[MIGRATED_KEY] ?? "").replace(UNFINISHED, "");
  return await leading(migration).consumers.update(migration.stream, info.name, { metadata });
}

async function find(name: string, { jsm, stream }: Migration): Promise<ConsumerInfo | undefined> {
  return await jsm.consumers.info(stream, name).catch((error: unknown) => {
    if (isConsumerNotFound(error)) return undefined;
    throw error;
  });
}

async function remove(name: string, migration: Migration): Promise<void> {
  const { consumers } = leading(migration);
  await consumers.delete(migration.stream, name).catch((error: unknown) => {
    if (!isConsumerNotFound(error)) throw error;
  });
}
