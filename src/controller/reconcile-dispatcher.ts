/*
 * Brings one dispatcher to its desired state: the cluster's, or that of one namespace.
 *
 *   1. does anything need it? A namespace's goes with its last channel; the cluster's stays, and goes with the ConfigMap that owns it
 *   2. how does it run: the controller's configuration file, and on top, in a namespace, the oldest channel's deploymentSpecTemplate
 *   3. how does it reach NATS: its ConfigMap, which names Secrets to mount; in a namespace also those with which channels log in.
 *      Only what Pods have from their beginning (PodNeeds) makes new ones; running Pods take over the rest from the mounted file
 *   4. its objects (keep-dispatcher.ts)
 *   5. what its channels have to say of it; they are looked at again when that has changed
 *
 * Where 2 or 3 is not right, what runs goes on as it is. Called by its control loop with the key of a scope (scope.ts).
 */
import { isDeepStrictEqual } from "node:util";
import { DEFAULTS_CONFIG, DISPATCHER_NAME, KNATIVE_CONFIGS } from "../api/cluster-names.ts";
import type { ConditionUpdate } from "../api/conditions.ts";
import { type DispatcherSettings, settingsFor, withTemplate } from "../api/dispatcher-defaults.ts";
import type { Reconcile } from "../kube/control-loop.ts";
import { ownerReferenceTo } from "../kube/metadata.ts";
import { type ConfigMap, RESOURCES } from "../kube/objects.ts";
import { keyOf } from "../kube/resource.ts";
import type { DefaultsFile } from "./defaults-file.ts";
import { dispatcherConditions, hasReadyEndpoint, type Problem } from "./dispatcher-conditions.ts";
import { channelSecrets, natsPlan } from "./dispatcher-plan.ts";
import {
  type Keeping,
  type KeepOutcome,
  keepDispatcher,
  removeDispatcher,
} from "./keep-dispatcher.ts";
import type { Channel } from "./kinds.ts";
import { findNatsConfig } from "./nats-source.ts";
import { podNeedsOf } from "./resources/dispatcher-deployment.ts";
import type { DispatcherPlan, PodNeeds } from "./resources/plan.ts";
import { oldestOf, type Scope, scopeFor, scopeKeyOf } from "./scope.ts";
import { isDispatchersObject } from "./whose-object.ts";
import type { World } from "./world.ts";

/** Is what channels have to know of their dispatcher. */
export interface DispatcherState {
  conditions: readonly ConditionUpdate[];
  /** Since when no Pod takes events (performance.now); undefined while one does. */
  downSince: number | undefined;
  /** Since when its objects cannot be made; undefined while they can. */
  blockedSince: number | undefined;
  /** The key of the oldest of its channels, whose template counts; undefined for the cluster's, which goes by none. */
  oldestChannel: string | undefined;
}

export interface DispatcherReconcilerDeps {
  world: World;
  keeping: Keeping;
  defaults: Pick<DefaultsFile, "defaults" | "fault">;
  /** Is what every dispatcher's objects are made with. */
  environment: Pick<DispatcherPlan, "systemNamespace" | "image" | "clusterId" | "clusterDomain"> & {
    knativeNamespace: string;
  };
  /** Is told when there is something else to say of a dispatcher, or it is gone. */
  onState: (scopeKey: string, state: DispatcherState | undefined) => void;
  /** How long changes that replace all Pods are collected. */
  collectMs?: number | undefined;
}

/** Is what there is to say of a dispatcher, and for whom. */
interface Found {
  problems: readonly Problem[];
  channels: readonly Channel[];
}

const COLLECT_MS = 10_000;

/** Makes the reconciler of dispatchers; see the head of this file. */
export function dispatcherReconciler(deps: DispatcherReconcilerDeps): Reconcile {
  const reconciler = new DispatcherReconciler(deps);
  return (key, signal) => reconciler.reconcile(key, signal);
}

class DispatcherReconciler {
  readonly #deps: DispatcherReconcilerDeps;
  readonly #states = new Map<string, DispatcherState>();
  readonly #needsChangedAt = new Map<string, number>();

