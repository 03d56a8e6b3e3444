import { DISPATCHER_NAME } from "../../api/cluster-names.ts";
import type { HorizontalPodAutoscaler } from "../../kube/objects.ts";
import { type DispatcherPlan, dispatcherMetadata } from "./plan.ts";

/** Makes the HorizontalPodAutoscaler of a dispatcher; undefined where its settings have no autoscaling. */
export function dispatcherAutoscaler(
  plan: Pick<DispatcherPlan, "namespace" | "owner" | "settings">,
): HorizontalPodAutoscaler | undefined {
  const { autoscaling } = plan.settings;
  if (autoscaling === undefined) return undefined;
  const { minReplicas, maxReplicas, targetCPUUtilizationPercentage } = autoscaling;
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: dispatcherMetadata(plan, DISPATCHER_NAME),
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: DISPATCHER_NAME },
      minReplicas,
      maxReplicas,
      metrics: [
        {
          type: "Resource",
          resource: {
            name: "cpu",
            target: { type: "Utilization", averageUtilization: targetCPUUtilizationPercentage },
          },
        },
      ],
    },
  };
}
