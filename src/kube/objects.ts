import type {
  EventsV1Event,
  V1ConfigMap,
  V1CustomResourceDefinition,
  V1Deployment,
  V1EndpointSlice,
  V1Lease,
  V1MutatingWebhookConfiguration,
  V1Namespace,
  V1Pod,
  V1PodDisruptionBudget,
  V1RoleBinding,
  V1Secret,
  V1SelfSubjectReview,
  V1Service,
  V1ServiceAccount,
  V1ValidatingWebhookConfiguration,
  V2HorizontalPodAutoscaler,
} from "@kubernetes/client-node";
import type { Json, KubeObject, Resource } from "./resource.ts";

// What the API server sends of each type; client-node's own types say Date where JSON has a string.
export type Namespace = Json<V1Namespace>;
export type ConfigMap = Json<V1ConfigMap>;
export type Secret = Json<V1Secret>;
export type Service = Json<V1Service>;
export type ServiceAccount = Json<V1ServiceAccount>;
export type Pod = Json<V1Pod>;
export type Deployment = Json<V1Deployment>;
export type EndpointSlice = Json<V1EndpointSlice>;
export type PodDisruptionBudget = Json<V1PodDisruptionBudget>;
export type HorizontalPodAutoscaler = Json<V2HorizontalPodAutoscaler>;
export type RoleBinding = Json<V1RoleBinding>;
export type Lease = Json<V1Lease>;
export type Event = Json<EventsV1Event>;
export type SelfSubjectReview = Json<V1SelfSubjectReview>;
export type CustomResourceDefinition = Json<V1CustomResourceDefinition>;
export type ValidatingWebhookConfiguration = Json<V1ValidatingWebhookConfiguration>;
export type MutatingWebhookConfiguration = Json<V1MutatingWebhookConfiguration>;

const core = { group: "", version: "v1", namespaced: true } as const;
const admission = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  namespaced: false,
} as const;

function resource<T extends KubeObject>(described: Resource<T>): Resource<T> {
  return described;
}

/** Describes the built-in types that we read or write. */
export const RESOURCES = {
  namespaces: resource<Namespace>({
    ...core,
    namespaced: false,
    kind: "Namespace",
    plural: "namespaces",
  }),
  configMaps: resource<ConfigMap>({ ...core, kind: "ConfigMap", plural: "configmaps" }),
  secrets: resource<Secret>({ ...core, kind: "Secret", plural: "secrets" }),
  services: resource<Service>({ ...core, kind: "Service", plural: "services" }),
  serviceAccounts: resource<ServiceAccount>({
    ...core,
    kind: "ServiceAccount",
    plural: "serviceaccounts",
  }),
  pods: resource<Pod>({ ...core, kind: "Pod", plural: "pods" }),
  deployments: resource<Deployment>({
    group: "apps",
    version: "v1",
    namespaced: true,
    kind: "Deployment",
    plural: "deployments",
  }),
  endpointSlices: resource<EndpointSlice>({
    group: "discovery.k8s.io",
    version: "v1",
    namespaced: true,
    kind: "EndpointSlice",
    plural: "endpointslices",
  }),
  podDisruptionBudgets: resource<PodDisruptionBudget>({
    group: "policy",
    version: "v1",
    namespaced: true,
    kind: "PodDisruptionBudget",
    plural: "poddisruptionbudgets",
  }),
  horizontalPodAutoscalers: resource<HorizontalPodAutoscaler>({
    group: "autoscaling",
    version: "v2",
    namespaced: true,
    kind: "HorizontalPodAutoscaler",
    plural: "horizontalpodautoscalers",
  }),
  roleBindings: resource<RoleBinding>({
    group: "rbac.authorization.k8s.io",
    version: "v1",
    namespaced: true,
    kind: "RoleBinding",
    plural: "rolebindings",
  }),
  leases: resource<Lease>({
    group: "coordination.k8s.io",
    version: "v1",
    namespaced: true,
    kind: "Lease",
    plural: "leases",
  }),
  events: resource<Event>({
    group: "events.k8s.io",
    version: "v1",
    namespaced: true,
    kind: "Event",
    plural: "events",
  }),
  selfSubjectReviews: resource<SelfSubjectReview>({
    group: "authentication.k8s.io",
    version: "v1",
    namespaced: false,
    kind: "SelfSubjectReview",
    plural: "selfsubjectreviews",
  }),
  customResourceDefinitions: resource<CustomResourceDefinition>({
    group: "apiextensions.k8s.io",
    version: "v1",
    namespaced: false,
    kind: "CustomResourceDefinition",
    plural: "customresourcedefinitions",
  }),
  validatingWebhookConfigurations: resource<ValidatingWebhookConfiguration>({
    ...admission,
    kind: "ValidatingWebhookConfiguration",
    plural: "validatingwebhookconfigurations",
  }),
  mutatingWebhookConfigurations: resource<MutatingWebhookConfiguration>({
    ...admission,
    kind: "MutatingWebhookConfiguration",
    plural: "mutatingwebhookconfigurations",
  }),
};
