import type { PermissionViolationError } from "@nats-io/transport-node";

/** For how long a denial that is not repeated counts as the present state, and is no news when it comes again. */
const REMEMBERED_MS = 5 * 60_000;

/** Subjects that are other ones for every message or connection; a permission is for all of them. */
const COMMON: [prefix: string, subject: string][] = [
  ["$JS.ACK.", "$JS.ACK.>"],
  ["_INBOX.", "_INBOX.>"],
];

/** Tells whether a violation is about the inboxes, without which no answer of the server arrives. */
export function isInboxDenial({ operation, subject }: PermissionViolationError): boolean {
  return operation === "subscription" && subject.startsWith("_INBOX.");
}

/** Says what the server denies: `publish to "$JS.ACK.>"`. */
export function deniedAction({ operation, subject }: PermissionViolationError): string {
  const [, shown = subject] = COMMON.find(([prefix]) => subject.startsWith(prefix)) ?? [];
  return `${operation === "subscription" ? "subscribe" : "publish"} to "${shown}"`;
}

/**
 * Remembers what the server denied lately, so that each denial is told once and not with every
 * message. All times are `performance.now()`.
 */
export class Denials {
  readonly #lastAt = new Map<string, number>();

  /** Takes note of a denied action; tells whether it is news. */
  note(action: string, now: number): boolean {
    this.#forget(now);
    const isNew = !this.#lastAt.has(action);
    this.#lastAt.set(action, now);
    return isNew;
  }

  /** Lists the actions that were denied lately. */
  list(now: number): string[] {
    this.#forget(now);
    return [...this.#lastAt.keys()];
  }

  #forget(now: number): void {
    for (const [action, lastAt] of this.#lastAt) {
      if (now - lastAt > REMEMBERED_MS) this.#lastAt.delete(action);
    }
  }
}
