import type { PermissionViolationError } from "@nats-io/transport-node";

/** For how long a denial that is not repeated counts as the present state, and is no news when it comes again. */
const REMEMBERED_MS = 5 * 60_000;

/** Subjects that are other ones for every message or connection; a permission is for all of them. */
const COMMON: [prefix: string, subject: string][] = [
  ["$JS.ACK.", "$JS.ACK.>"],
  ["_INBOX.", "_INBOX.>"],
];

/** A request of JetStream's API, of which every stream and consumer has a subject: `$JS.API.STREAM.INFO`. */
const API_REQUEST =
  /\$JS\.(?:[^.]+\.)?API\.(?:STREAM\.[A-Z]+|CONSUMER\.(?:MSG\.NEXT|DURABLE\.CREATE|[A-Z]+))(?=\.)/;

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
 * Remembers what the server denied lately, so that each denial is told once and not with every message,
 * and a request that is denied for a thousand streams is one denial, shown with the latest of them. All
 * times are `performance.now()`.
 */
export class Denials {
  readonly #latest = new Map<string, { action: string; at: number }>();

  /** Takes note of a denied action; tells whether it is news. */
  note(action: string, now: number): boolean {
    this.#forget(now);
    const key = API_REQUEST.exec(action)?.[0] ?? action;
    const isNew = !this.#latest.has(key);
    this.#latest.set(key, { action, at: now });
    return isNew;
  }

  /** Lists the actions that were denied lately. */
  list(now: number): string[] {
    this.#forget(now);
    return [...this.#latest.values()].map(({ action }) => action);
  }

  #forget(now: number): void {
    for (const [key, { at }] of this.#latest) {
      if (now - at > REMEMBERED_MS) this.#latest.delete(key);
    }
  }
}
