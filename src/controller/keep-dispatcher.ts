/*
 * Makes, keeps and removes the objects of one dispatcher. What is in the way becomes a problem, which its channels' conditions say; one object's
 * problem does not keep the others from being made.
 */
import { DISPATCHER_LEASES_ROLE, DISPATCHER_NAME, FIELD_MANAGERS } from "../api/cluster-names.ts";
import type { KubeClient } from "../kube/client.ts";
import { isInvalid } from "../kube/kube-error.ts";
import { type Deployment, RESOURCES } from "../kube/objects.ts";
import type { KubeObject } from "../kube/resource.ts";
import { errorMessage } from "../runtime/errors.ts";
import type { Problem } from "./dispatcher-conditions.ts";
import { deleteObject, type Ensured, ensureObject, type Kept } from "./ensure-object.ts";
import { dispatcherAutoscaler } from "./resources/autoscaler.ts";
import { accountUidOf, dispatcherDeployment } from "./resources/dispatcher-deployment.ts";
import { dispatcherService } from "./resources/dispatcher-service.ts";
import { dispatcherDisruptionBudget } from "./resources/disruption-budget.ts";
import { dispatcherKnativeConfig } from "./resources/knative-config.ts";
import type { DispatcherPlan } from "./resources/plan.ts";
import { dispatcherRoleBinding } from "./resources/role-binding.ts";
import { dispatcherServiceAccount } from "./resources/service-account.ts";
import { takePodTemplate } from "./take-pod-template.ts";
import {
  isDispatchersAccount,
  isDispatchersBinding,
  isDispatchersDeployment,
  isOfInstallation,
  ofInstallation,
} from "./whose-object.ts";
import type { World } from "./world.ts";

/** Is how each kind of a dispatcher's objects is reached. */
export type Keeping = ReturnType<typeof keepingOf>;

/** Gives the kinds of a dispatcher's objects. */
export function keepingOf(client: KubeClient, world: World) {
  return {
    deployment: {
      client,
      resource: RESOURCES.deployments,
      store: world.deployments.store,
      claim: (found: Deployment, signal: AbortSignal) => takePodTemplate(client, found, signal),
    },
    service: { client, resource: RESOURCES.services, store: world.services.store },
    budget: { client, resource: RESOURCES.podDisruptionBudgets, store: world.budgets.store },
    autoscaler: {
      client,
      resource: RESOURCES.horizontalPodAutoscalers,
      store: world.autoscalers.store,
    },
    account: { client, resource: RESOURCES.serviceAccounts, store: world.accounts.store },
    binding: { client, resource: RESOURCES.roleBindings, store: world.bindings.store },
    leaseBinding: { client, resource: RESOURCES.roleBindings, store: world.leaseBindings.store },
    knativeConfig: { client, resource: RESOURCES.configMaps, store: world.knativeConfigs.store },
  };
}

/** Is what came of keeping a dispatcher: what is in the way, and what to try again. */
export interface KeepOutcome {
  problems: Problem[];
  failures: unknown[];
}

/** Reads the data of one of Knative's ConfigMaps. */
export type KnativeConfig = (name: string) => Readonly<Record<string, string>> | undefined;

