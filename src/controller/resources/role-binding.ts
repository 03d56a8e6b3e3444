import { DISPATCHER_LEASES_ROLE, DISPATCHER_NAME } from "../../api/cluster-names.ts";
import type { RoleBinding } from "../../kube/objects.ts";
import { dispatcherMetadata } from "./plan.ts";

/** Names the ClusterRoles that a namespace's dispatcher is bound to, each by a RoleBinding of the same name. */
export const DISPATCHER_ROLES = [DISPATCHER_NAME, DISPATCHER_LEASES_ROLE] as const;

/** Makes the RoleBinding that gives a namespace's dispatcher one of its fixed ClusterRoles, in that namespace alone. */
export function dispatcherRoleBinding(
  namespace: string,
  role: (typeof DISPATCHER_ROLES)[number],
): RoleBinding {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: dispatcherMetadata({ namespace, owner: undefined }, role),
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ kind: "ServiceAccount", name: DISPATCHER_NAME, namespace }],
  };
}
