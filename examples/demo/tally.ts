import { createLedger, type Ledger } from "../../test/support/ledger.ts";

/** Names who gets requests. */
export type Receiver = "healthy" | "flaky" | "refusing" | "deadLetters" | "audit";

/** Names those that accept, and so must have every acknowledged order at least once. */
export const EXPECTED = ["healthy", "flaky", "deadLetters", "audit"] as const;

/** Counts what happens while it happens; the ledger judges by ids whether something is missing. */
export interface Tally {
  readonly ledger: Ledger;
  readonly sent: number;
  readonly acknowledged: number;
  /** How often an order was sent again under the same id, because no 202 had come. */
  readonly sentAgain: number;
  readonly counts: Readonly<Record<Receiver, Readonly<Counts>>>;
  send(id: string): void;
  sendAgain(): void;
  acknowledge(id: string): void;
  received(receiver: Receiver, request: ReceivedRequest): void;
}

/** Holds one receiver's figures. */
export interface Counts {
  /** Distinct events that it accepted. */
  accepted: number;
  /** Requests for an event that had come before and was not yet accepted. */
  retried: number;
  /** Requests for an event that it had accepted already. */
  duplicates: number;
}

/** Says what a receiver got and what it made of it. */
export interface ReceivedRequest {
  id: string;
  attempt: number;
  accepted: boolean;
}

/** Makes a tally of zeros. */
export function createTally(): Tally {
  const ledger = createLedger(...EXPECTED);
  const zero = (): Counts => ({ accepted: 0, retried: 0, duplicates: 0 });
  const counts: Record<Receiver, Counts> = {
    healthy: zero(),
    flaky: zero(),
    refusing: zero(),
    deadLetters: zero(),
    audit: zero(),
  };
  const acceptedIds = new Map<Receiver, Set<string>>();
  const tally = {
    ledger,
    counts,
    sent: 0,
    acknowledged: 0,
    sentAgain: 0,
    send(id: string) {
      ledger.sent(id);
      tally.sent += 1;
    },
    sendAgain() {
      tally.sentAgain += 1;
    },
    acknowledge(id: string) {
      ledger.acknowledged(id);
      tally.acknowledged += 1;
    },
    received(receiver: Receiver, { id, attempt, accepted }: ReceivedRequest) {
      const ids = acceptedIds.get(receiver) ?? new Set();
      acceptedIds.set(receiver, ids);
      const its = counts[receiver];
      if (ids.has(id)) its.duplicates += 1;
      else if (attempt > 1) its.retried += 1;
      if (!accepted) return;
      ledger.received(receiver, id);
      ids.add(id);
      its.accepted = ids.size;
    },
  };
  return tally;
}

/** Lists where acknowledged orders are missing, and how many. */
export function missing({ ledger }: Tally): { receiver: Receiver; ids: string[] }[] {
  return EXPECTED.map((receiver) => ({ receiver, ids: ledger.missing(receiver) })).filter(
    ({ ids }) => ids.length > 0,
  );
}
