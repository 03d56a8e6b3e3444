/*
 * Flow 2 for one subscriber: pull its consumer for free slots, deliver each message, settle it.
 *
 * A message is settled exactly once, here, by the verdict of deliver.ts. While it is worked on the
 * server is told so (`working`, from one timer for all subscribers), so a slow subscriber gets no
 * second copy. Flow 1 starts, updates and stops subscriptions; it alone makes and deletes consumers.
 */
import { deliveryPosition, type Msg, messageBytes } from "../nats/delivery.ts";
import { PullLoop } from "../nats/pull-loop.ts";
import { type DeliveryContext, deliver, sameRecipient, type Verdict } from "./deliver.ts";
import { deliveredEvent } from "./delivered-event.ts";
import type { Settled } from "./delivery-stats.ts";
import { InFlight, type InFlightMessage } from "./in-flight.ts";
import { PullRoom } from "./pull-room.ts";
import { SettlementMemory } from "./settlement-memory.ts";
import type { SettledAs } from "./settlements.ts";
import { Slots } from "./slots.ts";
import type {
  ConsumerState,
  SubscriptionDeps,
  SubscriptionSettings,
} from "./subscription-settings.ts";
import { WaitingRetries } from "./waiting-retries.ts";

/** What a message that comes while nothing is delivered waits for its next try. */
const PAUSED_DELAY_MS = 1_000;
/** The server is away, and nobody is called again for what was settled before: see settlement-memory.ts. */
const NOT_NOW: Verdict = { do: "nak", afterMs: PAUSED_DELAY_MS, because: "unfinished" };

const SETTLED_BY_NAK = {
  failed: "retried",
  "dead-letter-failed": "dead_letter_retried",
  unfinished: "given_back",
} as const;

/** One subscriber's pull loop and deliveries; see the head of this file. */
export class Subscription {
  readonly #deps: SubscriptionDeps;
  readonly #loop: PullLoop;
  readonly #slots: Slots;
  readonly #room: PullRoom;
  readonly #inFlight = new InFlight();
  readonly #retries: WaitingRetries;
  readonly #memory: SettlementMemory;
  readonly #stopping = new AbortController();
  readonly #unlisten: () => void;
  #settings: SubscriptionSettings;
  #context: DeliveryContext;
  #state: "attached" | "detached" | "stopped" = "detached";
  #pending = 0;
  /** Whether a message told of `#pending` since somebody asked. */
  #hasHeard = false;
  #stopped: Promise<void> | undefined;

