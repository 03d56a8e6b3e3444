/** Says what became of the events, in numbers of distinct ids; the judge of a test asserts on it. */
export interface LedgerSummary {
  sent: number;
  acknowledged: number;
  receivers: Record<string, ReceiverSummary>;
}

/** Says what one receiver got: distinct ids, those that came more than once, acknowledged ones that never came, and
 * ids that nobody sent. */
export interface ReceiverSummary {
  received: number;
  duplicates: number;
  missing: number;
  unknown: number;
}

/**
 * Judges whether anything acknowledged is missing. An id is put down as `sent` before its request goes out, as
 * `acknowledged` when the answer was 202, and as `received` by name at each receiver. What was sent but not acknowledged
 * may arrive or not; what was acknowledged must arrive at every receiver, at least once.
 */
export interface Ledger {
  sent(id: string): void;
  acknowledged(id: string): void;
  received(receiver: string, id: string): void;
  /** Lists the acknowledged ids that a receiver has not got, in the order of their acknowledgement. */
  missing(receiver: string): string[];
  /** Gives how often each id came that a receiver got more than once. */
  duplicates(receiver: string): Map<string, number>;
  /** Lists the ids that a receiver got and nobody sent. */
  unknown(receiver: string): string[];
  summary(): LedgerSummary;
}

/** Makes an empty ledger. Receivers that are named here are in the summary even when they never get anything. */
export function createLedger(...receivers: string[]): Ledger {
  const sent = new Set<string>();
  const acknowledged = new Set<string>();
  const counts = new Map<string, Map<string, number>>();
  for (const receiver of receivers) {
    counts.set(receiver, new Map());
  }
  const countsOf = (receiver: string): ReadonlyMap<string, number> =>
    counts.get(receiver) ?? new Map();

  const ledger: Ledger = {
    sent: (id) => void sent.add(id),
    acknowledged(id) {
      if (!sent.has(id)) {
        throw new Error(`${id} is acknowledged and was never put down as sent`);
      }
      acknowledged.add(id);
    },
    received(receiver, id) {
      let ids = counts.get(receiver);
      if (ids === undefined) {
        ids = new Map();
        counts.set(receiver, ids);
      }
      ids.set(id, (ids.get(id) ?? 0) + 1);
    },
    missing(receiver) {
      const got = countsOf(receiver);
      return [...acknowledged].filter((id) => !got.has(id));
    },
    duplicates: (receiver) => new Map([...countsOf(receiver)].filter(([, count]) => count > 1)),
    unknown: (receiver) => [...countsOf(receiver).keys()].filter((id) => !sent.has(id)),
    summary() {
      const summaries: Record<string, ReceiverSummary> = {};
      for (const [receiver, ids] of counts) {
        summaries[receiver] = {
          received: ids.size,
          duplicates: ledger.duplicates(receiver).size,
          missing: ledger.missing(receiver).length,
          unknown: ledger.unknown(receiver).length,
        };
      }
      return { sent: sent.size, acknowledged: acknowledged.size, receivers: summaries };
    },
  };
  return ledger;
}
