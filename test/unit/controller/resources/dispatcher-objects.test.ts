import { describe, expect, it } from "vitest";
import { parseDispatcherDefaults } from "../../../../src/api/dispatcher-defaults.ts";
import { dispatcherAutoscaler } from "../../../../src/controller/resources/autoscaler.ts";
import { channelService } from "../../../../src/controller/resources/channel-service.ts";
import {
  dispatcherDeployment,
  podNeedsOf,
} from "../../../../src/controller/resources/dispatcher-deployment.ts";
import { dispatcherService } from "../../../../src/controller/resources/dispatcher-service.ts";
import { dispatcherDisruptionBudget } from "../../../../src/controller/resources/disruption-budget.ts";
import { dispatcherKnativeConfig } from "../../../../src/controller/resources/knative-config.ts";
import type { DispatcherPlan, PodNeeds } from "../../../../src/controller/resources/plan.ts";
import { dispatcherRoleBinding } from "../../../../src/controller/resources/role-binding.ts";
import { dispatcherServiceAccount } from "../../../../src/controller/resources/service-account.ts";

const NEEDS: PodNeeds = { namingHash: "0123", gracePeriodSeconds: 60, secrets: [], configMaps: [] };

function planWith(
  clusterDefault: object = {},
  fields: Partial<DispatcherPlan> = {},
): DispatcherPlan {
  return {
    namespace: "knative-eventing",
    isNamespaced: false,
    systemNamespace: "knative-eventing",
    image: "dispatcher:1",
    clusterId: "7e1c",
    clusterDomain: "cluster.local",
    settings: parseDispatcherDefaults({ clusterDefault }).clusterDefault,
    natsSource: { name: "config-jetstream", key: "eventing-jetstream" },
    needs: NEEDS,
    owner: { apiVersion: "v1", kind: "ConfigMap", name: "config-ch-jetstream-defaults", uid: "o" },
    ...fields,
  };
}

const SELECTOR = {
  "messaging.knative.dev/channel": "nats-jetstream-channel",
  "messaging.knative.dev/role": "dispatcher",
};
const LABELS = {
  ...SELECTOR,
  "app.kubernetes.io/managed-by": "jetstream-channel-controller",
  "app.kubernetes.io/name": "jetstream-channel",
  "app.kubernetes.io/component": "dispatcher",
  "app.kubernetes.io/part-of": "knative-eventing",
};

const templateOf = (plan: DispatcherPlan) => dispatcherDeployment(plan, "a").spec?.template;
const containerOf = (plan: DispatcherPlan) => templateOf(plan)?.spec?.containers[0];

