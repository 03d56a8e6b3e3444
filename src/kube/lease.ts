/*
 * Elects one leader among the replicas of a program, by a Lease object and the rules of client-go:
 *
 *   - a replica that does not lead watches the Lease from afar: once it has seen no change for the
 *     lease's duration on its own clock, it takes it. Times in the object are for people; clocks of
 *     other machines are not compared.
 *   - the leader renews every `retryMs`. When it has not managed to for `renewDeadlineMs`, which is
 *     shorter than the duration, it stops leading before anybody else can begin.
 *   - every write names the resourceVersion it is based on, so that of two at once one fails
 *   - whoever stops in an orderly way gives the Lease back, and the next takes it at once
 *
 * A replica that lost the Lease tries to get it again; a program that wants to end instead does so
 * in `onLost`. Whoever is about to do harm asks `deadlineMs` first: a process that was frozen finds
 * there that its time is over, before any callback could have told it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import type { RequestOptions } from "./attempts.ts";
import type { KubeClient } from "./client.ts";
import { isAlreadyExists, isConflict, isNotFound } from "./kube-error.ts";
import type { OwnerReference } from "./metadata.ts";
import { microTime } from "./micro-time.ts";
import { type Lease, RESOURCES } from "./objects.ts";

export interface LeaseDeps {
  client: Pick<KubeClient, "get" | "create" | "replace">;
  namespace: string;
  name: string;
  /** Names this process and no other, not even an earlier one of the same Pod. */
  identity: string;
  labels?: Record<string, string>;
  /** Finds out with whom a Lease that is made here goes; nobody's unless given. */
  owner?: (options: RequestOptions) => Promise<OwnerReference | undefined>;
  log: Logger;
  onAcquired: () => void;
  /** Is called when the Lease is another's, or could not be renewed; not after `stop`. */
  onLost: () => void;
  durationMs?: number;
  renewDeadlineMs?: number;
  retryMs?: number;
}

const MIN_WAIT_MS = 20;

/** Takes part in an election; see the head of this file. */
export class LeaseElector {
  readonly #deps: Required<LeaseDeps>;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  /** The Lease as last seen, and when it was seen to change. */
  #seen: Lease | undefined;
  #seenAt = 0;
  /** When the newest renewal that succeeded was sent; undefined while this process does not lead. */
  #renewedAt: number | undefined;
  /** What was told last. */
  #isLeading = false;
  #isFailing = false;