  constructor(deps: DispatcherReconcilerDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { world, environment, keeping } = this.#deps;
    const scope = scopeFor(key, environment.systemNamespace);
    const channels = [...world.channels.store.values()].filter((one) => scopeKeyOf(one) === key);
    if (scope.isNamespaced && scope.namespace === environment.systemNamespace) {
      const problems = [inSystemNamespace(scope)];
      this.#tell(scope, channels.length === 0 ? undefined : { problems, channels });
      return {};
    }
    const deployment = world.deployments.store.get(`${scope.namespace}/${DISPATCHER_NAME}`);
    const isThere = deployment !== undefined && isDispatchersObject(deployment);
    if (channels.length === 0 && (scope.isNamespaced || !isThere)) {
      const { namespace, isNamespaced } = scope;
      const { systemNamespace } = environment;
      if (isNamespaced) await removeDispatcher(keeping, { namespace, systemNamespace }, signal);
      this.#needsChangedAt.delete(key);
      this.#tell(scope, undefined);
      return {};
    }
    const { problems, failures, requeueAfterMs } = await this.#keep(scope, channels, signal);
    this.#tell(scope, { problems, channels });
    if (failures.length > 0) throw failures[0];
    return requeueAfterMs === undefined ? {} : { requeueAfterMs };
  }

  async #keep(
    scope: Scope,
    channels: readonly Channel[],
    signal: AbortSignal,
  ): Promise<KeepOutcome & { requeueAfterMs?: number | undefined }> {
    const { world, defaults, environment, keeping } = this.#deps;
    const { namespace, isNamespaced } = scope;
    const problems = defaultsProblems(defaults);
    if (defaults.defaults === undefined) return { problems, failures: [] };
    const settings = this.#settings(scope, channels);
    const deployment = world.deployments.store.get(`${namespace}/${DISPATCHER_NAME}`);
    const { source, configMap, warnings } = await findNatsConfig(settings.configName, {
      namespace,
      deployment,
      find: (name) => world.natsConfigs.find(name, `${namespace}/${name}`, signal),
    });
    problems.push(...warnings);
    const nats = natsPlan(configMap, { namespace, ...source });
    if (!nats.ok) {
      // A dispatcher that runs goes on with the configuration that it has.
      const { reason, message } = nats;
      const condition = deployment !== undefined ? "ConfigurationApplied" : "DispatcherReady";
      return { problems: [{ condition, reason, message } as const, ...problems], failures: [] };
    }
    const wanted = withLogins(nats.needs, scope, channels);
    const mounted = podNeedsOf(deployment, source);
    const { needs, requeueAfterMs } = this.#collect(scope, wanted, mounted);
    const owner = isNamespaced ? undefined : await this.#owner(signal);
    const plan: DispatcherPlan = {
      ...environment,
      namespace,
      isNamespaced,
      settings,
      natsSource: source,
      owner,
      needs,
    };
    const knative = await this.#knativeConfigs(signal);
    const kept = await keepDispatcher(keeping, plan, {
      knative: (name) => knative.get(name)?.data,
      signal,
    });
    return { ...kept, problems: [...kept.problems, ...problems], requeueAfterMs };
  }

  #settings(scope: Scope, channels: readonly Channel[]): DispatcherSettings {
    const { defaults } = this.#deps.defaults;
    if (defaults === undefined) throw new Error("there are no defaults");
    const settings = settingsFor(defaults, scope.isNamespaced ? scope.namespace : undefined);
    if (!scope.isNamespaced) return settings;
    return withTemplate(settings, oldestOf(channels)?.spec?.deploymentSpecTemplate).settings;
  }

  /** Decides what Pods are made with: what is wanted now, or for a while what they have already, since each change replaces all of them. */
  #collect({ key }: Scope, wanted: PodNeeds, mounted: PodNeeds | undefined) {
    const { collectMs = COLLECT_MS } = this.#deps;
    if (mounted === undefined || isDeepStrictEqual(wanted, mounted)) {
      this.#needsChangedAt.delete(key);
      return { needs: wanted };
    }
    const now = performance.now();
    const changedAt = this.#needsChangedAt.get(key) ?? now;
    const leftMs = changedAt + collectMs - now;
    if (leftMs <= 0) {
      this.#needsChangedAt.delete(key);
      return { needs: wanted };
    }
    this.#needsChangedAt.set(key, changedAt);
    return { needs: mounted, requeueAfterMs: leftMs };
  }

  async #owner(signal: AbortSignal) {
    const { world, environment } = this.#deps;
    const { name } = DEFAULTS_CONFIG;
    const key = `${environment.systemNamespace}/${name}`;
    const owner = await world.systemConfigs.find(name, key, signal);
    if (owner === undefined) return undefined;
    const { blockOwnerDeletion: _, ...reference } = ownerReferenceTo(RESOURCES.configMaps, owner);
    return reference;
  }

  async #knativeConfigs(signal: AbortSignal): Promise<Map<string, ConfigMap | undefined>> {
    const { world, environment } = this.#deps;
    const configMaps = new Map<string, ConfigMap | undefined>();
    for (const name of KNATIVE_CONFIGS) {
      const key = `${environment.knativeNamespace}/${name}`;
      configMaps.set(name, await world.systemConfigs.find(name, key, signal));
    }
    return configMaps;
  }

  /** Tells what there is to say, if it is not what was said last; nothing found means that the dispatcher is gone. */
  #tell(scope: Scope, found: Found | undefined): void {
    const before = this.#states.get(scope.key);
    const after = found && this.#state(scope, found, before);
    if (isDeepStrictEqual(before, after)) return;
    if (after === undefined) this.#states.delete(scope.key);
    else this.#states.set(scope.key, after);
    this.#deps.onState(scope.key, after);
  }

  #state(
    { namespace, isNamespaced }: Scope,
    { problems, channels }: Found,
    before: DispatcherState | undefined,
  ): DispatcherState {
    const { world } = this.#deps;
    const key = `${namespace}/${DISPATCHER_NAME}`;
    const slices = [...world.endpointSlices.store.values()].filter(
      ({ metadata }) => metadata?.namespace === namespace,
    );
    const now = performance.now();
    const isReady = hasReadyEndpoint(slices);
    const isBlocked = problems.some(({ condition }) => condition === "DispatcherReady");
    return {
      conditions: dispatcherConditions({
        deployment: world.deployments.store.get(key),
        service: world.services.store.get(key),
        slices,
        problems,
      }),
      downSince: isReady ? undefined : (before?.downSince ?? now),
      blockedSince: isBlocked ? (before?.blockedSince ?? now) : undefined,
      oldestChannel: isNamespaced ? oldestKey(channels) : undefined,
    };
  }
}

