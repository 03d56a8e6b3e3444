/** The types of other projects that the chart has objects of, with the fields that it uses and no others. */
import type { KubeObject } from "../../support/kube-client.ts";

type Schema = Record<string, unknown>;

const text = { type: "string" };
const number = { type: "integer" };
const object = (properties: Record<string, Schema>): Schema => ({ type: "object", properties });
const list = (items: Schema): Schema => ({ type: "array", items });
const texts = { type: "object", additionalProperties: text };

const labelSelector = object({ matchLabels: texts });
const endpoints = list(object({ port: text, path: text, interval: text }));
const namespaces = object({ any: { type: "boolean" } });
const rule = object({
  alert: text,
  record: text,
  expr: { "x-kubernetes-int-or-string": true },
  for: text,
  keep_firing_for: text,
  labels: texts,
  annotations: texts,
});

/** Are ServiceMonitor, PodMonitor, PrometheusRule and ScaledObject. */
export const minimalTypes: readonly KubeObject[] = [
  type("monitoring.coreos.com/v1", "ServiceMonitor", { selector: labelSelector, endpoints }),
  type("monitoring.coreos.com/v1", "PodMonitor", {
    selector: labelSelector,
    namespaceSelector: namespaces,
    podMetricsEndpoints: endpoints,
  }),
  type("monitoring.coreos.com/v1", "PrometheusRule", {
    groups: list(object({ name: text, interval: text, rules: list(rule) })),
  }),
  type("keda.sh/v1alpha1", "ScaledObject", {
    scaleTargetRef: object({ name: text }),
    minReplicaCount: number,
    maxReplicaCount: number,
    pollingInterval: number,
    triggers: list(
      object({ type: text, metadata: texts, authenticationRef: object({ name: text }) }),
    ),
  }),
];

function type(apiVersion: string, kind: string, spec: Record<string, Schema>): KubeObject {
  const [group = "", name = ""] = apiVersion.split("/");
  const singular = kind.toLowerCase();
  const openAPIV3Schema = object({ spec: object(spec) });
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${singular}s.${group}` },
    spec: {
      ...{ group, scope: "Namespaced", names: { kind, plural: `${singular}s`, singular } },
      versions: [{ name, served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
}
