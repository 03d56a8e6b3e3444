import { DISPATCHER_KNATIVE_CONFIG, KNATIVE_CONFIGS } from "../../api/cluster-names.ts";
import type { ConfigMap } from "../../kube/objects.ts";
import { type DispatcherPlan, dispatcherMetadata } from "./plan.ts";

/**
 * Makes the ConfigMap that hands Knative's configuration on to a dispatcher, which may not read it itself: under the name of each ConfigMap that
 * there is, its data as JSON. `found` gives those data.
 */
export function dispatcherKnativeConfig(
  plan: Pick<DispatcherPlan, "namespace" | "owner">,
  found: (name: string) => Readonly<Record<string, string>> | undefined,
): ConfigMap {
  const data: Record<string, string> = {};
  for (const name of KNATIVE_CONFIGS) {
    const given = found(name);
    if (given === undefined) continue;
    const { _example, ...settings } = given;
    data[name] = JSON.stringify(settings);
  }
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: dispatcherMetadata(plan, DISPATCHER_KNATIVE_CONFIG),
    data,
  };
}
