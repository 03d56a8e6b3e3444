/*
 * Puts the controller together: what is seen (world.ts), the two control loops, and which change concerns which key.
 *
 *   a channel                     itself; its dispatcher when it comes, goes or asks for another one
 *   a channel's Service           its channel
 *   an object of a dispatcher     that dispatcher
 *   something new of a dispatcher the channels that it serves
 *   a Subscription that goes      the channel that it was on
 *   Knative's configuration       all channels and dispatchers, an EventPolicy the channels of its namespace
 *
 * `follow` only looks; `lead` begins to work, and only the one that holds the Lease calls it.
 */
import type { KubeClient } from "../kube/client.ts";
import {
  type ControlLoop,
  controlLoop,
  type Outcome,
  type Reconcile,
} from "../kube/control-loop.ts";
import type { EventRecorder } from "../kube/event-recorder.ts";
import type { Reflector } from "../kube/reflector.ts";
import { type KubeObject, keyOf } from "../kube/resource.ts";
import type { Logger } from "../runtime/logger.ts";
import type { WorkQueueObserver } from "../runtime/work-queue-metrics.ts";
import { concernsDispatcher, ownersOf } from "./concerned.ts";
import { type DeadLetterSinks, deadLetterSinks } from "./dead-letter-sinks.ts";
import type { DefaultsFile } from "./defaults-file.ts";
import { type GoWebhooks, goWebhooks } from "./go-webhooks.ts";
import { keepingOf } from "./keep-dispatcher.ts";
import type { Channel } from "./kinds.ts";
import { ownDeployment } from "./own-deployment.ts";
import { followKnative, type OwnSettings } from "./own-settings.ts";
import { type SubscriberPruner, subscriberPruner } from "./prune-subscribers.ts";
import { channelReconciler } from "./reconcile-channel.ts";
import { type DispatcherState, dispatcherReconciler } from "./reconcile-dispatcher.ts";
import { type Refusal, refusalFor } from "./refusals.ts";
import type { DispatcherPlan } from "./resources/plan.ts";
import { CLUSTER_SCOPE, namespaceScope, scopeKeyOf } from "./scope.ts";
import { type Unreadable, unreadable } from "./unreadable.ts";
import { createWorld, type World } from "./world.ts";

export interface ControllerDeps {
  client: KubeClient;
  events: EventRecorder;
  defaults: DefaultsFile;
  environment: Pick<DispatcherPlan, "systemNamespace" | "image" | "clusterId" | "clusterDomain"> & {
    knativeNamespace: string;
  };
  log: Logger;
  /** Are the controller's own; they follow Knative's, also where another one leads. */
  settings: OwnSettings;
  onOutcome: (loop: "channel" | "dispatcher", outcome: Outcome, durationMs: number) => void;
  observerOf?: (loop: "channel" | "dispatcher") => WorkQueueObserver;
  /** Are for tests, which have no minute to wait. */
  waits?: Record<"collectMs" | "betweenChecksMs" | "leaveBehindMs" | "silentMs", number>;
}

/** How many channels are worked on at a time: the API server is asked over as many connections. */
const CHANNELS_AT_ONCE = 10;
const DISPATCHERS_AT_ONCE = 4;
const FEATURES = "config-features";
/** A watch that is down for less is what happens when an API server is restarted. */
const DOWN_MS = 30_000;

