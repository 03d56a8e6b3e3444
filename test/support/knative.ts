/**
 * What our programs meet of Knative on an API server that has no Knative: the types that they read, and the roles that
 * channels and whatever has an address add themselves to. The types are open: what is in their objects is the test's to say.
 */
import type { KubeObject } from "./kube-client.ts";

const RBAC = "rbac.authorization.k8s.io/v1";

/** Gives the roles of Knative Eventing that others add to, its controller's among them, and the types that we watch. */
export function knativeObjects(): KubeObject[] {
  const manipulator = {
    apiGroup: "rbac.authorization.k8s.io",
    kind: "ClusterRole",
    name: "channelable-manipulator",
  };
  return [
    aggregatedRole("addressable-resolver", "duck.knative.dev/addressable"),
    aggregatedRole("channelable-manipulator", "duck.knative.dev/channelable"),
    {
      apiVersion: RBAC,
      kind: "ClusterRoleBinding",
      metadata: { name: "eventing-controller-manipulator" },
      roleRef: manipulator,
      subjects: [
        { kind: "ServiceAccount", name: "eventing-controller", namespace: "knative-eventing" },
      ],
    } as KubeObject,
    openType("messaging.knative.dev", "v1", "Subscription"),
    openType("eventing.knative.dev", "v1alpha1", "EventPolicy"),
  ];
}

function aggregatedRole(name: string, label: string): KubeObject {
  return {
    apiVersion: RBAC,
    kind: "ClusterRole",
    metadata: { name },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [label]: "true" } }] },
    rules: [],
  };
}

/** Makes a CustomResourceDefinition of a type whose objects may hold anything. */
export function openType(group: string, version: string, kind: string): KubeObject {
  const singular = kind.toLowerCase();
  const plural = singular.endsWith("y") ? `${singular.slice(0, -1)}ies` : `${singular}s`;
  const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const openAPIV3Schema = { type: "object", properties: { spec: open, status: open } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind, plural, singular },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
}