describe("the Deployment", () => {
  it("is rendered like this for the cluster with every default", () => {
    expect(dispatcherDeployment(planWith(), "a")).toMatchSnapshot();
  });

  it("is rendered like this for a namespace with everything set", () => {
    const settings = {
      replicas: 3,
      labels: { team: "orders" },
      annotations: { note: "ours" },
      nodeSelector: { disk: "fast" },
      tolerations: [{ operator: "Exists" }],
      affinity: { nodeAffinity: {} },
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" },
      ],
      priorityClassName: "high",
      resources: { limits: { memory: "1Gi" } },
      env: [{ name: "LOG_LEVEL", value: "debug" }],
      volumes: [{ name: "ca", configMap: { name: "ca" } }],
      volumeMounts: [{ name: "ca", mountPath: "/etc/ca" }],
      podSecurityContext: { fsGroup: 2000 },
      securityContext: { runAsUser: 1000 },
      readinessProbe: { periodSeconds: 5 },
      livenessProbe: { initialDelaySeconds: 20 },
      imagePullPolicy: "Always" as const,
      imagePullSecrets: [{ name: "registry" }],
    };
    const fields = {
      ...{ namespace: "orders", isNamespaced: true, owner: undefined },
      needs: { ...NEEDS, secrets: ["nats-login", "nats.tls"], configMaps: ["nats-ca"] },
    };
    expect(dispatcherDeployment(planWith(settings, fields), "a")).toMatchSnapshot();
  });

  it("never has another selector or other own labels than those, whatever labels are given", () => {
    const deployment = dispatcherDeployment(planWith({ labels: { team: "orders" } }), "a");
    expect(deployment.spec?.selector).toEqual({ matchLabels: SELECTOR });
    expect(deployment.metadata?.labels).toEqual({ ...LABELS, team: "orders" });
    expect(deployment.spec?.template.metadata?.labels).toEqual({ ...LABELS, team: "orders" });
  });

  it("says how many replicas there are only where the settings do", () => {
    expect(dispatcherDeployment(planWith(), "a").spec).not.toHaveProperty("replicas");
    expect(dispatcherDeployment(planWith({ replicas: 2 }), "a").spec?.replicas).toBe(2);
  });

  it("runs without any privilege", () => {
    expect(templateOf(planWith())?.spec?.securityContext).toEqual({
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(containerOf(planWith())?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
  });

  it("mounts Secrets and ConfigMaps where the dispatcher looks for them, each optional", () => {
    const plan = planWith({}, { needs: { ...NEEDS, secrets: ["a.b"], configMaps: ["a.b"] } });
    const mounts = containerOf(plan)?.volumeMounts?.slice(2);
    const root = "/etc/jetstream-channel/secrets/knative-eventing";
    expect(mounts?.map(({ mountPath }) => mountPath)).toEqual([
      `${root}/a.b`,
      `${root}/configmap_a.b`,
    ]);
    const volumes = templateOf(plan)?.spec?.volumes?.slice(2);
    expect(volumes?.map(({ secret, configMap }) => (secret ?? configMap)?.optional)).toEqual([
      true,
      true,
    ]);
    for (const { name } of volumes ?? [])
      expect(name).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
    expect(mounts?.map(({ name }) => name)).toEqual(volumes?.map(({ name }) => name));
  });

  it("mounts the Go implementation's configuration under the name of ours", () => {
    const natsSource = { name: "config-nats", key: "eventing-nats" };
    expect(templateOf(planWith({}, { natsSource }))?.spec?.volumes?.[0]?.configMap).toEqual({
      name: "config-nats",
      items: [{ key: "eventing-nats", path: "eventing-jetstream" }],
    });
  });

  it("lets a given variable win over its own, and keeps each name once", () => {
    const env = containerOf(planWith({ env: [{ name: "LOG_LEVEL", value: "debug" }] }))?.env ?? [];
    expect(env.filter(({ name }) => name === "LOG_LEVEL")).toEqual([
      { name: "LOG_LEVEL", value: "debug" },
    ]);
    expect(new Set(env.map(({ name }) => name)).size).toBe(env.length);
  });

  it("says its namespace only to a namespace's dispatcher", () => {
    const names = (plan: DispatcherPlan) => containerOf(plan)?.env?.map(({ name }) => name);
    expect(names(planWith())).not.toContain("NAMESPACE");
    expect(names(planWith({}, { isNamespaced: true }))).toContain("NAMESPACE");
  });

  it("changes its Pods with the names of subjects and streams, and with their account", () => {
    const needs = { ...NEEDS, namingHash: "4567" };
    expect(templateOf(planWith({}, { needs }))?.metadata?.annotations).toEqual({
      "nats.messaging.knative.dev/naming-hash": "4567",
      "nats.messaging.knative.dev/account-uid": "a",
    });
  });

  it("tells what its Pods have from their beginning", () => {
    const needs = {
      namingHash: "4567",
      gracePeriodSeconds: 31,
      secrets: ["a", "b"],
      configMaps: ["ca"],
    };
    const volumes = [
      { name: "own-secret", secret: { secretName: "c" } },
      { name: "own-config", configMap: { name: "c" } },
    ];
    const plan = planWith({ volumes }, { needs });
    const deployment = dispatcherDeployment(plan, "a");
    expect(podNeedsOf(deployment, plan.natsSource)).toEqual(needs);
    const elsewhere = { name: "config-nats", key: "eventing-nats" };
    expect(podNeedsOf(deployment, elsewhere)).toBeUndefined();
    expect(podNeedsOf({ spec: {} } as never, plan.natsSource)).toBeUndefined();
    expect(podNeedsOf(undefined, plan.natsSource)).toBeUndefined();
  });
});

const cluster = planWith();
const METADATA = {
  name: "jetstream-ch-dispatcher",
  namespace: "knative-eventing",
  labels: LABELS,
  ownerReferences: [cluster.owner],
};
const IN_ORDERS = { name: "jetstream-ch-dispatcher", namespace: "orders", labels: LABELS };

it("makes a Service for its Pods", () => {
  expect(dispatcherService(cluster)).toEqual({
    apiVersion: "v1",
    kind: "Service",
    metadata: METADATA,
    spec: {
      type: "ClusterIP",
      selector: SELECTOR,
      ports: [{ name: "http", port: 80, protocol: "TCP", targetPort: 8080 }],
    },
  });
});

it("makes a PodDisruptionBudget that lets a node with the only replica be drained", () => {
  expect(dispatcherDisruptionBudget(cluster)).toEqual({
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: METADATA,
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels: SELECTOR },
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    },
  });
});