  constructor(settings: SubscriptionSettings, deps: SubscriptionDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#context = this.#contextFor(settings);
    this.#unlisten = deps.connection.listen({ elsewhere: () => this.#inFlight.disown() });
    this.#memory = new SettlementMemory(settings.ackWaitMs, deps.consumerState);
    this.#slots = new Slots(settings.concurrency, () => this.#loop.wake());
    this.#room = new PullRoom(deps.budget, () => this.#loop.wake());
    this.#room.rateLimitBps = settings.rateLimitBps;
    this.#retries = new WaitingRetries({
      log: deps.log,
      fullness: () => this.askPending(),
      lastFailure: () => deps.stats.lastFailure,
      onHeld: (isHeld) => deps.notes.held(isHeld),
    });
    this.#loop = new PullLoop({
      connection: deps.connection,
      log: deps.log,
      stream: settings.stream,
      consumer: settings.consumer,
      apiPrefix: deps.apiPrefix,
      room: () =>
        this.#room.reserve(
          Math.min(this.#slots.free, this.#settings.maxBatch),
          this.#settings.pullTimes,
        ),
      onMessage: (message) => this.#received(message),
      onEnd: (end, received) => this.#room.ended(end, received),
      onGone: (reason) => {
        if (this.#state === "attached") this.#state = "detached";
        deps.onConsumerGone(reason);
      },
      onPermission: deps.onPermission,
      onUnanswered: deps.onConsumerGone,
    });
  }

  /** Whether the consumer is pulled. */
  get attached(): boolean {
    return this.#state === "attached";
  }

  /** Why nothing comes although it is pulled; undefined when nothing is known to be in the way. */
  get obstacle(): string | undefined {
    return this.#loop.denied;
  }

  /** Pulls and delivers from now on; tells whether it is another consumer than before, if any. */
  attach(state: ConsumerState): boolean {
    if (this.#state === "stopped") return false;
    const isOther = this.#memory.attach(state);
    if (isOther) {
      this.#inFlight.disown();
      this.#deps.acks.forget(this.#settings.stream, this.#settings.consumer);
    }
    this.#pending = state.pending;
    if (!this.attached) this.#loop.start();
    this.#state = "attached";
    return isOther;
  }

  /**
   * Takes new settings. Attempts under way end by the old ones; what waits here for a re-attempt at a
   * destination that is another now is given back, and starts over.
   */
  update(settings: SubscriptionSettings): void {
    this.#memory.ackWaitMs = settings.ackWaitMs;
    this.#room.rateLimitBps = settings.rateLimitBps;
    // The same recipient stays the same object: what is under way for it goes on.
    const { recipient } = this.#settings;
    const isSame = sameRecipient(recipient, settings.recipient);
    this.#settings = isSame ? { ...settings, recipient } : settings;
    this.#context = this.#contextFor(this.#settings);
    this.#slots.limit = settings.concurrency;
    this.#loop.wake();
  }

  /** Stops pulling, for as long as the subscriber is missing; what is under way is finished. */
  async pause(): Promise<void> {
    if (this.#state !== "attached") return;
    this.#state = "detached";
    this.#room.withdraw();
    await this.#loop.pause();
  }

  /**
   * Ends: pulls no more, gives back at once what waits here between attempts, and resolves when no
   * message can come any more. Attempts that are under way go on, see `finished`.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** Resolves when nothing is under way any more. */
  async finished(): Promise<void> {
    await this.#inFlight.empty();
  }

  /** What it is doing, for `/channels` and the metrics. */
  snapshot() {
    return {
      attached: this.attached,
      held: this.#retries.held,
      inFlight: this.#inFlight.size,
      waiting: this.#retries.count(),
      pending: this.#pending,
    };
  }

  /** When the oldest message was stored that is here or was given back for later, in Unix milliseconds; Infinity without one. */
  get oldestStoredAtMs(): number {
    return Math.min(this.#inFlight.oldestStoredAtMs(), this.#retries.oldestStoredAtMs());
  }

  /**
   * Tells whether how many messages wait has to be asked for: nothing is pulled as every slot is taken, or
   * some waited and none came since the last call, since another replica may have got them.
   */
  isPendingDoubtful(): boolean {
    const isSilent = !this.#hasHeard && this.#pending > 0;
    this.#hasHeard = false;
    return this.#state === "attached" && (this.#slots.free <= 0 || isSilent);
  }

  /** Asks the server how many messages there are to deliver, and how full the consumer is. */
  async askPending(): Promise<ConsumerState | undefined> {
    const state = await this.#deps.consumerState();
    this.#pending = state?.pending ?? this.#pending;
    return state;
  }

  /** Does what is due, a few times a second: tells the server what is still worked on. True while there is more. */
  tick(now: number): boolean {
    // Failures and retries that are noted would keep it for ever.
    if (this.#state === "stopped" && this.#inFlight.size === 0) return false;
    this.#inFlight.beatDue(now, this.#settings.ackWaitMs, ({ position }) =>
      this.#deps.acks.working(position.reply),
    );
    this.#retries.tick(now, this.attached && this.#slots.taken === 0);
    this.#deps.notes.tick(now);
    return this.#inFlight.size > 0 || this.#retries.isBusy || this.#deps.notes.isBusy;
  }

  async #stop(): Promise<void> {
    this.#state = "stopped";
    this.#stopping.abort();
    this.#room.withdraw();
    await this.#loop.stop();
    void this.finished().then(() => {
      this.#unlisten();
      this.#deps.onEnd();
    });
  }

  #contextFor(settings: SubscriptionSettings): DeliveryContext {
    return {
      send: this.#deps.send,
      tracing: this.#deps.tracing,
      scope: { channel: this.#deps.channel, consumer: settings.consumer },
      // What waits between attempts that are made here keeps its bytes.
      pause: (ms) => this.#slots.lend(ms, this.#stopping.signal),
      keep: (bytes) => this.#room.keep(bytes),
      isOutdated: () => this.#settings.recipient !== settings.recipient,
      stopping: this.#stopping.signal,
      maxReplyBytes: settings.maxReplyBytes,
      observe: (...request) => {
        this.#deps.stats.request(...request);
        this.#deps.notes.request(...request);
      },
      dispatched: this.#deps.stats.dispatched,
    };
  }

  #received(message: Msg): void {
    const position = deliveryPosition(message.reply ?? "");
    this.#pending = position.pending;
    this.#hasHeard = true;
    if (this.#state !== "attached") {
      this.#deps.acks.nak(position.reply, this.#state === "stopped" ? 0 : PAUSED_DELAY_MS);
      this.#deps.stats.settled("given_back", 0);
      return;
    }
    this.#memory.delivered(position);
    if (position.count > 1) {
      this.#deps.stats.redelivered();
      this.#retries.delete(position.streamSequence);
      const here = this.#inFlight.find(position.streamSequence);
      if (here !== undefined) {
        // It is being worked on: the server lost track of that (a leader changed). Once is enough.
        here.position = position;
        return;
      }
    }
    const bytes = messageBytes(message);
    this.#slots.take();
    this.#room.hold(bytes);
    // All that is to be watched over begins with a message.
    this.#deps.ticker.add(this);
    void this.#work(message, this.#inFlight.add(position, bytes, this.#settings.ackWaitMs));
  }

  async #work(message: Msg, held: InFlightMessage): Promise<void> {
    const { position } = held;
    let verdict: Verdict;
    try {
      if (position.count > 1) {
        const settledAs = await this.#memory.recall(position);
        if (settledAs === "unknown") return this.#settle(held, NOT_NOW);
        if (settledAs !== undefined) return this.#settleAgain(held, settledAs);
      }
      const event = deliveredEvent(message, position, this.#settings.stream);
      verdict = await deliver(event, position.count, this.#settings.recipient, this.#context);
    } catch (error) {
      this.#deps.log.error({ error, sequence: position.streamSequence }, "delivery failed");
      verdict = { do: "nak", afterMs: this.#settings.ackWaitMs, because: "failed" };
    }
    this.#settle(held, verdict);
  }

  #settle(held: InFlightMessage, verdict: Verdict): void {
    if (held.isDisowned) return this.#done(held, "disowned");
    const { reply, streamSequence: sequence } = held.position;
    if (verdict.do === "nak") {
      this.#deps.acks.nak(reply, verdict.afterMs);
      this.#retries.add(sequence, verdict.afterMs, held.position.storedAtMs);
      this.#done(held, SETTLED_BY_NAK[verdict.because]);
    } else if (verdict.do === "ack") {
      this.#settleForGood(held, "ack", "");
      this.#done(held, "acked");
    } else {
      const { reason } = verdict;
      this.#deps.log.warn({ sequence, reason }, "event given up, it stays in the stream");
      this.#deps.notes.gaveUp(sequence, reason);
      this.#settleForGood(held, "term", reason);
      this.#done(held, "given_up");
    }
  }

  #settleAgain(held: InFlightMessage, as: SettledAs): void {
    if (held.isDisowned) return this.#done(held, "disowned");
    this.#settleForGood(held, as, "settled before");
    this.#done(held, "settled_again");
  }

  #settleForGood(held: InFlightMessage, as: SettledAs, reason: string): void {
    const forMs = 2 * this.#settings.ackWaitMs;
    if (as === "ack") this.#deps.acks.ack(held.position.reply, forMs);
    else this.#deps.acks.term(held.position.reply, { reason, forMs });
    this.#memory.remember(held.position, as);
  }

  #done(held: InFlightMessage, settled: Settled): void {
    this.#inFlight.remove(held);
    this.#room.release(held.bytes);
    this.#deps.stats.settled(settled, performance.now() - held.startedAt);
    this.#slots.release();
    this.#loop.wake();
  }
}