/** Brings a dispatcher's objects to what they should be, in the order in which they are needed. */
export async function keepDispatcher(
  keeping: Keeping,
  plan: DispatcherPlan,
  { knative, signal }: { knative: KnativeConfig; signal: AbortSignal },
): Promise<KeepOutcome> {
  const problems: Problem[] = [];
  const failures: unknown[] = [];
  const attempt = async (
    { kind }: { kind: string },
    name: string | undefined,
    work: () => Promise<readonly Problem[]>,
  ): Promise<void> => {
    try {
      problems.push(...(await work()));
    } catch (error) {
      const condition = conditionFor(kind);
      const message = `${kind} ${plan.namespace}/${name} cannot be made as it should be: ${errorMessage(error)}`;
      problems.push({ condition, reason: `Dispatcher${kind}Failed`, message });
      // Nothing changes by trying again; something has to, and that comes back here.
      if (!isInvalid(error)) failures.push(error);
    }
  };
  const ensure = async <T extends KubeObject>(
    kept: Kept<T>,
    made: T,
    isOurs?: (found: T) => boolean,
  ): Promise<T | undefined> => {
    const desired = plan.isNamespaced ? ofInstallation(made, plan.systemNamespace) : made;
    let object: T | undefined;
    await attempt(kept.resource, desired.metadata?.name, async () => {
      const options = { signal, ...(isOurs === undefined ? {} : { isOurs }) };
      const ensured = await ensureObject(kept, desired, options);
      if (ensured.outcome !== "foreign") object = ensured.object;
      return foreignProblem(conditionFor(kept.resource.kind), ensured);
    });
    return object;
  };
  const { namespace } = plan;
  const ownKey = `${namespace}/${DISPATCHER_NAME}`;
  let account = keeping.account.store.get(ownKey);
  if (plan.isNamespaced) {
    const desired = dispatcherServiceAccount(namespace);
    account = await ensure(keeping.account, desired, isDispatchersAccount);
    for (const [kept, role] of [
      [keeping.binding, DISPATCHER_NAME],
      [keeping.leaseBinding, DISPATCHER_LEASES_ROLE],
    ] as const) {
      const desired = dispatcherRoleBinding(namespace, role);
      await ensure(kept, desired, isDispatchersBinding(desired));
    }
  }
  await ensure(keeping.knativeConfig, dispatcherKnativeConfig(plan, knative));
  await ensure(keeping.service, dispatcherService(plan));
  const autoscaler = dispatcherAutoscaler(plan);
  if (autoscaler !== undefined) {
    await attempt(RESOURCES.deployments, DISPATCHER_NAME, () =>
      handReplicasOver(keeping, namespace, signal),
    );
  }
  // Pods must not run as an account that is not ours, or without the rights they need.
  if (!problems.some(({ condition }) => condition === "DispatcherReady")) {
    // While there is no account no Pod could be made anew, and those that run stay as they are.
    const accountUid = account?.metadata?.uid ?? accountUidOf(keeping.deployment.store.get(ownKey));
    const desired = dispatcherDeployment(plan, accountUid);
    await ensure(keeping.deployment, desired, isDispatchersDeployment);
  }
  await ensure(keeping.budget, dispatcherDisruptionBudget(plan));
  if (autoscaler !== undefined) await ensure(keeping.autoscaler, autoscaler);
  else {
    await attempt(RESOURCES.horizontalPodAutoscalers, DISPATCHER_NAME, async () => {
      await deleteObject(keeping.autoscaler, ownKey, { signal });
      return [];
    });
  }
  return { problems, failures };
}

function conditionFor(kind: string): "ServiceReady" | "DispatcherReady" {
  return kind === RESOURCES.services.kind ? "ServiceReady" : "DispatcherReady";
}

/** Deletes what this installation, or the Go implementation, made for a namespace's dispatcher. */
export async function removeDispatcher(
  keeping: Keeping,
  { namespace, systemNamespace }: Pick<DispatcherPlan, "namespace" | "systemNamespace">,
  signal: AbortSignal,
): Promise<void> {
  const isOurs = isOfInstallation(systemNamespace);
  const kinds = [
    keeping.autoscaler,
    keeping.deployment,
    keeping.service,
    keeping.budget,
    keeping.knativeConfig,
    keeping.leaseBinding,
    keeping.binding,
    keeping.account,
  ] as Kept<KubeObject>[];
  for (const kept of kinds) {
    for (const key of kept.store.keys()) {
      if (!key.startsWith(`${namespace}/`)) continue;
      await deleteObject(kept, key, { signal, isOurs });
    }
  }
}

/** Keeps the number of replicas when it is an autoscaler's from now on: what nobody owns any more would fall back to one. */
async function handReplicasOver(
  { deployment, autoscaler }: Keeping,
  namespace: string,
  signal: AbortSignal,
): Promise<Problem[]> {
  const key = `${namespace}/${DISPATCHER_NAME}`;
  const found = deployment.store.get(key);
  const replicas = found?.spec?.replicas;
  if (found === undefined || replicas === undefined) return [];
  if (!isDispatchersDeployment(found) || autoscaler.store.get(key) !== undefined) return [];
  const spec = { replicas } as NonNullable<Deployment["spec"]>;
  await deployment.client.apply(
    deployment.resource,
    { metadata: { namespace, name: DISPATCHER_NAME }, spec },
    { fieldManager: `${FIELD_MANAGERS.controller}-replicas`, signal },
  );
  return [];
}

function foreignProblem(condition: Problem["condition"], ensured: Ensured<KubeObject>): Problem[] {
  if (ensured.outcome !== "foreign") return [];
  const message = `${ensured.whose} has a name that the dispatcher needs and is not ours, so it is left alone: rename or delete it`;
  return [{ condition, reason: "ForeignObject", message }];
}
