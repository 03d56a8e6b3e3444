import { DISPATCHER_NAME } from "../../api/cluster-names.ts";
import type { PodDisruptionBudget } from "../../kube/objects.ts";
import { DISPATCHER_SELECTOR, type DispatcherPlan, dispatcherMetadata } from "./plan.ts";

/** Makes the PodDisruptionBudget of a dispatcher: nodes may be drained, one replica at a time. */
export function dispatcherDisruptionBudget(
  plan: Pick<DispatcherPlan, "namespace" | "owner">,
): PodDisruptionBudget {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: dispatcherMetadata(plan, DISPATCHER_NAME),
    spec: {
      // A minimum of one would keep a node with the only replica from being drained for ever.
      maxUnavailable: 1,
      selector: { matchLabels: DISPATCHER_SELECTOR },
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    },
  };
}
