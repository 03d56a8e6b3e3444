import { DISPATCHER_NAME } from "../../api/cluster-names.ts";
import type { ServiceAccount } from "../../kube/objects.ts";
import { dispatcherMetadata } from "./plan.ts";

/** Makes the ServiceAccount of a namespace's dispatcher. */
export function dispatcherServiceAccount(namespace: string): ServiceAccount {
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: dispatcherMetadata({ namespace, owner: undefined }, DISPATCHER_NAME),
  };
}
