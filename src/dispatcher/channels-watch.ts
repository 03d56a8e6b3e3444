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
import { FINALIZER, SCOPE_ANNOTATION } from "../api/names.ts";
import { parseChannel } from "../api/parse-channel.ts";
import type { ChannelSettings, JetStreamNaming, Refusal } from "../api/settings.ts";
import type { KubeClient } from "../kube/client.ts";
import { isConflict, isNotFound } from "../kube/kube-error.ts";
import type { LeaseElector } from "../kube/lease.ts";
import { addFinalizer, isBeingDeleted, removeFinalizer } from "../kube/metadata.ts";
import type { Reflector } from "../kube/reflector.ts";
import { nameFromKey } from "../kube/resource.ts";
import type { Logger } from "../runtime/logger.ts";
import { CHANNELS, type ChannelObject, SUBSCRIPTIONS } from "./channel-objects.ts";
import type { ChannelSource } from "./channel-source.ts";
import { dispatcherStatus } from "./channel-status.ts";
import type { ServedChannel } from "./served-channel.ts";
import { StatusWriter } from "./status-writer.ts";

export interface ChannelsWatchDeps {
  client: KubeClient;
  reflector: Reflector<ChannelObject>;
  elector: Pick<LeaseElector, "deadlineMs" | "holder">;
  naming: JetStreamNaming;
  /** Whether the channels of one namespace are ours, those with scope `namespace`; else all others. */
  isNamespaced: boolean;
  log: Logger;
  onChange: (key: string) => void;
}

interface Known {
  object: ChannelObject;
  /** What is served: of the newest version, or of the last that was good. */
  channel: ChannelSettings | undefined;
  refusals: Refusal[];
}

/** What is begun while we lead must end before another can lead: the longest request to NATS. */
const LEAD_AT_LEAST_MS = 5_000;
/** For how long an entry stays when nobody can say whether its Subscription is gone. */
const WITHOUT_SUBSCRIPTIONS_MS = 600_000;

/** Watches the channels of one scope; see the head of this file. */
export class ChannelsWatch implements ChannelSource {
  readonly #deps: ChannelsWatchDeps;
  readonly #writer: StatusWriter;
  readonly #known = new Map<string, Known>();
  /** When it was first asked for a Subscription while there is no API for them. */
  readonly #askedAt = new Map<string, number>();

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

  downForMs(): number {
    return this.#deps.reflector.downForMs();
  }

  isLeader(): boolean {
    return this.#deps.elector.deadlineMs() > LEAD_AT_LEAST_MS;
  }

  async isSubscriptionGone(channelKey: string, uid: string): Promise<boolean> {
    const { namespace } = nameFromKey(channelKey);
    try {
      const { items } = await this.#deps.client.list(SUBSCRIPTIONS, { namespace });
      this.#askedAt.delete(uid);
      return !items.some(({ metadata }) => metadata?.uid === uid);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // Nobody here makes Subscriptions; who writes the entries is not known, so they get time.
      const askedAt = this.#askedAt.get(uid) ?? performance.now();
      this.#askedAt.set(uid, askedAt);
      return performance.now() - askedAt >= WITHOUT_SUBSCRIPTIONS_MS;
    }
  }

  async hold(key: string): Promise<void> {
    const { client } = this.#deps;
    const object = this.#known.get(key)?.object;
    if (object === undefined || isHeld(object)) return;
    const deps = { client, resource: CHANNELS };
    await addFinalizer(object, FINALIZER, deps).catch(async (error: unknown) => {
      if (!isConflict(error)) throw error;
      // The controller and Knative write to a new channel at the same moment.
      const newest = await client.get(CHANNELS, nameFromKey(key));
      if (isBeingDeleted(newest)) throw new Error("the channel is being deleted", { cause: error });
      await addFinalizer(newest, FINALIZER, deps);
    });
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
    const { object, refusals } = known;
    const status = dispatcherStatus({
      status: served?.status,
      refusals,
      generation: object.metadata?.generation ?? 0,
      subscriberGenerations: generationsIn(object),
      conditions: object.status?.conditions ?? [],
      now: new Date(),
    });
    await this.#writer.write(object, status);
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
    const object = after ?? before;
    const { namespace = "", name = "" } = object?.metadata ?? {};
    const key = `${namespace}/${name}`;
    const old = this.#known.get(key);
    if (after === undefined || !this.#isOurs(after)) {
      if (this.#known.delete(key)) this.#deps.onChange(key);
      return;
    }
    // Of another uid nothing is known, however much it looks like the one before.
    const last = old?.object.metadata?.uid === after.metadata?.uid ? old : undefined;
    const parsed = parseChannel(after, { jetstream: this.#deps.naming });
    const { refusals } = parsed;
    const channel = parsed.ok ? parsed.channel : this.#lastGood(after, last);
    const known: Known = { object: after, channel, refusals };
    this.#known.set(key, known);
    if (JSON.stringify(refusals) !== JSON.stringify(last?.refusals ?? [])) this.#log(key, known);
    if (last === undefined || isNews(last, known)) this.#deps.onChange(key);
  }

  /** One that was never good can still have a stream, of an earlier life: that much is read of it. */
  #lastGood(object: ChannelObject, last: Known | undefined): ChannelSettings | undefined {
    if (last?.channel !== undefined || !isBeingDeleted(object)) return last?.channel;
    const bare = parseChannel({ ...object, spec: {} }, { jetstream: this.#deps.naming });
    return bare.ok ? bare.channel : undefined;
  }

  #isOurs({ metadata }: ChannelObject): boolean {
    return (metadata?.annotations?.[SCOPE_ANNOTATION] === "namespace") === this.#deps.isNamespaced;
  }

  #log(channel: string, { channel: served, refusals }: Known): void {
    const what =
      served === undefined ? "refused, and not served" : "refused, the last good state stays";
    for (const { path, reason } of refusals) this.#deps.log.error({ channel, path, reason }, what);
  }
}

function isHeld({ metadata }: ChannelObject): boolean {
  return metadata?.finalizers?.includes(FINALIZER) === true;
}

/** Most changes are of status and metadata, our own writes among them, and nobody has to act on them. */
function isNews(before: Known, after: Known): boolean {
  return fingerprint(before) !== fingerprint(after);
}

function fingerprint({ object, channel, refusals }: Known): string {
  const { status } = object;
  const followed = status?.conditions?.find(({ type }) => type === "StreamReady")?.status;
  const attachable = status?.subscribers?.map(({ uid, ready }) => [uid, ready]);
  const lifecycle = [isBeingDeleted(object), isHeld(object)];
  return JSON.stringify([channel, refusals, lifecycle, followed, attachable]);
}

function generationsIn({ spec }: ChannelObject): Map<string, number> {
  const entries = spec?.subscribers ?? [];
  return new Map(entries.map(({ uid, generation = 0 }) => [uid, generation]));
}