  constructor(deps: LeaseDeps) {
    this.#deps = {
      labels: {},
      owner: async () => undefined,
      durationMs: 15_000,
      renewDeadlineMs: 10_000,
      retryMs: 2_000,
      ...deps,
    };
  }

  /** Begins to take part. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Tells whether this process leads. */
  isLeader(): boolean {
    return this.deadlineMs() > 0;
  }

  /** For how much longer, in milliseconds, nobody else can hold the Lease; 0 when this process does not lead. */
  deadlineMs(): number {
    if (this.#renewedAt === undefined) return 0;
    return Math.max(0, this.#renewedAt + this.#deps.durationMs - performance.now());
  }

  /** Names who holds the Lease as far as is known; undefined when nobody does. */
  holder(): string | undefined {
    return this.#seen?.spec?.holderIdentity || undefined;
  }

  /** Stops leading and taking part, and gives the Lease back if it is ours. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    const wasLeader = this.isLeader();
    this.#renewedAt = undefined;
    if (wasLeader) await this.#release();
  }

  async #run(): Promise<void> {
    const { retryMs } = this.#deps;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      // A process that was frozen has lost the Lease, even if it can have it back.
      this.#settle();
      await this.#tryOnce();
      this.#settle();
      // Followers do not come all at once; a leader looks again when its time is over.
      const waitMs = this.#isLeading
        ? Math.max(MIN_WAIT_MS, Math.min(retryMs, this.#renewalLeftMs()))
        : retryMs * (1 + Math.random() / 5);
      // It rejects only because of the stop, which the loop sees by itself.
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Draws the conclusions of what is known by now, and tells them. */
  #settle(): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#renewedAt !== undefined && this.#renewalLeftMs() <= 0) this.#renewedAt = undefined;
    const isLeading = this.#renewedAt !== undefined;
    if (isLeading === this.#isLeading) return;
    this.#isLeading = isLeading;
    const { log, name, identity, onAcquired, onLost } = this.#deps;
    const what = { lease: name, identity, holder: this.holder() };
    if (isLeading) {
      log.info(what, "leading");
      onAcquired();
    } else {
      log.warn(what, "not leading any more");
      onLost();
    }
  }

  async #tryOnce(): Promise<void> {
    const { log, name } = this.#deps;
    try {
      if (this.#renewedAt === undefined) await this.#look();
      await this.#takeOrRetry();
      this.#isFailing = false;
    } catch (error) {
      if (this.#stopping.signal.aborted || isConflict(error) || isAlreadyExists(error)) return;
      if (!this.#isFailing) {
        log.warn({ lease: name, error: errorMessage(error) }, "lease not reached, trying again");
      }
      this.#isFailing = true;
    }
  }

  async #takeOrRetry(): Promise<void> {
    try {
      await this.#take();
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
      // Somebody else wrote or deleted it, or an answer to us was lost.
      await this.#look();
      await this.#take();
    }
  }

  /** Writes the Lease, unless it is another's. */
  async #take(): Promise<void> {
    if (this.#isHeldByAnother()) {
      this.#renewedAt = undefined;
      return;
    }
    const { client, namespace, name, labels, owner } = this.#deps;
    // Only of what is made: who changes the owner of what is there must be allowed to delete it.
    const ownedBy = this.#seen === undefined ? await owner(this.#request()) : undefined;
    const sentAt = performance.now();
    const spec = this.#specOfOurs();
    if (this.#seen === undefined) {
      const ownerReferences = ownedBy === undefined ? [] : [ownedBy];
      const lease = { metadata: { namespace, name, labels, ownerReferences }, spec };
      this.#see(await client.create(RESOURCES.leases, lease, this.#request()));
    } else {
      this.#see(await client.replace(RESOURCES.leases, { ...this.#seen, spec }, this.#request()));
    }
    this.#renewedAt = sentAt;
  }

  async #look(): Promise<void> {
    const { client, namespace, name } = this.#deps;
    try {
      this.#see(await client.get(RESOURCES.leases, { namespace, name }, this.#request()));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#seen = undefined;
    }
  }

  #see(lease: Lease): void {
    if (!isDeepStrictEqual(lease.spec, this.#seen?.spec)) this.#seenAt = performance.now();
    this.#seen = lease;
  }

  #isHeldByAnother(): boolean {
    const { identity, durationMs } = this.#deps;
    const holder = this.holder();
    if (holder === undefined || holder === identity) return false;
    const seconds = this.#seen?.spec?.leaseDurationSeconds ?? durationMs / 1_000;
    return performance.now() - this.#seenAt < seconds * 1_000;
  }

  #specOfOurs(): NonNullable<Lease["spec"]> {
    const { identity, durationMs } = this.#deps;
    const before = this.#seen?.spec;
    const now = microTime(new Date());
    const isOurs = before?.holderIdentity === identity;
    const transitions = before?.leaseTransitions ?? 0;
    return {
      ...before,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(durationMs / 1_000),
      acquireTime: isOurs ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: isOurs || before === undefined ? transitions : transitions + 1,
    };
  }

  async #release(): Promise<void> {
    const { client, identity, log, name, renewDeadlineMs } = this.#deps;
    try {
      // A renewal that was under way may have changed it.
      await this.#look();
      if (this.#seen === undefined || this.holder() !== identity) return;
      const spec = { ...this.#seen.spec, holderIdentity: "", renewTime: microTime(new Date()) };
      const timeoutMs = renewDeadlineMs / 2;
      await client.replace(RESOURCES.leases, { ...this.#seen, spec }, { timeoutMs });
    } catch (error) {
      log.info({ lease: name, error: errorMessage(error) }, "lease not given back, it will expire");
    }
  }

  #request(): RequestOptions {
    const { signal } = this.#stopping;
    const longest = this.#deps.renewDeadlineMs / 2;
    if (signal.aborted) return { timeoutMs: longest };
    return { signal, timeoutMs: Math.max(MIN_WAIT_MS, Math.min(longest, this.#renewalLeftMs())) };
  }

  /** How long this process may go on trying to renew. */
  #renewalLeftMs(): number {
    const { renewDeadlineMs } = this.#deps;
    if (this.#renewedAt === undefined) return renewDeadlineMs;
    return this.#renewedAt + renewDeadlineMs - performance.now();
  }
}