/** Runs the control plane; see the head of this file. */
export class Controller {
  readonly #deps: ControllerDeps;
  readonly #world: World;
  readonly #channels: ControlLoop;
  readonly #dispatchers: ControlLoop;
  readonly #sinks: DeadLetterSinks;
  readonly #pruner: SubscriberPruner;
  readonly #goWebhooks: GoWebhooks;
  readonly #unreadable: Unreadable;
  /** What is known of dispatchers, by the key of their scope. */
  readonly #states = new Map<string, DispatcherState>();
  /** Gives every channel as it was last seen. */
  readonly channels = () => this.#world.channels.store.values();
  #deployment: KubeObject = {};
  #isSynced = false;
  #areSubscriptionsKnown = false;
  #isLeading = false;

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    const { client, events, log, environment, waits } = deps;
    const { systemNamespace, knativeNamespace, clusterDomain } = environment;
    this.#world = createWorld({
      client,
      log,
      systemNamespace,
      knativeNamespace,
      onNatsConfig: ({ metadata }) => this.#dispatcherIn(metadata?.namespace),
      onSystemConfig: ({ metadata }) => this.#systemConfigChanged(metadata?.name),
    });
    this.#goWebhooks = goWebhooks({
      world: this.#world,
      events,
      regarding: () => this.#deployment,
      log,
    });
    this.#unreadable = unreadable({
      world: this.#world,
      events,
      regarding: () => this.#deployment,
    });
    this.#pruner = subscriberPruner({
      client,
      areKnown: () => this.#areSubscriptionsKnown,
      log,
      betweenChecksMs: waits?.betweenChecksMs,
    });
    this.#sinks = deadLetterSinks({
      client,
      clusterDomain,
      log,
      onChange: (key) => this.#channels.add(key),
    });
    this.#dispatchers = this.#loop("dispatcher", DISPATCHERS_AT_ONCE, this.#reconcileDispatcher());
    this.#channels = this.#loop("channel", CHANNELS_AT_ONCE, this.#reconcileChannel());
  }

  /** Begins to look. */
  async follow(): Promise<void> {
    this.#world.start();
    followKnative(this.#deps.settings, this.#world.systemConfigs);
    void this.#world.hasSynced().then(() => {
      this.#isSynced = true;
    });
    await this.#deps.defaults.start(() => this.#everyDispatcher());
  }

  /** Begins to work, as soon as all is known that has to be, and nothing of the Go implementation refuses it. */
  async lead(): Promise<void> {
    const { reflector: features } = this.#world.systemConfigs.get(FEATURES);
    const { policies } = this.#world;
    await Promise.all([this.#world.hasSynced(), features.hasSynced(), policies.hasTried()]);
    this.#deployment = await ownDeployment(this.#deps);
    await this.#goWebhooks.gone();
    this.#unreadable.tell();
    this.#isLeading = true;
    void this.#world.subscriptions.hasSynced().then(() => {
      this.#areSubscriptionsKnown = true;
      this.#channelsWhere(() => true);
    });
    this.#followChannels();
    this.#followDispatchers();
    this.#followKnative();
  }

  /** Says why not all is well; true when it is. */
  ready(): true | string {
    if (!this.#isSynced) return this.#world.failure() ?? "not all objects are known yet";
    const down = this.#world.failure(DOWN_MS);
    if (down !== undefined) return down;
    const webhooks = this.#goWebhooks.fault();
    if (webhooks !== undefined) return webhooks;
    const unreadable = this.#unreadable.fault();
    if (unreadable !== undefined) return unreadable;
    const { defaults, fault } = this.#deps.defaults;
    return defaults !== undefined || `the configuration is not right: ${fault}`;
  }

  async stop(): Promise<void> {
    this.#deps.defaults.stop();
    await Promise.all([this.#channels.stop(), this.#dispatchers.stop()]);
    await Promise.all([this.#sinks.stop(), this.#world.stop()]);
  }

  #loop(name: "channel" | "dispatcher", concurrency: number, reconcile: Reconcile): ControlLoop {
    const { log, onOutcome, observerOf } = this.#deps;
    return controlLoop({
      observer: observerOf?.(name),
      name,
      concurrency,
      reconcile,
      log,
      onOutcome: (outcome, durationMs) => onOutcome(name, outcome, durationMs),
    });
  }

  #reconcileDispatcher(): Reconcile {
    const { client, defaults, environment, waits } = this.#deps;
    return dispatcherReconciler({
      world: this.#world,
      keeping: keepingOf(client, this.#world),
      defaults,
      environment,
      collectMs: waits?.collectMs,
      onState: (scopeKey, state) => {
        if (state === undefined) this.#states.delete(scopeKey);
        else this.#states.set(scopeKey, state);
        this.#channelsWhere((channel) => scopeKeyOf(channel) === scopeKey);
      },
    });
  }

  #reconcileChannel(): Reconcile {
    const { client, events, log, environment, waits } = this.#deps;
    return channelReconciler({
      client,
      world: this.#world,
      dispatcherOf: (scopeKey) => {
        const state = this.#states.get(scopeKey);
        if (state === undefined) this.#dispatchers.add(scopeKey);
        return state;
      },
      refusalOf: (channel) => this.#refusalOf(channel),
      arePoliciesUnknown: () => this.#world.policies.knowledge() === "nothing",
      sinks: this.#sinks,
      pruner: this.#pruner,
      events,
      log,
      systemNamespace: environment.systemNamespace,
      clusterDomain: environment.clusterDomain,
      leaveBehindMs: waits?.leaveBehindMs,
      silentMs: waits?.silentMs,
    });
  }

  #refusalOf(channel: Channel): Refusal | undefined {
    const { systemConfigs, policies } = this.#world;
    const { store } = systemConfigs.get(FEATURES).reflector;
    const features = store.get(`${this.#deps.environment.knativeNamespace}/${FEATURES}`);
    const areKnown = policies.knowledge() !== "nothing";
    return refusalFor(channel, {
      features: features?.data,
      policies: areKnown ? policies.store.values() : undefined,
    });
  }

  #followChannels(): void {
    this.#world.channels.onChange((before, after) => {
      const isConcerned = concernsDispatcher(before, after);
      for (const channel of present(before, after)) {
        this.#channels.add(keyOf(channel));
        if (isConcerned) this.#dispatchers.add(scopeKeyOf(channel));
      }
    });
    this.#world.channelServices.onChange((before, after) => {
      for (const service of present(before, after)) {
        for (const key of ownersOf(service)) this.#channels.add(key);
      }
    });
  }

  #followDispatchers(): void {
    const world = this.#world;
    const reflectors = [
      world.deployments,
      world.services,
      world.endpointSlices,
      world.budgets,
      world.autoscalers,
      world.accounts,
      world.bindings,
      world.leaseBindings,
      world.knativeConfigs,
    ] as Pick<Reflector<KubeObject>, "onChange">[];
    for (const reflector of reflectors) {
      reflector.onChange((before, after) => {
        this.#dispatcherIn((after ?? before)?.metadata?.namespace);
      });
    }
  }

  #followKnative(): void {
    this.#world.subscriptions.onChange((before, after) => {
      this.#pruner.take(before, after);
      if (before === undefined || after !== undefined) return;
      const { namespace, name } = before.spec?.channel ?? {};
      this.#channels.add(`${namespace}/${name}`);
    });
    this.#world.policies.onChange((before, after) => {
      const { namespace } = (after ?? before)?.metadata ?? {};
      this.#channelsWhere((channel) => channel.metadata?.namespace === namespace);
    });
  }

  #systemConfigChanged(name: string | undefined): void {
    this.#everyDispatcher();
    if (name === FEATURES) this.#channelsWhere(() => true);
  }

  #dispatcherIn(namespace = ""): void {
    const isCluster = namespace === this.#deps.environment.systemNamespace;
    this.#dispatchers.add(isCluster ? CLUSTER_SCOPE : namespaceScope(namespace));
  }

  #everyDispatcher(): void {
    if (!this.#isLeading) return;
    const ofChannels = [...this.#world.channels.store.values()].map(scopeKeyOf);
    for (const key of new Set([...this.#states.keys(), ...ofChannels])) this.#dispatchers.add(key);
  }

  #channelsWhere(isConcerned: (channel: Channel) => boolean): void {
    if (!this.#isLeading) return;
    for (const channel of this.#world.channels.store.values()) {
      if (isConcerned(channel)) this.#channels.add(keyOf(channel));
    }
  }
}

function present<T>(before: T | undefined, after: T | undefined): T[] {
  return [before, after].filter((object) => object !== undefined);
}
