import { API_VERSION, CHANNEL_LABEL, KIND } from "../api/names.ts";
import type { RoleBinding, Service, ServiceAccount } from "../kube/objects.ts";
import type { KubeObject } from "../kube/resource.ts";

/**
 * Tells ours from foreign among objects that have our fixed names. Ours are also those that the Go implementation left: its Deployments are
 * owned by its ClusterRole and its Services have its labels, which are ours; its accounts and bindings have no mark at all. A foreign object
 * is never touched.
 */

const GO_OWNER = "jetstream-ch-controller";

/** Tells whether a dispatcher's object is ours to change. */
export function isDispatchersObject({ metadata }: KubeObject): boolean {
  if (metadata?.labels?.[CHANNEL_LABEL.key] === CHANNEL_LABEL.value) return true;
  const owners = metadata?.ownerReferences ?? [];
  return owners.some(({ kind, name }) => kind === "ClusterRole" && name === GO_OWNER);
}

/** Tells whether an account is ours: the Go implementation's is bare. */
export function isDispatchersAccount(account: ServiceAccount): boolean {
  const { labels = {}, annotations = {}, ownerReferences = [] } = account.metadata ?? {};
  const marks = [...Object.keys(labels), ...Object.keys(annotations), ...ownerReferences];
  return isDispatchersObject(account) || marks.length === 0;
}

/** Tells whether a binding is ours: the Go implementation's gives the same role to the same account. */
export function isDispatchersBinding(desired: RoleBinding): (found: RoleBinding) => boolean {
  return (found) => {
    if (found.roleRef.name !== desired.roleRef.name || found.roleRef.kind !== "ClusterRole")
      return false;
    if (isDispatchersObject(found)) return true;
    const names = (found.subjects ?? []).map(({ kind, name }) => `${kind}/${name}`);
    return names.length === 1 && names[0] === `ServiceAccount/${desired.subjects?.[0]?.name}`;
  };
}

/** Tells whether a Service is the one of a channel with this name, be it an earlier one. */
export function isChannelsService(channelName: string): (found: Service) => boolean {
  return ({ metadata }) =>
    (metadata?.ownerReferences ?? []).some(
      ({ apiVersion, kind, name }) =>
        kind === KIND &&
        name === channelName &&
        apiVersion.split("/")[0] === API_VERSION.split("/")[0],
    );
}

/** Names what marks a foreign object, for a condition. */
export function describeForeign({ kind, metadata }: KubeObject): string {
  const { namespace, name, labels = {}, ownerReferences = [] } = metadata ?? {};
  const owner = ownerReferences[0];
  const manager = labels["app.kubernetes.io/managed-by"];
  const whose = [
    owner === undefined ? undefined : `owned by ${owner.kind} ${owner.name}`,
    manager === undefined ? undefined : `managed by ${manager}`,
  ].filter((words) => words !== undefined);
  const words = whose.length === 0 ? "" : ` (${whose.join(", ")})`;
  return `${kind ?? "object"} ${namespace}/${name}${words}`;
}
