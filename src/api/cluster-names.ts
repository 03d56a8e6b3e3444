/** The names that controller, dispatcher and manifests share in a cluster; the ones that are on objects for ever are in names.ts. */

/** Names the controller's and the dispatcher's fields in objects that both write (server-side apply). */
export const FIELD_MANAGERS = {
  controller: "jetstream-channel-controller",
  dispatcher: "jetstream-channel-dispatcher",
} as const;

/** Names the Leases: the controller's in the system namespace, a dispatcher's in its own. */
export const LEASES = {
  controller: "jetstream-channel-controller",
  dispatcher: "jetstream-channel-dispatcher",
} as const;

/** Names the dispatcher's Deployment, Service, PodDisruptionBudget, autoscaler, account and ClusterRole. */
export const DISPATCHER_NAME = "jetstream-ch-dispatcher";

/** Names the controller's Deployment, account and ClusterRole, as the Go implementation does. */
export const CONTROLLER_NAME = "jetstream-ch-controller";

/** Names the ClusterRole of a dispatcher's Lease, which is bound in its own namespace alone. */
export const DISPATCHER_LEASES_ROLE = "jetstream-ch-dispatcher-leases";

/** Names the ConfigMap of one dispatcher with what it needs of Knative's own, each key as its ConfigMap is called. */
export const DISPATCHER_KNATIVE_CONFIG = "jetstream-ch-dispatcher-knative";

/** Names Knative's ConfigMaps that are handed on to dispatchers. */
export const KNATIVE_CONFIGS = [
  "config-features",
  "config-observability",
  "config-logging",
] as const;

/** Names the ConfigMap that says how dispatchers run, and its key. */
export const DEFAULTS_CONFIG = {
  name: "config-ch-jetstream-defaults",
  key: "jetstream-dispatcher-config",
} as const;

/** Names the ConfigMap that says how a dispatcher reaches NATS, unless the defaults name another, and its key. */
export const NATS_CONFIG = { name: "config-jetstream", key: "eventing-jetstream" } as const;

/** Names the ConfigMap of the Go implementation that says the same, and its key. */
export const GO_NATS_CONFIG = { name: "config-nats", key: "eventing-nats" } as const;

/** Says where a dispatcher's container has its files. */
export const DISPATCHER_PATHS = {
  natsConfig: "/etc/config-jetstream",
  secrets: "/etc/jetstream-channel/secrets",
  knative: "/etc/jetstream-channel/knative",
} as const;

/** Marks what the controller has made and keeps, with the value of FIELD_MANAGERS.controller. */
export const MANAGED_BY_LABEL = "app.kubernetes.io/managed-by";

/** Says on the objects of a namespace's own dispatcher which installation keeps them: its system namespace. */
export const INSTALLATION_ANNOTATION = "nats.messaging.knative.dev/system-namespace";

/** Says on a channel and on its CRD which version of Knative's Subscribable it has: `v1`. */
export const SUBSCRIBABLE_ANNOTATION = {
  key: "messaging.knative.dev/subscribable",
  value: "v1",
} as const;

/** Marks channels' Services, as the Go implementation does. */
export const CHANNEL_SERVICE_LABEL = {
  key: "messaging.knative.dev/role",
  value: "nats-jetstream-channel",
} as const;

/** Gives the folder of a Secret below the folder of Secrets: `orders/nats-login`. */
export function secretFolderFor(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** Gives the folder of a ConfigMap beside Secrets: `orders/configmap_nats-ca`. No Secret's name has an underscore. */
export function configMapFolderFor(namespace: string, name: string): string {
  return `${namespace}/configmap_${name}`;
}
