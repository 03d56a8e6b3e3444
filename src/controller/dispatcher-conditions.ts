import type { ConditionUpdate } from "../api/conditions.ts";
import { isBeingDeleted } from "../kube/metadata.ts";
import type { Deployment, EndpointSlice, Service } from "../kube/objects.ts";

/** What keeps the controller from making a dispatcher as it should be, and what to do; it stands in this condition of its channels. */
export interface Problem {
  condition: "DispatcherReady" | "ServiceReady" | "ConfigurationApplied";
  reason: string;
  message: string;
}

/** Is what there is of a dispatcher. */
export interface DispatcherFacts {
  deployment: Deployment | undefined;
  service: Service | undefined;
  slices: readonly EndpointSlice[];
  problems: readonly Problem[];
}

/** Says of a dispatcher what its channels have to say: three conditions, and a warning where its configuration could not be applied. */
export function dispatcherConditions(facts: DispatcherFacts): ConditionUpdate[] {
  const problemOf = (type: Problem["condition"]): ConditionUpdate | undefined => {
    const problem = facts.problems.find(({ condition }) => condition === type);
    if (problem === undefined) return undefined;
    const { reason, message } = problem;
    return { type, status: "False", reason, message };
  };
  const warning = problemOf("ConfigurationApplied");
  return [
    problemOf("DispatcherReady") ?? deploymentCondition(facts.deployment),
    problemOf("ServiceReady") ?? serviceCondition(facts.service),
    endpointsCondition(facts.slices),
    ...(warning === undefined ? [] : [{ ...warning, severity: "Warning" as const }]),
  ];
}

/** Tells whether a dispatcher takes events now. */
export function hasReadyEndpoint(slices: readonly EndpointSlice[]): boolean {
  return slices.some(({ endpoints }) =>
    // A list without any is null in JSON.
    (endpoints ?? []).some(({ conditions }) => conditions?.ready === true),
  );
}

function deploymentCondition(deployment: Deployment | undefined): ConditionUpdate {
  const type = "DispatcherReady";
  if (deployment === undefined) {
    const message = "the dispatcher's Deployment is not there yet";
    return { type, status: "Unknown", reason: "DispatcherNotFound", message };
  }
  if (isBeingDeleted(deployment)) return leaving(type, "Deployment");
  const conditions = deployment.status?.conditions ?? [];
  const find = (name: string) => conditions.find((condition) => condition.type === name);
  if (find("Available")?.status === "True") return { type, status: "True" };
  const { namespace, name } = deployment.metadata ?? {};
  // What keeps Pods from being made says more than that there are none.
  const failure = find("ReplicaFailure");
  const stalled = find("Progressing")?.status === "False" ? find("Progressing") : undefined;
  const why = (failure ?? stalled ?? find("Available"))?.message;
  const message = `Deployment ${namespace}/${name} has no available Pod${why ? `: ${why}` : ""}. See: kubectl -n ${namespace} describe deployment,pod -l messaging.knative.dev/role=dispatcher`;
  return { type, status: "False", reason: "DispatcherNotReady", message };
}

function serviceCondition(service: Service | undefined): ConditionUpdate {
  const type = "ServiceReady";
  if (service !== undefined && isBeingDeleted(service)) return leaving(type, "Service");
  if (service !== undefined) return { type, status: "True" };
  const message = "the dispatcher's Service is not there yet";
  return { type, status: "Unknown", reason: "DispatcherServiceNotFound", message };
}

function leaving(type: ConditionUpdate["type"], kind: string): ConditionUpdate {
  const message = `the dispatcher's ${kind} is being deleted, and is made anew when it is gone`;
  return { type, status: "Unknown", reason: `Dispatcher${kind}Leaving`, message };
}

function endpointsCondition(slices: readonly EndpointSlice[]): ConditionUpdate {
  const type = "EndpointsReady";
  if (hasReadyEndpoint(slices)) return { type, status: "True" };
  const message =
    "no Pod of the dispatcher is ready to take events; its log and its /readyz say why";
  return { type, status: "False", reason: "DispatcherEndpointsNotReady", message };
}