function oldestKey(channels: readonly Channel[]): string | undefined {
  const oldest = oldestOf(channels);
  return oldest === undefined ? undefined : keyOf(oldest);
}

/** Adds the Secrets with which channels of its namespace log in. */
function withLogins(needs: PodNeeds, { namespace }: Scope, channels: readonly Channel[]): PodNeeds {
  const mountable = channels.filter(({ metadata }) => metadata?.namespace === namespace);
  const secrets = new Set([...needs.secrets, ...channelSecrets(mountable)]);
  return { ...needs, secrets: [...secrets].sort() };
}

function defaultsProblems({
  defaults,
  fault,
}: Pick<DefaultsFile, "defaults" | "fault">): Problem[] {
  if (fault === undefined) return [];
  const { name, key } = DEFAULTS_CONFIG;
  const goesOn = defaults === undefined ? "" : "; the last one that was right stays in use";
  const message = `key "${key}" of ConfigMap ${name} is not right${goesOn}: ${fault}`;
  const condition = defaults === undefined ? "DispatcherReady" : "ConfigurationApplied";
  return [{ condition, reason: "DefaultsInvalid", message }];
}

function inSystemNamespace({ namespace }: Scope): Problem {
  return {
    condition: "DispatcherReady",
    reason: "NamespaceScopeNotPossible",
    message: `namespace ${namespace} has the cluster's dispatcher and cannot have one of its own: create the channel without the annotation eventing.knative.dev/scope, or in another namespace`,
  };
}
