import type { ChannelSettings } from "../api/settings.ts";
import type { NatsClient } from "../nats/client.ts";
import type { StreamInfo } from "../nats/jetstream.ts";
import type { DeliveryStats } from "./delivery-stats.ts";
import type { Unapplied } from "./edits.ts";
import type { Subscription } from "./subscription.ts";

/** What flow 1 knows of a channel that it serves or tries to serve. */
export interface ServedChannel {
  /** As it was last reconciled. */
  channel: ChannelSettings;
  /** Whose login its stream is under. */
  client: NatsClient;
  /** Whose login it is to go over to, as soon as that works. */
  next: NatsClient | undefined;
  subscribers: Map<string, ServedSubscriber>;
  /** Whether consumers that an earlier life left behind were looked for. */
  isSwept: boolean;
  /** Its stream, and the template of that, as the last reconcile left them; undefined until one has. */
  left: readonly StreamInfo[] | undefined;
  status: ChannelStatus;
}

/** A subscriber with its pull loop. */
export interface ServedSubscriber {
  stream: string;
  consumer: string;
  subscription: Subscription;
  stats: DeliveryStats;
}

/** Why a channel is not served for as long as nobody changes something. */
export const REFUSAL_REASONS: readonly string[] = [
  "StreamOwnedByAnother",
  "StreamRefused",
  "StreamTemplateNotFound",
  "LoginFailed",
];

/** A channel's state for people and programs: `/channels`, and in a cluster the object's status. */
export interface ChannelStatus {
  ready: boolean;
  /** A stable CamelCase reason and a sentence that says what to do, when it is not ready. */
  reason?: string;
  message?: string;
  stream?: {
    name: string;
    subjects: string[];
    storage: string;
    replicas: number;
    retention: string;
    origin: string;
  };
  /** Fields of the spec that are not carried out, and why; the channel works without them. */
  unapplied: Unapplied[];
  /** Fields of the spec that are carried out and may do harm, and what to do. */
  warnings: Unapplied[];
  subscribers: Map<string, SubscriberStatus>;
}

/** A subscriber's state. */
export interface SubscriberStatus {
  name: string;
  observedGeneration: number;
  ready: boolean;
  message?: string;
}
