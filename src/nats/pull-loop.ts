/*
 * Pulls the messages of one durable consumer, as many as there is room for and never more.
 *
 * At most one pull request is open. Its messages are counted; when it is filled, or a status ends it
 * (expired, leader changed, server shut down, …), the next one goes out at once, or after a short
 * back-off where asking at once cannot help. A request that neither delivers nor beats is given up.
 * The client's consume() is not used: after a leader change it stands still for up to 45 seconds.
 *
 * The owner (subscription.ts) says what there is room for and takes the messages; this file does not
 * look into them.
 */
import {
  createInbox,
  type Msg,
  type Subscription as NatsSubscription,
} from "@nats-io/transport-node";
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Connection, NatsConnection } from "./connection.ts";
import { NANOS_PER_MS } from "./jetstream.ts";
import { pullStatusFor } from "./pull-status.ts";
import { atEndOfTurn } from "./turn.ts";

/** What a pull asks for. */
export interface PullSize {
  /** Messages, at least 1. */
  batch: number;
  /** Bytes at the most, as the server counts them; undefined only for a batch of 1. */
  maxBytes: number | undefined;
  /** How long the request may stay open. */
  expiresMs: number;
  /** How often the server says that it is still open; half of the expiry at the most. */
  heartbeatMs: number;
}

/** How an open pull ended. */
export type PullEnd = "filled" | "max-bytes" | "expired" | "broken";

export interface PullLoopOptions {
  connection: Connection;
  log: Logger;
  stream: string;
  consumer: string;
  /** `$JS.API`, or `$JS.<domain>.API`. */
  apiPrefix: string;
  /** Reserves room and tells how much; undefined: no pull now, `wake` is called when there is room. */
  room: () => PullSize | undefined;
  onMessage: (message: Msg) => void;
  /** The room that the pull did not use may be given to others. `received` counts its messages. */
  onEnd: (end: PullEnd, received: number) => void;
  /** The consumer or its stream does not exist; the loop pauses until `start`. */
  onGone: (reason: string) => void;
  /** The login may not pull the consumer, or may again: see `denied`. The loop goes on. */
  onPermission: () => void;
  /** Nobody has answered for a while: it may be gone, or without a leader. The loop goes on. */
  onUnanswered: (reason: string) => void;
}

const WATCHDOG_MS = 1_000;
const LATE_MS = 1.5 * WATCHDOG_MS;
/**
 * The times of a pull after one that brought something or ended early. Around a change of leaders one can
 * arrive where nobody serves it any more, or yet, and nobody says so: where events flow that is noticed
 * within two seconds. The server beats only while it has nothing to send.
 */
const BUSY = { expiresMs: 2_000, heartbeatMs: 400 };
const MIN_BACKOFF_MS = 20;
const MAX_BACKOFF_MS = 2_000;
/** A leader that steps down is followed at once; the election after one that died takes up to ten seconds. */
const UNANSWERED_BACKOFF_MS = 640;
const UNANSWERED_EVERY_MS = 10_000;

interface OpenPull {
  id: number;
  size: PullSize;
  received: number;
  /** When the last message or heartbeat came, or the pull was sent. */
  heardAt: number;
}

/** One consumer's pull loop; see the head of this file. */
export class PullLoop {
  readonly #options: PullLoopOptions;
  /** Of the present subscription: a server keeps a pull for as long as somebody listens to its inbox. */
  #inbox = "";
  readonly #unlisten: () => void;
  readonly #watchdog: NodeJS.Timeout;
  #subscription: NatsSubscription | undefined;
  #open: OpenPull | undefined;
  #pulls = 0;
  #running = false;
  #wakeQueued = false;
  #isBusy = false;
  #backoffMs = 0;
  #backoff: NodeJS.Timeout | undefined;
  #unansweredAt = -Infinity;
  #watchedAt = performance.now();
  #denied: string | undefined;

