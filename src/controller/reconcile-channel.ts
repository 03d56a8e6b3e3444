/*
 * Brings one channel's control plane to its desired state.
 *
 *   1. what there is to say of its dispatcher             -> DispatcherReady, ServiceReady, EndpointsReady
 *   2. its ExternalName Service                           -> ChannelServiceReady, Addressable
 *   3. its dead-letter sink                               -> DeadLetterSinkResolved
 *   4. what it asks for and does not get                  -> warnings; what it must not do (refusals.ts) -> closed
 *   5. the annotation that Knative reads once, before the channel is Ready, where it does not have the dispatcher's
 *   6. its status, if it differs; the first one together with the dispatcher's word (first-status.ts)
 *   7. subscribers that Knative has left behind (prune-subscribers.ts)
 *
 * StreamReady is the dispatcher's, and so is the end of a deleted channel: only where no dispatcher will come back is the channel let go here.
 */
import { DISPATCHER_NAME, SUBSCRIBABLE_ANNOTATION } from "../api/cluster-names.ts";
import type { ConditionUpdate } from "../api/conditions.ts";
import { FINALIZER } from "../api/names.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Reconcile } from "../kube/control-loop.ts";
import type { EventRecorder } from "../kube/event-recorder.ts";
import { isInvalid, isNotFound } from "../kube/kube-error.ts";
import { annotate, isBeingDeleted, removeFinalizer } from "../kube/metadata.ts";
import { RESOURCES } from "../kube/objects.ts";
import { keyOf } from "../kube/resource.ts";
import { errorMessage } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import { ownStatus } from "./channel-status.ts";
import { channelWarnings } from "./channel-warnings.ts";
import type { DeadLetterSinks } from "./dead-letter-sinks.ts";
import { deletionWaitsNote, leftBehindNote, streamOf } from "./deletion-notes.ts";
import { ensureObject } from "./ensure-object.ts";
import { FirstStatus } from "./first-status.ts";
import { CHANNELS, type Channel, type ChannelStatus } from "./kinds.ts";
import { NewestVersions } from "./newest-versions.ts";
import type { SubscriberPruner } from "./prune-subscribers.ts";
import type { DispatcherState } from "./reconcile-dispatcher.ts";
import type { Refusal } from "./refusals.ts";
import { channelService } from "./resources/channel-service.ts";
import { scopeFor, scopeKeyOf } from "./scope.ts";
import { isChannelsService } from "./whose-object.ts";
import type { World } from "./world.ts";
import { writeStatus } from "./write-status.ts";

export interface ChannelReconcilerDeps {
  client: KubeClient;
  world: Pick<World, "channels" | "channelServices">;
  /** What is known of the dispatcher of a scope; undefined asks for it to be looked at. */
  dispatcherOf: (scopeKey: string) => DispatcherState | undefined;
  refusalOf: (channel: Channel) => Refusal | undefined;
  arePoliciesUnknown: () => boolean;
  sinks: DeadLetterSinks;
  pruner: SubscriberPruner;
  events: Pick<EventRecorder, "record">;
  log: Logger;
  systemNamespace: string;
  clusterDomain: string;
  /** How long a deleted channel waits for a dispatcher that is not there. */
  leaveBehindMs?: number | undefined;
  /** How long a dispatcher may be silent before a new channel's status is written without its part. */
  silentMs?: number | undefined;
}

type Outcome = { requeueAfterMs?: number };

const LEAVE_BEHIND_MS = 60_000;
const POLICIES_AGAIN_MS = 10_000;

/** Makes the reconciler of channels; see the head of this file. */
export function channelReconciler(deps: ChannelReconcilerDeps): Reconcile {
  const reconciler = new ChannelReconciler(deps);
  return (key, signal) => reconciler.reconcile(key, signal);
}

class ChannelReconciler {
  readonly #deps: ChannelReconcilerDeps;
  readonly #newest = new NewestVersions<Channel>();
  readonly #first: FirstStatus;

  constructor(deps: ChannelReconcilerDeps) {
    this.#deps = deps;
    this.#first = new FirstStatus(deps.silentMs);
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const { world, dispatcherOf, sinks, pruner, arePoliciesUnknown } = this.#deps;
    const channel = this.#newest.of(world.channels.store.get(key));
    const isLeaving = channel !== undefined && isBeingDeleted(channel);
    if (channel === undefined || isLeaving) pruner.forget(key);
    if (channel === undefined || (isLeaving && !hasFinalizer(channel))) {
      this.#newest.forget(key);
      this.#first.forget(key);
      sinks.forget(key);
      return {};
    }
    const dispatcher = dispatcherOf(scopeKeyOf(channel));
    // Comes back as soon as it is known.
    if (dispatcher === undefined) return {};
    const status = await this.#status(channel, dispatcher, signal);
    const firstAfterMs = this.#first.waitMs(channel, status, performance.now());
    if (firstAfterMs > 0) return { requeueAfterMs: firstAfterMs };
    const written = await this.#write(channel, status, signal);
    if (isLeaving) return await this.#letGo(written, dispatcher, signal);
    const pruneAfterMs = await pruner.prune(written, signal);
    // Nobody tells when it turns out that there are no policies.
    const judgeAfterMs = arePoliciesUnknown() ? POLICIES_AGAIN_MS : undefined;
    return soonest(pruneAfterMs, judgeAfterMs);
  }

