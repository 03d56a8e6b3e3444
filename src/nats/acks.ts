/*
 * Settles messages: acks and terms that are confirmed by the server, naks and `working` that are not.
 *
 * Naks with a delay are the exception to "at once": nats-server puts off all redeliveries of a consumer
 * by 10 ms with each of them (2.15.2: a steady 150 a second let none through), so they are collected
 * and written together every 100 ms, each with what is left of its delay.
 *
 * Everything of one turn of the event loop is written together, and a confirmation costs a slot and
 * no promise, so that confirmed acks are as cheap as unconfirmed ones. What a lost connection left
 * unconfirmed is sent again on the next one, and what nobody listens for (a consumer whose leader is
 * away) until somebody does; the server takes an ack by its old reply subject even after a redelivery
 * (ADR-15 of NATS; seen running).
 */
import type { Msg } from "@nats-io/transport-node";
import type { Connection } from "./connection.ts";
import { isDeliveryOf } from "./delivery.ts";
import { NANOS_PER_MS } from "./jetstream.ts";
import { ReplySlots } from "./reply-slots.ts";
import { perTurn } from "./turn.ts";

interface Settlement {
  subject: string;
  payload: Uint8Array;
  slot: number | undefined;
  resendAt: number;
  giveUpAt: number;
}

const encoder = new TextEncoder();
const ACK = encoder.encode("+ACK");
const WORKING = encoder.encode("+WPI");
const NAK = encoder.encode("-NAK");
const NAKS_EVERY_MS = 100;
const RESEND_AFTER_MS = 2_000;
const MAX_UNCONFIRMED = 65_536;
const NO_RESPONDERS = 503;

/** Sends settlements; see the head of this file. `subject` is a delivered message's reply subject. */
export class Acks {
  readonly #connection: Connection;
  readonly #slots: ReplySlots<Settlement>;
  readonly #send = perTurn<Settlement>((settlements) => this.#flush(settlements));
  readonly #sweeper: NodeJS.Timeout;
  #onIdle: (() => void)[] = [];
  #naks: { subject: string; dueAt: number }[] = [];
  #nakTimer: NodeJS.Timeout | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#slots = new ReplySlots({
      connection,
      capacity: MAX_UNCONFIRMED,
      onReply: (settlement, reply) => this.#answered(settlement, reply),
    });
    connection.listen({
      connected: () => this.#slots.visit((settlement) => this.#send(settlement)),
      elsewhere: () => this.#forget(() => true),
    });
    this.#sweeper = setInterval(() => this.#sweep(), RESEND_AFTER_MS / 2);
  }

  /** How many acks and terms await their confirmation. */
  get unconfirmed(): number {
    return this.#slots.used;
  }

  /** Acknowledges; tried again until confirmed or for `forMs`, after which the server asks again. */
  ack(subject: string, forMs: number): void {
    this.#confirm(subject, ACK, forMs);
  }

  /** Gives a message up for good, with the reason that the server's advisory shows. */
  term(subject: string, options: { reason: string; forMs: number }): void {
    this.#confirm(subject, encoder.encode(`+TERM ${options.reason}`), options.forMs);
  }

  /** Gives a message back, to be delivered again after a delay; lost, it comes after the ack wait. */
  nak(subject: string, delayMs: number): void {
    if (delayMs <= 0) return this.#unconfirmed(subject, NAK);
    this.#naks.push({ subject, dueAt: performance.now() + delayMs });
    this.#nakTimer ??= setTimeout(() => this.#flushNaks(), NAKS_EVERY_MS);
  }

  /** Restarts the ack wait of a message that is still worked on. Never for one that was given back. */
  working(subject: string): void {
    this.#unconfirmed(subject, WORKING);
  }

  /**
   * Drops what is not settled yet of a consumer that was made again: reply subjects name stream and consumer
   * and no life of theirs, so that it would settle messages of the next one.
   */
  forget(stream: string, consumer: string): void {
    this.#forget((subject) => isDeliveryOf(subject, stream, consumer));
  }

  /** Sends what is collected; resolves when nothing is unconfirmed, or after `withinMs`. */
  async settled(withinMs: number): Promise<void> {
    this.#flushNaks();
    // What was given in this turn is written at its end.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#slots.used === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle.push(resolve);
      setTimeout(resolve, withinMs).unref();
    });
  }

  close(): void {
    clearTimeout(this.#nakTimer);
    clearInterval(this.#sweeper);
  }

  /** What was delivered elsewhere is not settled here; it is delivered there again. */
  #forget(isOver: (subject: string) => boolean): void {
    this.#naks = this.#naks.filter(({ subject }) => !isOver(subject));
    this.#slots.visit((settlement) => {
      if (isOver(settlement.subject)) this.#confirmed(settlement);
    });
  }

  #unconfirmed(subject: string, payload: Uint8Array): void {
    this.#send({ subject, payload, slot: undefined, resendAt: 0, giveUpAt: 0 });
  }

  #flushNaks(): void {
    clearTimeout(this.#nakTimer);
    this.#nakTimer = undefined;
    const now = performance.now();
    for (const { subject, dueAt } of this.#naks) {
      // A delay of 0 would be "at once" and not "now due"; the difference is a millisecond.
      const delayNanos = Math.round(Math.max(1, dueAt - now) * NANOS_PER_MS);
      this.#unconfirmed(subject, encoder.encode(`-NAK {"delay": ${delayNanos}}`));
    }
    this.#naks = [];
  }

  #confirm(subject: string, payload: Uint8Array, forMs: number): void {
    const now = performance.now();
    const settlement: Settlement = {
      subject,
      payload,
      slot: undefined,
      resendAt: now + RESEND_AFTER_MS,
      giveUpAt: now + forMs,
    };
    // With every slot taken it goes out unconfirmed: the settlement memory covers a loss.
    settlement.slot = this.#slots.take(settlement);
    this.#send(settlement);
  }

  #flush(settlements: Settlement[]): void {
    const nc = this.#connection.current;
    if (nc === undefined || nc.isClosed()) return;
    for (const { subject, payload, slot } of settlements) {
      if (slot === undefined) nc.publish(subject, payload);
      else if (slot >= 0) nc.publish(subject, payload, { reply: this.#slots.replySubject(slot) });
    }
  }

  #answered(settlement: Settlement, reply: Msg): void {
    // The server speaks for a consumer that nobody serves now: the next sweep sends it again.
    if (reply.headers?.code === NO_RESPONDERS) settlement.resendAt = 0;
    else this.#confirmed(settlement);
  }

  #confirmed(settlement: Settlement): void {
    if (settlement.slot !== undefined) this.#slots.release(settlement.slot);
    settlement.slot = -1;
    if (this.#slots.used > 0) return;
    for (const resolve of this.#onIdle) resolve();
    this.#onIdle = [];
  }

  #sweep(): void {
    const now = performance.now();
    this.#slots.visit((settlement) => {
      if (now >= settlement.giveUpAt) this.#confirmed(settlement);
      else if (now >= settlement.resendAt) {
        settlement.resendAt = now + RESEND_AFTER_MS;
        this.#send(settlement);
      }
    });
  }
}