it("makes an autoscaler where the settings have one", () => {
  expect(dispatcherAutoscaler(cluster)).toBeUndefined();
  const plan = planWith({ autoscaling: { maxReplicas: 4 } });
  expect(dispatcherAutoscaler(plan)).toMatchObject({
    metadata: METADATA,
    spec: {
      scaleTargetRef: { kind: "Deployment", name: "jetstream-ch-dispatcher" },
      minReplicas: 1,
      maxReplicas: 4,
      metrics: [{ resource: { name: "cpu", target: { averageUtilization: 80 } } }],
    },
  });
});

it("makes an account and bindings to fixed roles in a namespace", () => {
  expect(dispatcherServiceAccount("orders")).toEqual({
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: IN_ORDERS,
  });
  expect(dispatcherRoleBinding("orders", "jetstream-ch-dispatcher-leases")).toEqual({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { ...IN_ORDERS, name: "jetstream-ch-dispatcher-leases" },
    roleRef: {
      apiGroup: "rbac.authorization.k8s.io",
      kind: "ClusterRole",
      name: "jetstream-ch-dispatcher-leases",
    },
    subjects: [{ kind: "ServiceAccount", name: "jetstream-ch-dispatcher", namespace: "orders" }],
  });
});

it("hands on what there is of Knative's configuration, without the examples", () => {
  const found = (name: string) =>
    name === "config-features"
      ? { _example: "long", "authentication-oidc": "disabled" }
      : undefined;
  expect(dispatcherKnativeConfig(cluster, found).data).toEqual({
    "config-features": '{"authentication-oidc":"disabled"}',
  });
});

it("makes a channel's Service another name for its dispatcher, owned by the channel", () => {
  const channel = { namespace: "orders", name: "new", uid: "u" };
  const options = {
    channel,
    dispatcherNamespace: "knative-eventing",
    clusterDomain: "example.test",
  };
  const service = channelService(options);
  expect(service.metadata).toMatchObject({
    name: "new-kn-jsm-channel",
    namespace: "orders",
    labels: { "messaging.knative.dev/role": "nats-jetstream-channel" },
    ownerReferences: [{ kind: "NatsJetStreamChannel", name: "new", uid: "u", controller: true }],
  });
  expect(service.spec).toEqual({
    type: "ExternalName",
    externalName: "jetstream-ch-dispatcher.knative-eventing.svc.example.test",
    ports: [{ name: "http", port: 80, protocol: "TCP", targetPort: 80 }],
    sessionAffinity: "None",
  });
});
