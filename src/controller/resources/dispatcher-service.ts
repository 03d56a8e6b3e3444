import { DISPATCHER_NAME } from "../../api/cluster-names.ts";
import type { Service } from "../../kube/objects.ts";
import {
  DISPATCHER_HTTP_PORT,
  DISPATCHER_SELECTOR,
  type DispatcherPlan,
  dispatcherMetadata,
} from "./plan.ts";

/** Makes the Service of a dispatcher, to which the addresses of its channels lead. */
export function dispatcherService(plan: Pick<DispatcherPlan, "namespace" | "owner">): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: dispatcherMetadata(plan, DISPATCHER_NAME),
    spec: {
      type: "ClusterIP",
      selector: DISPATCHER_SELECTOR,
      // The number: Pods of the Go implementation, which serve on until ours are ready, have no name for it.
      ports: [{ name: "http", port: 80, protocol: "TCP", targetPort: DISPATCHER_HTTP_PORT }],
    },
  };
}