  constructor(options: PullLoopOptions) {
    this.#options = options;
    this.#watchdog = setInterval(() => this.#watch(), WATCHDOG_MS).unref();
    this.#unlisten = options.connection.listen({
      connected: (nc) => this.#subscribe(nc),
      disconnected: () => this.#disconnected(),
      publishDenied: (subject) => {
        if (subject === this.#subject)
          this.#permission(`the login may not publish to "${subject}"`);
      },
    });
  }

  /** Why the login cannot pull; undefined when it can, as far as is known. */
  get denied(): string | undefined {
    return this.#denied;
  }

  /** Begins or goes on to pull. */
  start(): void {
    this.#running = true;
    this.#backoffMs = 0;
    const nc = this.#options.connection.current;
    if (this.#subscription === undefined && nc !== undefined) this.#subscribe(nc);
    else this.wake();
  }

  /** Pulls no more, and takes back the open pull; resolves when no message can come any more. */
  async pause(): Promise<void> {
    this.#running = false;
    const subscription = this.#subscription;
    this.#subscription = undefined;
    // The server forgets a pull whose inbox nobody listens to.
    if (subscription !== undefined && !subscription.isClosed()) {
      // A drain whose connection is lost never ends by itself.
      await Promise.race([subscription.drain(), subscription.closed]).catch((error: unknown) => {
        this.#options.log.debug({ error: errorMessage(error) }, "connection lost while draining");
      });
    }
    if (!this.#running) this.#end("broken");
  }

  /** Ends for good; resolves when no message can come any more. */
  async stop(): Promise<void> {
    this.#unlisten();
    clearInterval(this.#watchdog);
    clearTimeout(this.#backoff);
    await this.pause();
  }

  /** Says that there is room again; the rooms of one turn become one pull. */
  wake(): void {
    if (this.#wakeQueued || this.#open !== undefined || !this.#running) return;
    this.#wakeQueued = true;
    atEndOfTurn(() => {
      this.#wakeQueued = false;
      this.#pull();
    });
  }

  #subscribe(nc: NatsConnection): void {
    this.#end("broken");
    const inbox = createInbox();
    this.#inbox = inbox;
    const subscription = nc.subscribe(`${inbox}.*`, {
      callback: (error, message) => {
        // The client hands over what comes while it closes, of a JetStream that was left.
        if (subscription.isClosed()) return;
        if (error === null) this.#received(message, inbox);
        else this.#options.log.error({ error: errorMessage(error) }, "pull subscription failed");
      },
    });
    this.#subscription = subscription;
    this.wake();
  }

  #disconnected(): void {
    this.#subscription = undefined;
    this.#end("broken");
  }

  #pull(): void {
    const nc = this.#options.connection.current;
    if (!this.#running || this.#open !== undefined || this.#backoff !== undefined) return;
    if (nc === undefined || nc.isClosed() || this.#subscription === undefined) return;
    const room = this.#options.room();
    if (room === undefined) return;
    const size = this.#isBusy ? { ...room, ...shorter(room, BUSY) } : room;
    const now = performance.now();
    this.#pulls += 1;
    this.#open = { id: this.#pulls, size, received: 0, heardAt: now };
    const request = {
      batch: size.batch,
      expires: Math.round(size.expiresMs * NANOS_PER_MS),
      idle_heartbeat: Math.round(size.heartbeatMs * NANOS_PER_MS),
      ...(size.maxBytes === undefined ? {} : { max_bytes: size.maxBytes }),
    };
    nc.publish(this.#subject, JSON.stringify(request), {
      reply: `${this.#inbox}.${this.#pulls.toString(36)}`,
    });
  }

  get #subject(): string {
    const { stream, consumer, apiPrefix } = this.#options;
    return `${apiPrefix}.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
  }

  #permission(denied: string | undefined): void {
    if (denied === this.#denied) return;
    this.#denied = denied;
    this.#options.onPermission();
  }

  #received(message: Msg, inbox: string): void {
    const status = pullStatusFor(message);
    // What an earlier subscription still brings is delivered, and is not the open pull's.
    const open = inbox === this.#inbox ? this.#open : undefined;
    if (status === undefined) {
      this.#backoffMs = 0;
      this.#permission(undefined);
      if (open !== undefined) {
        open.received += 1;
        open.heardAt = performance.now();
      }
      this.#options.onMessage(message);
      if (open !== undefined && open.received >= open.size.batch) this.#end("filled");
      return;
    }
    // A status comes on the subject of the pull that it is about; an earlier pull's is old news.
    if (open === undefined || message.subject !== `${this.#inbox}.${open.id.toString(36)}`) return;
    this.#permission(undefined);
    if (status.kind === "heartbeat") {
      open.heardAt = performance.now();
      // Somebody serves it: what made an earlier pull end early is over.
      this.#backoffMs = 0;
      return;
    }
    if (status.kind === "gone") return this.#gone(status.reason);
    if (status.kind === "again") return this.#end(status.end);
    if (status.kind === "nobody") this.#unanswered(status.reason);
    this.#backOff(status.reason);
  }

  #unanswered(reason: string): void {
    const now = performance.now();
    if (this.#backoffMs < UNANSWERED_BACKOFF_MS) return;
    if (now - this.#unansweredAt < UNANSWERED_EVERY_MS) return;
    this.#unansweredAt = now;
    this.#options.onUnanswered(reason);
  }

  #gone(reason: string): void {
    this.#running = false;
    this.#end("broken");
    this.#options.onGone(reason);
  }

  #end(end: PullEnd): void {
    if (this.#open === undefined) return;
    const { received } = this.#open;
    this.#open = undefined;
    this.#isBusy = received > 0;
    this.#options.onEnd(end, received);
    this.wake();
  }

  #backOff(reason: string): void {
    this.#backoffMs = Math.min(MAX_BACKOFF_MS, Math.max(MIN_BACKOFF_MS, this.#backoffMs * 2));
    const waitMs = this.#backoffMs * (0.5 + Math.random() / 2);
    this.#options.log.debug({ reason, waitMs }, "pull ended early");
    this.#backoff = setTimeout(() => {
      this.#backoff = undefined;
      this.wake();
    }, waitMs);
    this.#end("broken");
    this.#isBusy = true;
  }

  /** After this program stood still, what came meanwhile is yet to be read: nothing was silent but itself. */
  #watch(): void {
    const now = performance.now();
    const isLate = now - this.#watchedAt > LATE_MS;
    this.#watchedAt = now;
    if (isLate || this.#silentMs() === 0) return;
    // A shorter stall, too, has run this timer before the sockets.
    setImmediate(() => this.#giveUpSilent());
  }

  /** Tells how long the open pull has been silent, if for more than two heartbeats, and some of the time of another. */
  #silentMs(): number {
    if (this.#open === undefined) return 0;
    const silentMs = performance.now() - this.#open.heardAt;
    const { heartbeatMs } = this.#open.size;
    return silentMs < 2 * heartbeatMs + Math.min(WATCHDOG_MS, heartbeatMs) ? 0 : silentMs;
  }

  #giveUpSilent(): void {
    const silentMs = this.#silentMs();
    if (silentMs === 0) return;
    if (this.#denied === undefined)
      this.#options.log.warn({ silentMs: Math.round(silentMs) }, "pull went silent, pulling again");
    this.#end("broken");
    this.#isBusy = true;
  }
}

function shorter(
  one: Pick<PullSize, "expiresMs" | "heartbeatMs">,
  other: Pick<PullSize, "expiresMs" | "heartbeatMs">,
): Pick<PullSize, "expiresMs" | "heartbeatMs"> {
  return {
    expiresMs: Math.min(one.expiresMs, other.expiresMs),
    heartbeatMs: Math.min(one.heartbeatMs, other.heartbeatMs),
  };
}
