/*
 * Channels from the Kubernetes API: the source of channels in a cluster.
 *
 *   - a reflector keeps a copy of the objects; a change of what counts is told to `onChange`
 *   - of the replicas the holder of the Lease leads: it alone writes finalizers and status
 *   - an object that is refused keeps its last good state, as a file does
 *   - a deleted object is `leaving` until what it owns is gone, then its finalizer is taken
 *
 * Which channels are ours follows from their scope annotation. What is done for a channel is flow 1's.
 */
import { isDeepStrictEqual } from "node:util";
import { SUBSCRIBABLE_ANNOTATION } from "../api/cluster-names.ts";
import { FINALIZER, isNamespaceScoped } from "../api/names.ts";
import { parseChannel } from "../api/parse-channel.ts";
import type { ChannelSettings, JetStreamNaming, Refusal } from "../api/settings.ts";
import type { KubeClient } from "../kube/client.ts";
import type { EventRecorder } from "../kube/event-recorder.ts";
import { isConflict, isNotFound } from "../kube/kube-error.ts";
import type { LeaseElector } from "../kube/lease.ts";
import { addFinalizer, isBeingDeleted, removeFinalizer } from "../kube/metadata.ts";
import { type Reflector, withoutManagedFields } from "../kube/reflector.ts";
import { keyOf, nameFromKey, versionOf } from "../kube/resource.ts";
import type { Logger } from "../runtime/logger.ts";
import { CHANNELS, type ChannelObject } from "./channel-objects.ts";
import type { ChannelNote, ChannelSource } from "./channel-source.ts";
import { dispatcherStatus } from "./channel-status.ts";
import { closedBy, isHeld, isNews, isUndecided, type KnownChannel } from "./known-channel.ts";
import type { ServedChannel } from "./served-channel.ts";
import { StatusWriter } from "./status-writer.ts";
import type { SubscriptionLookup } from "./subscription-lookup.ts";

export interface ChannelsWatchDeps {
  client: KubeClient;
  reflector: Reflector<ChannelObject>;
  elector: Pick<LeaseElector, "deadlineMs" | "holder">;
  recorder: Pick<EventRecorder, "record">;
  subscriptions: SubscriptionLookup;
  naming: JetStreamNaming;
  /** Whether the channels of one namespace are ours, those with scope `namespace`; else all others. */
  isNamespaced: boolean;
  log: Logger;
  onChange: (key: string) => void;
  /** Is called when it has been decided whether a channel may take events. */
  onDecided: (key: string) => void;
}

/** What is begun while we lead must end before another can lead: the longest request to NATS. */
const LEAD_AT_LEAST_MS = 5_000;

/** Watches the channels of one scope; see the head of this file. */
export class ChannelsWatch implements ChannelSource {
  readonly #deps: ChannelsWatchDeps;
  readonly #writer: StatusWriter;
  readonly #known = new Map<string, KnownChannel>();

