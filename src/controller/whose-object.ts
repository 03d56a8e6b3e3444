import { isDeepStrictEqual } from "node:util";
import { INSTALLATION_ANNOTATION } from "../api/cluster-names.ts";
import { API_VERSION, CHANNEL_LABEL, KIND } from "../api/names.ts";
import type { Deployment, RoleBinding, Service, ServiceAccount } from "../kube/objects.ts";
import type { KubeObject } from "../kube/resource.ts";
import { DISPATCHER_SELECTOR } from "./resources/plan.ts";

/**
 * Tells ours from foreign among objects that have our fixed names. Ours are also those that the Go implementation left: its Deployments are
 * owned by its ClusterRole and its Services have its labels, which are ours; its accounts and bindings have no mark at all. A foreign object
 * is never touched.
 */

const GO_OWNER = "jetstream-ch-controller";

/** Tells whether a dispatcher's object is ours to change. */
export function isDispatchersObject(object: KubeObject): boolean {
  const { metadata } = object;
  if (metadata?.labels?.[CHANNEL_LABEL.key] === CHANNEL_LABEL.value) return true;
  return isGos(object);
}

function isGos({ metadata }: KubeObject): boolean {
  const owners = metadata?.ownerReferences ?? [];
  return owners.some(({ kind, name }) => kind === "ClusterRole" && name === GO_OWNER);
}

/** Marks an object of a namespace's own dispatcher as kept by the installation of a system namespace. */
export function ofInstallation<T extends KubeObject>(object: T, systemNamespace: string): T {
  const annotations = {
    ...object.metadata?.annotations,
    [INSTALLATION_ANNOTATION]: systemNamespace,
  };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** Tells whether an object of a namespace's own dispatcher is this installation's to delete: one in another system namespace may be there too. */
export function isOfInstallation(systemNamespace: string): (object: KubeObject) => boolean {
  return (object) =>
    object.metadata?.annotations?.[INSTALLATION_ANNOTATION] === systemNamespace || isGos(object);
}

/** Tells whether a Deployment is ours: with other labels selected, which cannot be changed, it can only be made anew, and that is not ours to do. */
export function isDispatchersDeployment(deployment: Deployment): boolean {
  const { matchLabels } = deployment.spec?.selector ?? {};
  return isDispatchersObject(deployment) && isDeepStrictEqual(matchLabels, DISPATCHER_SELECTOR);
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
