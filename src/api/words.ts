/**
 * The words that fields of a channel take, as the API spells them, and what each means inside: NATS' own lower-case word. A user may write
 * them in any case.
 */

/** Maps words to their meanings. */
export type Words = Readonly<Record<string, string>>;

export const RETENTION = { Limits: "limits", Interest: "interest", Work: "workqueue" } as const;
export const STORAGE = { File: "file", Memory: "memory" } as const;
export const DISCARD = { Old: "old", New: "new" } as const;
export const COMPRESSION = { None: "none", S2: "s2" } as const;
export const DELETION_POLICY = { Delete: "Delete", Retain: "Retain" } as const;
export const DELIVER_POLICY = {
  All: "all",
  Last: "last",
  New: "new",
  ByStartSequence: "by_start_sequence",
  ByStartTime: "by_start_time",
} as const;
export const REPLAY_POLICY = { Instant: "instant", Original: "original" } as const;
export const CONSUMER_TYPE = { Pull: "pull", Push: "push" } as const;
export const BACKOFF_POLICY = { linear: "linear", exponential: "exponential" } as const;
export const FORMAT = { binary: "binary", json: "json" } as const;

/** Finds what a word means, in any case (`file`, `FILE` → `file`); undefined for an absent or unknown word. */
export function meaningOf<W extends Words>(
  words: W,
  text: string | undefined,
): W[keyof W] | undefined {
  const wanted = text?.toLowerCase();
  const word = Object.keys(words).find((name) => name.toLowerCase() === wanted);
  return word === undefined ? undefined : words[word as keyof W];
}