  constructor(deps: ChannelsWatchDeps) {
    this.#deps = deps;
    this.#writer = new StatusWriter(deps.client);
    deps.reflector.onChange((before, after) => this.#changed(before, after));
  }

  keys(): string[] {
    return [...this.#known.keys()];
  }

  get(key: string): ChannelSettings | undefined {
    const known = this.#known.get(key);
    return known === undefined || isBeingDeleted(known.object) ? undefined : known.channel;
  }

  leaving(key: string): ChannelSettings | undefined {
    const known = this.#known.get(key);
    if (known === undefined || !isBeingDeleted(known.object)) return undefined;
    return isHeld(known.object) ? known.channel : undefined;
  }

  refusals(key: string): Refusal[] {
    return this.#known.get(key)?.refusals ?? [];
  }

  closed(key: string): string | undefined {
    return this.#known.get(key)?.closed;
  }

  isUndecided(key: string): boolean {
    return this.#known.get(key)?.isUndecided === true;
  }

  downForMs(): number {
    return this.#deps.reflector.downForMs();
  }

  isLeader(): boolean {
    return this.#deps.elector.deadlineMs() > LEAD_AT_LEAST_MS;
  }

  async isSubscriptionGone(uid: string): Promise<boolean> {
    return await this.#deps.subscriptions.isGone(uid);
  }

  /**
   * Asks the API server and not the copy, which may be behind: what is deleted cannot be brought back. One
   * that is gone without having waited for us was let go by hand, to leave its stream behind.
   */
  async deletesStream({ key, stream }: ChannelSettings): Promise<boolean> {
    const known = this.#known.get(key)?.object;
    if (this.leaving(key) === undefined || stream.deletionPolicy === "Retain") return false;
    const newest = await this.#deps.client
      .get(CHANNELS, nameFromKey(key))
      .catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
    if (newest?.metadata?.uid !== known?.metadata?.uid) return false;
    if (newest === undefined || !isBeingDeleted(newest) || !isHeld(newest)) return false;
    // What its newest version says counts, also where the rest of that is refused.
    const said = newest.spec?.stream as { deletionPolicy?: unknown } | undefined;
    return `${said?.deletionPolicy ?? "Delete"}`.toLowerCase() === "delete";
  }

  async hold(key: string): Promise<boolean> {
    const { client } = this.#deps;
    const object = this.#known.get(key)?.object;
    if (object === undefined || isHeld(object)) return false;
    // The controller would set the annotation right after, with a request of its own.
    const { key: annotation, value } = SUBSCRIBABLE_ANNOTATION;
    const deps = { client, resource: CHANNELS, annotations: { [annotation]: value } };
    const held = await addFinalizer(object, FINALIZER, deps).catch(async (error: unknown) => {
      if (!isConflict(error)) throw error;
      // The controller and Knative write to a new channel at the same moment.
      const newest = await client.get(CHANNELS, nameFromKey(key));
      if (isBeingDeleted(newest)) throw new Error("the channel is being deleted", { cause: error });
      return await addFinalizer(newest, FINALIZER, deps);
    });
    this.#written(held);
    return true;
  }

  async release(key: string): Promise<void> {
    const { client } = this.#deps;
    const object = this.#known.get(key)?.object;
    if (object === undefined || !isBeingDeleted(object)) return;
    const deps = { client, resource: CHANNELS };
    await removeFinalizer(object, FINALIZER, deps).catch(async (error: unknown) => {
      if (!isConflict(error)) throw error;
      const newest = await client.get(CHANNELS, nameFromKey(key));
      const isSame = newest.metadata?.uid === object.metadata?.uid;
      if (isSame) await removeFinalizer(newest, FINALIZER, deps);
    });
  }

  async tell(key: string, served: ServedChannel | undefined): Promise<void> {
    const known = this.#known.get(key);
    if (known === undefined || !this.isLeader()) return;
    const { object, refusals, isRefused } = known;
    const { generation = 0 } = object.metadata ?? {};
    // Of one that has left there is nothing more to say; somebody else's finalizer may hold it still.
    if (served === undefined && isBeingDeleted(object)) return;
    const status = dispatcherStatus({
      status: served?.status,
      refusals,
      // A version that came while the one before was worked on is not yet done.
      generation: isRefused ? generation : (served?.channel.generation ?? generation),
      subscriberGenerations: generationsIn(object),
      conditions: object.status?.conditions ?? [],
      now: new Date(),
    });
    this.#written(await this.#writer.write(object, status));
  }

  note(key: string, note: ChannelNote): void {
    const regarding = this.#known.get(key)?.object;
    if (regarding !== undefined) this.#deps.recorder.record({ regarding, ...note });
  }

  report(): Record<string, unknown> {
    const { reflector, elector } = this.#deps;
    const error = reflector.failure()?.message;
    return {
      source: "kubernetes",
      leader: this.isLeader(),
      leaseHolder: elector.holder(),
      ...(error === undefined ? {} : { error }),
    };
  }

  #changed(before: ChannelObject | undefined, after: ChannelObject | undefined): void {
    const key = keyOf(after ?? before ?? {});
    if (after === undefined || !this.#isOurs(after)) {
      if (this.#known.delete(key)) this.#deps.onChange(key);
      return;
    }
    const old = this.#known.get(key);
    // Of another uid nothing is known, however much it looks like the one before.
    const last = old?.object.metadata?.uid === after.metadata?.uid ? old : undefined;
    // Our own writes are known before the watch brings them.
    if (last !== undefined && versionOf(after) < versionOf(last.written)) return;
    if (last !== undefined && versionOf(after) === versionOf(last.written)) {
      // One copy of it is enough.
      this.#known.set(key, { ...last, object: after, written: after });
      return;
    }
    const known = this.#take(after, last);
    if (last === undefined || isNews(last, known)) this.#deps.onChange(key);
  }

  /** Takes what the API server gave back for a write of ours: only what others changed meanwhile is news. */
  #written(object: ChannelObject): void {
    const key = keyOf(object);
    const last = this.#known.get(key);
    if (last === undefined || last.object === object) return;
    if (last.object.metadata?.uid !== object.metadata?.uid) return;
    if (versionOf(object) <= versionOf(last.object)) return;
    const written = withoutManagedFields(object);
    const known = this.#take(written, last);
    known.written = written;
    if (isNews(last, known, "own write")) this.#deps.onChange(key);
  }

  #take(object: ChannelObject, last: KnownChannel | undefined): KnownChannel {
    const key = keyOf(object);
    const parsed = parseChannel(object, { jetstream: this.#deps.naming });
    const { refusals } = parsed;
    const newest = parsed.ok ? parsed.channel : this.#lastGood(object, last);
    // What is the same stays the same object: who remembers something of it goes by that.
    const channel = isDeepStrictEqual(newest, last?.channel) ? last?.channel : newest;
    const isRefused = !parsed.ok;
    const verdict = { closed: closedBy(object), isUndecided: isUndecided(object) };
    const known = { object, channel, refusals, isRefused, ...verdict };
    this.#known.set(key, known);
    if (JSON.stringify(refusals) !== JSON.stringify(last?.refusals ?? [])) this.#log(key, known);
    if (last?.isUndecided === true && !known.isUndecided) this.#deps.onDecided(key);
    return known;
  }

  /** One that was never good can still have a stream, of an earlier life: that much is read of it. */
  #lastGood(object: ChannelObject, last: KnownChannel | undefined): ChannelSettings | undefined {
    if (last?.channel !== undefined || !isBeingDeleted(object)) return last?.channel;
    const { auth, stream } = object.spec ?? {};
    const { overrideName, deletionPolicy } = (stream ?? {}) as Record<string, unknown>;
    const stored = { auth, stream: { overrideName, deletionPolicy } };
    // Where not even that can be read, nothing is deleted.
    for (const spec of [stored, { stream: { deletionPolicy: "Retain" } }]) {
      const bare = parseChannel({ ...object, spec }, { jetstream: this.#deps.naming });
      if (bare.ok) return bare.channel;
    }
    return undefined;
  }

  #isOurs({ metadata }: ChannelObject): boolean {
    return isNamespaceScoped(metadata?.annotations) === this.#deps.isNamespaced;
  }

  #log(channel: string, { channel: served, refusals }: KnownChannel): void {
    const what =
      served === undefined ? "refused, and not served" : "refused, the last good state stays";
    for (const { path, reason } of refusals) this.#deps.log.error({ channel, path, reason }, what);
  }
}

function generationsIn({ spec }: ChannelObject): Map<string, number> {
  const entries = spec?.subscribers ?? [];
  return new Map(entries.map(({ uid, generation = 0 }) => [uid, generation]));
}
