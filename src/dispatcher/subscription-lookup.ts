/*
 * Finds out whether Knative's Subscriptions are gone, by asking the API server at that moment: a copy
 * kept by a watch may be behind, and a consumer that is deleted wrongly is lost.
 *
 * Called by channels-watch.ts for subscribers that are not in a channel's spec any more. Everybody who
 * asks while a list is under way gets the one after it, so that many who vanish together cost few lists.
 */
import type { KubeClient } from "../kube/client.ts";
import { isNotFound } from "../kube/kube-error.ts";
import type { KubeObject } from "../kube/resource.ts";
import { SUBSCRIPTIONS } from "./channel-objects.ts";

export interface SubscriptionLookupDeps {
  client: Pick<KubeClient, "list">;
  /** Where Subscriptions can be; undefined: in all namespaces, since one may name a channel of another. */
  namespace: string | undefined;
  /** Whether a Subscription may be where we cannot look. */
  mayBeElsewhere: () => Promise<boolean>;
  /** For how long nobody counts as gone where nobody can know: there is no API for Subscriptions, or it may be elsewhere. */
  inDoubtMs?: number;
}

const IN_DOUBT_MS = 600_000;
/** Who is not asked about for so long has been there meanwhile: it is asked every quarter of a minute. */
const FORGOTTEN_MS = 60_000;

/** Asks about Subscriptions; see the head of this file. */
export class SubscriptionLookup {
  readonly #deps: SubscriptionLookupDeps;
  /** Since when it is asked about a Subscription that nobody can know of, and when last. */
  readonly #inDoubt = new Map<string, { since: number; askedAt: number }>();
  #running: Promise<Set<string> | undefined> | undefined;
  #next: Promise<Set<string> | undefined> | undefined;

  constructor(deps: SubscriptionLookupDeps) {
    this.#deps = deps;
  }

  /** Tells whether there is no Subscription with a uid. */
  async isGone(uid: string): Promise<boolean> {
    const uids = await this.#listed();
    if (uids?.has(uid) === true) return false;
    const isCertain = uids !== undefined && !(await this.#deps.mayBeElsewhere());
    return isCertain || this.#hasHadItsTime(uid);
  }

  #hasHadItsTime(uid: string): boolean {
    const now = performance.now();
    for (const [other, { askedAt }] of this.#inDoubt) {
      if (now - askedAt > FORGOTTEN_MS) this.#inDoubt.delete(other);
    }
    const { since } = this.#inDoubt.get(uid) ?? { since: now };
    this.#inDoubt.set(uid, { since, askedAt: now });
    return now - since >= (this.#deps.inDoubtMs ?? IN_DOUBT_MS);
  }

  /** Gives the uids of a list that begins from now on; undefined where there is no such API. */
  async #listed(): Promise<Set<string> | undefined> {
    if (this.#next !== undefined) return await this.#next;
    if (this.#running === undefined) return await this.#list();
    this.#next = this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#list();
      });
    return await this.#next;
  }

  async #list(): Promise<Set<string> | undefined> {
    this.#running = this.#uids().finally(() => {
      this.#running = undefined;
    });
    return await this.#running;
  }

  async #uids(): Promise<Set<string> | undefined> {
    const { client, namespace } = this.#deps;
    try {
      const transform = ({ metadata }: KubeObject) => ({ metadata: { uid: metadata?.uid ?? "" } });
      const { items } = await client.list(SUBSCRIPTIONS, { namespace, transform });
      return new Set(items.map(({ metadata }) => metadata?.uid ?? ""));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}