  async #status(
    channel: Channel,
    dispatcher: DispatcherState,
    signal: AbortSignal,
  ): Promise<ChannelStatus> {
    const { sinks, refusalOf, clusterDomain } = this.#deps;
    const facts = {
      channel,
      dispatcher: dispatcher.conditions,
      service: await this.#service(channel, signal),
      sink: await sinks.resolve(channel, signal),
      refusal: refusalOf(channel),
      warnings: this.#warnings(channel, dispatcher.oldestChannel),
    };
    return ownStatus(facts, { now: new Date(), clusterDomain });
  }

  async #service(channel: Channel, signal: AbortSignal): Promise<ConditionUpdate> {
    const { client, world, systemNamespace, clusterDomain } = this.#deps;
    const type = "ChannelServiceReady";
    const { namespace = "", name = "", uid = "" } = channel.metadata ?? {};
    // It goes with the channel; in a namespace that goes none can be made.
    if (isBeingDeleted(channel)) return serviceAsBefore(channel);
    const scope = scopeFor(scopeKeyOf(channel), systemNamespace);
    const desired = channelService({
      channel: { namespace, name, uid },
      dispatcherNamespace: scope.namespace,
      clusterDomain,
    });
    const kept = { client, resource: RESOURCES.services, store: world.channelServices.store };
    try {
      const isOurs = isChannelsService(name);
      const ensured = await ensureObject(kept, desired, { signal, isOurs });
      if (ensured.outcome !== "foreign") return { type, status: "True" };
      const message = `${ensured.whose} has the name that the channel's address needs and is not ours, so it is left alone: delete it, or give the channel another name`;
      return { type, status: "False", reason: "ForeignService", message };
    } catch (error) {
      if (!isInvalid(error)) throw error;
      const message = `the channel's Service cannot be made: ${errorMessage(error)}`;
      return { type, status: "False", reason: "ChannelServiceFailed", message };
    }
  }

  #warnings(channel: Channel, oldest: string | undefined): ConditionUpdate[] {
    const { systemNamespace, events } = this.#deps;
    const scope = scopeFor(scopeKeyOf(channel), systemNamespace);
    const warnings = channelWarnings(channel, { scope, oldest });
    for (const { type, reason = "", message = "" } of warnings) {
      const before = channel.status?.conditions?.find((condition) => condition.type === type);
      if (before?.reason === reason && before.message === message) continue;
      events.record({
        regarding: channel,
        type: "Warning",
        reason,
        action: "Reconcile",
        note: message,
      });
    }
    return warnings;
  }

  async #write(channel: Channel, status: ChannelStatus, signal: AbortSignal): Promise<Channel> {
    const { client } = this.#deps;
    const ready = status.conditions?.find(({ type }) => type === "Ready");
    let now = channel;
    try {
      if (ready?.status === "True" && !isBeingDeleted(channel)) {
        const { key, value } = SUBSCRIBABLE_ANNOTATION;
        now = await annotate(now, { [key]: value }, { client, resource: CHANNELS, signal });
      }
      now = await writeStatus(client, now, { status, signal });
    } catch (error) {
      // Deleted meanwhile: the watch tells.
      if (!isNotFound(error)) throw error;
    }
    if (now !== channel) this.#newest.take(now);
    return now;
  }

  /** Lets a deleted channel go when there is no dispatcher that could do so, and none will come. */
  async #letGo(
    channel: Channel,
    dispatcher: DispatcherState,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { client, leaveBehindMs = LEAVE_BEHIND_MS, log } = this.#deps;
    if (dispatcher.downSince === undefined) return {};
    const leftMs = (since: number) => since + leaveBehindMs - performance.now();
    if (leftMs(dispatcher.downSince) > 0) return { requeueAfterMs: leftMs(dispatcher.downSince) };
    const namespace = await this.#namespace(channel, signal);
    const isTerminating = namespace?.metadata?.deletionTimestamp !== undefined;
    // A dispatcher that can be made will come back, some time.
    const blockedLeftMs = leftMs(dispatcher.blockedSince ?? performance.now());
    if (!isTerminating && blockedLeftMs > 0) {
      this.#deletionWaits(channel);
      return { requeueAfterMs: blockedLeftMs };
    }
    await removeFinalizer(channel, FINALIZER, { client, resource: CHANNELS, signal });
    log.warn({ channel: keyOf(channel), stream: streamOf(channel) }, "a stream is left behind");
    // Nothing can be made in a namespace that is going, so the Event is about the namespace and not in it.
    const regarding = isTerminating && namespace !== undefined ? namespace : channel;
    const { events } = this.#deps;
    events.record({
      regarding,
      type: "Warning",
      reason: "StreamLeftBehind",
      action: "LetGo",
      note: leftBehindNote(channel),
    });
    return {};
  }

  #deletionWaits(channel: Channel): void {
    const { events, systemNamespace } = this.#deps;
    const { namespace } = scopeFor(scopeKeyOf(channel), systemNamespace);
    const note = deletionWaitsNote(channel, `${namespace}/${DISPATCHER_NAME}`);
    const reason = "DeletionWaits";
    events.record({ regarding: channel, type: "Warning", reason, action: "LetGo", note });
  }

  async #namespace(channel: Channel, signal: AbortSignal) {
    const { client } = this.#deps;
    const name = channel.metadata?.namespace ?? "";
    const namespace = await client.get(RESOURCES.namespaces, { name }, { signal });
    return { apiVersion: "v1", kind: "Namespace", ...namespace };
  }
}

function soonest(...waits: (number | undefined)[]): Outcome {
  const known = waits.filter((wait) => wait !== undefined);
  return known.length === 0 ? {} : { requeueAfterMs: Math.min(...known) };
}

function hasFinalizer({ metadata }: Channel): boolean {
  return metadata?.finalizers?.includes(FINALIZER) === true;
}

function serviceAsBefore({ status }: Channel): ConditionUpdate {
  const type = "ChannelServiceReady";
  const before = status?.conditions?.find((condition) => condition.type === type);
  if (before === undefined) return { type, status: "Unknown" };
  const { reason, message } = before;
  return {
    type,
    status: before.status,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}
