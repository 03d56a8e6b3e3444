/*
 * Puts events into JetStream: many at a time, each answered only when its outcome is known.
 *
 * An event waits here, with its bytes, from `publish` to its one result: stored (the server's
 * PubAck), refused (the server said why), or given up at its deadline. Whatever may be lost on the
 * way (a broken connection, a leader that dies) is sent again under the same Nats-Msg-Id, which the
 * stream's duplicate window makes harmless.
 *
 * The receiver calls it and bounds the bytes; this file bounds the count.
 */
import type { Msg, MsgHdrs } from "@nats-io/transport-node";
import type { Connection } from "./connection.ts";
import { type PubAck, type PublishRefusal, pubAckFor } from "./pub-ack.ts";
import { ReplySlots } from "./reply-slots.ts";
import { perTurn } from "./turn.ts";

/** Message headers as their bytes on the wire (`NATS/1.0\r\n…\r\n\r\n`), made once and never parsed. */
export class HeaderBytes {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  encode(): Uint8Array {
    return this.bytes;
  }
}

/** What became of a publish. */
export type PublishResult =
  | { outcome: "stored"; duplicate: boolean; sequence: number }
  | PublishRefusal
  /** No answer until the deadline: it may have been stored. */
  | { outcome: "timeout"; reason: string }
  /** Too many publishes await their answer already, or the publisher has ended. */
  | { outcome: "busy"; reason: string };

/** An event to store. `stream` is the one that must take it. */
export interface Publish {
  subject: string;
  stream: string;
  headers: HeaderBytes;
  data: Uint8Array;
  /** Told when the stream did not take the event: it may be gone, or another have its subject. */
  onUnavailable: () => void;
  onResult: (result: PublishResult) => void;
}

interface Pending extends Publish {
  slot: number;
  deadlineAt: number;
  /** When it is sent again unless an answer comes; Infinity while there is no connection. */
  resendAt: number;
  /** How long an answer to the next copy is waited for. */
  waitMs: number;
  /** What the server said last, if it could not decide. */
  obstacle: string | undefined;
}

const SWEEP_MS = 100;
/**
 * An answer that takes longer was lost with a leader; a disk that slow gets a second copy to drop. Further
 * copies are waited for longer, up to the longest.
 */
const RESEND_AFTER_MS = 1_000;
const LONGEST_RESEND_MS = 3_000;
const RETRY_AFTER_MS = 150;

/** Publishes with acknowledgement; see the head of this file. */
export class Publisher {
  readonly #connection: Connection;
  readonly #slots: ReplySlots<Pending>;
  #timeoutMs: number;
  readonly #send = perTurn<Pending>((pending) => this.#flush(pending));
  readonly #sweeper: NodeJS.Timeout;
  #isEnded = false;
  #onIdle: (() => void) | undefined;
  #idle: Promise<void> | undefined;

  constructor(options: { connection: Connection; maxInFlight: number; timeoutMs: number }) {
    this.#connection = options.connection;
    this.#timeoutMs = options.timeoutMs;
    this.#slots = new ReplySlots({
      connection: options.connection,
      capacity: options.maxInFlight,
      onReply: (pending, reply) => this.#answered(pending, reply),
    });
    options.connection.listen({
      connected: () => this.#slots.visit((pending) => this.#send(pending)),
      disconnected: () => this.#slots.visit((pending) => (pending.resendAt = Infinity)),
      publishDenied: (subject) => this.#denied(subject),
    });
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  /** Takes other bounds, for what is published from now on. */
  limit(limits: { maxInFlight: number; timeoutMs: number }): void {
    this.#slots.capacity = limits.maxInFlight;
    this.#timeoutMs = limits.timeoutMs;
  }

  /** How many publishes await their result. */
  get inFlight(): number {
    return this.#slots.used;
  }

  /** Stores an event; `onResult` is called exactly once, never before this returns. */
  publish(publish: Publish): void {
    const pending: Pending = {
      ...publish,
      slot: -1,
      deadlineAt: performance.now() + this.#timeoutMs,
      resendAt: Infinity,
      waitMs: RESEND_AFTER_MS,
      obstacle: undefined,
    };
    const slot = this.#isEnded ? undefined : this.#slots.take(pending);
    if (slot === undefined) {
      const reason = this.#isEnded
        ? "the connection to NATS was given up"
        : "too many events wait to be stored";
      setImmediate(() => publish.onResult({ outcome: "busy", reason }));
      return;
    }
    pending.slot = slot;
    this.#send(pending);
  }

  /** Takes no more events; resolves when each that was taken has its result, which its deadline bounds. */
  async end(): Promise<void> {
    this.#isEnded = true;
    this.#idle ??= new Promise((resolve) => {
      if (this.inFlight === 0) resolve();
      else this.#onIdle = resolve;
    });
    await this.#idle;
    clearInterval(this.#sweeper);
  }

  #flush(all: Pending[]): void {
    const nc = this.#connection.current;
    if (nc === undefined || nc.isClosed()) return;
    const now = performance.now();
    for (const pending of all) {
      // Answered or given up since it was queued; its slot may be another's.
      if (pending.slot === -1) continue;
      if (pending.headers.bytes.length + pending.data.length > this.#connection.maxPayload) {
        const reason = `the event is larger than the server's max_payload`;
        this.#settle(pending, { outcome: "too-large", reason });
        continue;
      }
      pending.resendAt = now + pending.waitMs;
      pending.waitMs = Math.min(LONGEST_RESEND_MS, pending.waitMs * 2);
      nc.publish(pending.subject, pending.data, {
        reply: this.#slots.replySubject(pending.slot),
        // The client calls nothing of its headers but encode().
        headers: pending.headers as unknown as MsgHdrs,
      });
    }
  }

  #answered(pending: Pending, reply: Msg): void {
    const ack: PubAck = pubAckFor(reply, pending.stream);
    if (ack.outcome === "unavailable") {
      pending.obstacle = ack.reason;
      pending.resendAt = performance.now() + RETRY_AFTER_MS;
      pending.onUnavailable();
      return;
    }
    if (ack.outcome === "in-process") {
      // The stream is there and at it: the next copy has its time, as after no answer at all.
      pending.obstacle = ack.reason;
      return;
    }
    if (ack.outcome === "wrong-stream") pending.onUnavailable();
    this.#settle(pending, ack);
  }

  #denied(subject: string): void {
    const reason = `the login to NATS may not publish to "${subject}"`;
    this.#slots.visit((pending) => {
      if (pending.subject !== subject) return;
      pending.onUnavailable();
      this.#settle(pending, { outcome: "refused", reason });
    });
  }

  #sweep(): void {
    const now = performance.now();
    this.#slots.visit((pending) => {
      if (now >= pending.deadlineAt) {
        const reason =
          pending.obstacle ??
          (this.#connection.current === undefined
            ? "there is no connection to NATS"
            : "JetStream did not acknowledge the event in time");
        this.#settle(pending, { outcome: "timeout", reason });
      } else if (now >= pending.resendAt) {
        pending.resendAt = Infinity;
        this.#send(pending);
      }
    });
  }

  #settle(pending: Pending, result: PublishResult): void {
    this.#slots.release(pending.slot);
    pending.slot = -1;
    pending.onResult(result);
    if (this.inFlight === 0) this.#onIdle?.();
  }
}
