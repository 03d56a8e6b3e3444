import type { Acks } from "../nats/acks.ts";
import type { Connection } from "../nats/connection.ts";
import type { Logger } from "../runtime/logger.ts";
import type { CurrentTracer } from "../runtime/tracing.ts";
import type { Recipient } from "./deliver.ts";
import type { DeliveryNotes } from "./delivery-notes.ts";
import type { DeliveryStats } from "./delivery-stats.ts";
import type { Send } from "./http-sender.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import type { PullTimes } from "./pull-room.ts";
import type { ConsumerLife } from "./settlement-memory.ts";
import type { Ticker } from "./ticker.ts";
import type { Fullness } from "./waiting-retries.ts";

/** What a subscription works with; everything but the recipient's settings outlives it. */
export interface SubscriptionDeps {
  connection: Connection;
  acks: Acks;
  budget: MemoryBudget;
  ticker: Pick<Ticker, "add">;
  send: Send;
  stats: DeliveryStats;
  notes: DeliveryNotes;
  tracing: CurrentTracer;
  log: Logger;
  /** The channel, `<namespace>/<name>`. */
  channel: string;
  /** `$JS.API`, or with the JetStream domain. */
  apiPrefix: string;
  /** The consumer is gone; reconcile its channel. */
  onConsumerGone: (reason: string) => void;
  /** Whether the login may pull the consumer is otherwise than before: see `obstacle`. */
  onPermission: () => void;
  /** It was stopped and nothing is under way any more. */
  onEnd: () => void;
  /** Reads the consumer's state anew: rarely asked. */
  consumerState: () => Promise<ConsumerState | undefined>;
}

/** What identifies a consumer's life, and how full it is. */
export type ConsumerState = ConsumerLife & Fullness;

/** What can change while a subscription runs; stream and consumer stay the same. */
export interface SubscriptionSettings {
  stream: string;
  consumer: string;
  recipient: Recipient;
  concurrency: number;
  ackWaitMs: number;
  maxReplyBytes: number;
  /** Messages that one pull asks for at the most. */
  maxBatch: number;
  pullTimes: PullTimes;
  /** Bits per second that this replica delivers; undefined: no limit. */
  rateLimitBps: number | undefined;
}
