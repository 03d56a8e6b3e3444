import { expect, it } from "vitest";
import {
  parseDispatcherDefaults,
  settingsFor,
  withTemplate,
} from "../../../src/api/dispatcher-defaults.ts";

it.each([[undefined], [null], [{}], [{ clusterDefault: null }]])(
  "fills every default into %j",
  (file) => {
    expect(parseDispatcherDefaults(file)).toEqual({
      clusterDefault: { configName: "config-jetstream" },
      namespaceDefaults: {},
    });
  },
);

it("takes everything that may be set", () => {
  const settings = {
    configName: "nats.config-1",
    autoscaling: { minReplicas: 2, maxReplicas: 5, targetCPUUtilizationPercentage: 70 },
    resources: { requests: { cpu: "0.5", memory: "256Mi" }, limits: { memory: "1e9" } },
    nodeSelector: { "kubernetes.io/arch": "arm64" },
    tolerations: [{ key: "a", operator: "Exists", effect: "NoSchedule" }],
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [] } },
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "ScheduleAnyway" },
    ],
    priorityClassName: "high",
    labels: { "example.com/team": "orders" },
    annotations: { "prometheus.io/scrape": "true" },
    env: [
      { name: "LOG_LEVEL", value: "debug" },
      { name: "NODE_OPTIONS", valueFrom: { configMapKeyRef: { name: "a", key: "b" } } },
    ],
    volumes: [{ name: "ca", configMap: { name: "ca" } }],
    volumeMounts: [{ name: "ca", mountPath: "/etc/ca", readOnly: true }],
    podSecurityContext: { runAsUser: 1000 },
    securityContext: { runAsGroup: 1000 },
    readinessProbe: { periodSeconds: 5 },
    livenessProbe: { initialDelaySeconds: 0, timeoutSeconds: 9, failureThreshold: 3 },
    imagePullPolicy: "Always",
    imagePullSecrets: [{ name: "registry" }],
  };
  const file = { clusterDefault: settings, namespaceDefaults: { orders: { replicas: 3 } } };
  expect(parseDispatcherDefaults(file)).toEqual({
    clusterDefault: settings,
    namespaceDefaults: { orders: { configName: "config-jetstream", replicas: 3 } },
  });
});

it.each([
  [
    { clusterDefaults: {} },
    '(file): unknown key "clusterDefaults"; allowed: clusterDefault, namespaceDefaults',
  ],
  [
    { clusterDefault: { replica: 2 } },
    'clusterDefault: unknown key "replica"; allowed: configName, replicas, autoscaling, labels',
  ],
  [{ clusterDefault: { replicas: 0 } }, "clusterDefault.replicas: at least 1 expected, got 0"],
  [
    { clusterDefault: { replicas: 2, autoscaling: { maxReplicas: 3 } } },
    "clusterDefault.replicas: replicas or autoscaling expected, got both",
  ],
  [
    { clusterDefault: { autoscaling: { minReplicas: 4, maxReplicas: 3 } } },
    "clusterDefault.autoscaling.maxReplicas: at least minReplicas (4) expected, got 3",
  ],
  [
    { namespaceDefaults: { orders: { configName: "A_b" } } },
    "namespaceDefaults.orders.configName: a ConfigMap's name",
  ],
  [
    { clusterDefault: { resources: { request: {} } } },
    'clusterDefault.resources: unknown key "request"; allowed: limits, requests',
  ],
  [
    { clusterDefault: { resources: { requests: { cpu: "a lot" } } } },
    'clusterDefault.resources.requests.cpu: a quantity like "100m" or "256Mi" expected, got "a lot"',
  ],
  [
    { clusterDefault: { labels: { "messaging.knative.dev/role": "x" } } },
    'clusterDefault.labels["messaging.knative.dev/role"]: it selects dispatchers',
  ],
  [{ clusterDefault: { labels: { team: "a b" } } }, "clusterDefault.labels.team: a label's value"],
  [
    { clusterDefault: { annotations: { "a b": "" } } },
    'clusterDefault.annotations["a b"]: a key like',
  ],
  [
    { clusterDefault: { env: [{ name: "CLUSTER_ID", value: "x" }] } },
    "clusterDefault.env[0].name: CLUSTER_ID is set by the controller",
  ],
  [
    { clusterDefault: { env: [{ name: "A", value: "x", valueFrom: {} }] } },
    "clusterDefault.env[0]: value or valueFrom expected, got both",
  ],
  [
    { clusterDefault: { affinity: { podAntiaffinity: {} } } },
    'clusterDefault.affinity: unknown key "podAntiaffinity"; allowed: nodeAffinity, podAffinity, podAntiAffinity',
  ],
  [
    { clusterDefault: { tolerations: [{ effect: "Never" }] } },
    'clusterDefault.tolerations[0].effect: "NoSchedule", "PreferNoSchedule" or "NoExecute" expected, got "Never"',
  ],
  [[], "(file): an object expected, got a list"],
])("refuses %j", (file, sentence) => {
  expect(() => parseDispatcherDefaults(file)).toThrow(sentence);
});

it("lists all faults at once", () => {
  const file = { clusterDefault: { replicas: 0, priority: 1 } };
  const parse = () => parseDispatcherDefaults(file);
  expect(parse).toThrow(
    /replicas: at least 1[\s\S]*unknown key "priority"|unknown key "priority"[\s\S]*at least 1/,
  );
});

it("lets a namespace's entry count as a whole, and the cluster's for all others", () => {
  const defaults = parseDispatcherDefaults({
    clusterDefault: { configName: "shared", replicas: 2 },
    namespaceDefaults: { orders: { configName: "own" } },
  });
  expect(settingsFor(defaults, undefined)).toEqual({ configName: "shared", replicas: 2 });
  expect(settingsFor(defaults, "orders")).toEqual({ configName: "own" });
  expect(settingsFor(defaults, "bills")).toEqual({ configName: "shared", replicas: 2 });
  expect(settingsFor(defaults, "toString")).toEqual({ configName: "shared", replicas: 2 });
});

it("puts a channel's template on top, maps merged and the rest replaced", () => {
  const { clusterDefault } = parseDispatcherDefaults({
    clusterDefault: { labels: { a: "1", b: "1" }, resources: { limits: { cpu: 1 } } },
  });
  const template = { labels: { b: "2" }, resources: { requests: { cpu: "2" } }, unknown: true };
  expect(withTemplate(clusterDefault, template)).toEqual({
    settings: {
      configName: "config-jetstream",
      labels: { a: "1", b: "2" },
      annotations: {},
      nodeSelector: {},
      resources: { requests: { cpu: "2" } },
    },
    faults: [],
  });
});

it("does not count a template with faults, and says which", () => {
  const { clusterDefault } = parseDispatcherDefaults({});
  const template = { labels: { "messaging.knative.dev/role": "x" } };
  expect(withTemplate(clusterDefault, template)).toEqual({
    settings: clusterDefault,
    faults: [
      {
        path: 'spec.deploymentSpecTemplate.labels["messaging.knative.dev/role"]',
        reason: "it selects dispatchers or says whose they are, and is not for others to set",
      },
    ],
  });
});
