/**
 * The Go implementation (eventing-natss, its release for JetStream channels) as its user has applied it. What its controller makes then is in
 * go-made-objects.ts, what it leaves in NATS in go-leftovers.ts.
 */
import { KIND } from "../../src/api/names.ts";
import { openType } from "./knative.ts";
import type { KubeObject } from "./kube-client.ts";

const SYSTEM = "knative-eventing";
const RBAC = "rbac.authorization.k8s.io";
const RELEASE = { "nats.eventing.knative.dev/release": "v1.22.0" };
const CHANNEL_LABEL = { "messaging.knative.dev/channel": "nats-jetstream-channel" };
const CONTROLLER_LABELS = { ...CHANNEL_LABEL, "messaging.knative.dev/role": "controller" };
export const DISPATCHER_LABELS = { ...CHANNEL_LABEL, "messaging.knative.dev/role": "dispatcher" };
export const DISPATCHER = "jetstream-ch-dispatcher";
export const CONTROLLER = "jetstream-ch-controller";
const WEBHOOK = "nats-webhook";

/** Names its images. */
export const GO_IMAGES = {
  controller: "go.example/controller:v1.22.0",
  dispatcher: "go.example/dispatcher:v1.22.0",
  webhook: "go.example/webhook:v1.22.0",
};

/** Gives what its user has applied, its webhooks (goWebhooks) left out. */
export function goManifests(): KubeObject[] {
  const accounts = [CONTROLLER, DISPATCHER, WEBHOOK].map((name) => ({
    ...{ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: SYSTEM } },
  }));
  return [
    ...accounts,
    ...goRoles(),
    ...goBindings(),
    goType(),
    goDeployment({ name: CONTROLLER, image: GO_IMAGES.controller, labels: CONTROLLER_LABELS }),
    goDeployment({ name: WEBHOOK, image: GO_IMAGES.webhook, labels: { app: WEBHOOK } }),
    secretOf(`${WEBHOOK}-certs`),
    goService(WEBHOOK, SYSTEM, { app: WEBHOOK }),
  ];
}

function goRoles(): KubeObject[] {
  const channels = ["natsjetstreamchannels", "natsjetstreamchannels/status"];
  const ofChannels = [{ apiGroups: ["messaging.knative.dev"], resources: channels, verbs: ["*"] }];
  const ofSecrets = [{ apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch"] }];
  const ofLeases = [{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["*"] }];
  const role = (kind: "ClusterRole" | "Role", name: string, rules: object[], labels = {}) => ({
    ...{ apiVersion: `${RBAC}/v1`, kind, rules },
    metadata: {
      name,
      labels: { ...RELEASE, ...labels },
      ...(kind === "Role" ? { namespace: SYSTEM } : {}),
    },
  });
  const addressable = { "duck.knative.dev/addressable": "true" };
  const channelable = { "duck.knative.dev/channelable": "true" };
  return [
    role("ClusterRole", "nats-jsm-addressable-resolver", ofChannels, addressable),
    role("ClusterRole", "nats-jsm-channelable-manipulator", ofChannels, channelable),
    role("ClusterRole", CONTROLLER, ofChannels),
    role("ClusterRole", DISPATCHER, [...ofChannels, ...ofSecrets]),
    role("ClusterRole", `${WEBHOOK}-admission`, []),
    role("Role", CONTROLLER, ofLeases),
    role("Role", `${DISPATCHER}-eventing`, ofLeases),
    role("Role", WEBHOOK, ofSecrets),
  ];
}

function goBindings(): KubeObject[] {
  const reader = "eventing-config-reader";
  return [
    binding(CONTROLLER, { role: CONTROLLER, account: CONTROLLER }),
    binding(`${CONTROLLER}-grant`, { role: DISPATCHER, account: CONTROLLER }),
    binding(DISPATCHER, { role: DISPATCHER, account: DISPATCHER }),
    binding(`${WEBHOOK}-admission`, { role: `${WEBHOOK}-admission`, account: WEBHOOK }),
    binding(CONTROLLER, { role: CONTROLLER, account: CONTROLLER, roleKind: "Role", in: SYSTEM }),
    binding(`${DISPATCHER}-eventing`, {
      ...{ role: `${DISPATCHER}-eventing`, account: DISPATCHER, roleKind: "Role", in: SYSTEM },
    }),
    binding(WEBHOOK, { role: WEBHOOK, account: WEBHOOK, roleKind: "Role", in: SYSTEM }),
    ...[CONTROLLER, DISPATCHER, WEBHOOK].map((account) =>
      binding(`${account}-configmap-reader`, { role: reader, account, in: SYSTEM }),
    ),
  ];
}

/** Binds one of its accounts to one of its roles. */
export function binding(
  name: string,
  options: {
    role: string;
    roleKind?: "Role";
    account: string;
    accountsNamespace?: string;
    in?: string;
  },
): KubeObject {
  const { role, roleKind = "ClusterRole", account, accountsNamespace = SYSTEM } = options;
  const { in: namespace } = options;
  return {
    apiVersion: `${RBAC}/v1`,
    kind: namespace === undefined ? "ClusterRoleBinding" : "RoleBinding",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    roleRef: { apiGroup: RBAC, kind: roleKind, name: role },
    subjects: [{ kind: "ServiceAccount", name: account, namespace: accountsNamespace }],
  };
}

function goType(): KubeObject {
  const type = openType("messaging.knative.dev", "v1alpha1", KIND);
  const spec = type.spec as { names: object; versions: object[] };
  const names = { ...spec.names, shortNames: ["natsjsmc"] };
  const versions = spec.versions.map((version) => ({ ...version, subresources: { status: {} } }));
  return { ...type, spec: { ...spec, names, versions } };
}

function goDeployment(of: {
  name: string;
  image: string;
  labels: Record<string, string>;
}): KubeObject {
  const { name, image, labels } = of;
  const container = {
    ...{ name: name === CONTROLLER ? "controller" : name, image },
    env: [
      { name: "METRICS_DOMAIN", value: "knative.dev/eventing" },
      { name: "DISPATCHER_IMAGE", value: GO_IMAGES.dispatcher },
      { name: "SYSTEM_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
    ],
    ports: [{ containerPort: 9090, name: "metrics" }],
    volumeMounts: [{ name: "config-logging", mountPath: "/etc/config-logging" }],
  };
  const logging = { name: "config-logging", configMap: { name: "config-logging" } };
  return {
    ...{ apiVersion: "apps/v1", kind: "Deployment" },
    metadata: { name, namespace: SYSTEM, labels: { ...RELEASE, ...labels } },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { serviceAccountName: name, containers: [container], volumes: [logging] },
      },
    },
  };
}

/** Gives a Service of it. */
export function goService(
  name: string,
  namespace: string,
  labels: Record<string, string>,
): KubeObject {
  const ports = [{ name: "http-dispatcher", protocol: "TCP", port: 80, targetPort: 8080 }];
  const spec = { selector: labels, ports };
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace, labels }, spec };
}

function secretOf(name: string): KubeObject {
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: SYSTEM } };
}

/** Gives its webhooks as its webhook server completes them. Nobody serves them here, as after the server was deleted. */
export function goWebhooks(): KubeObject[] {
  const webhook = (kind: string, name: string) => ({
    ...{ apiVersion: "admissionregistration.k8s.io/v1", kind, metadata: { name, labels: RELEASE } },
    webhooks: [
      {
        ...{ name, admissionReviewVersions: ["v1beta1", "v1"], sideEffects: "None" },
        ...{ failurePolicy: "Fail", timeoutSeconds: 2 },
        clientConfig: { service: { name: WEBHOOK, namespace: SYSTEM } },
        rules: [
          {
            ...{ apiGroups: ["messaging.knative.dev"], apiVersions: ["v1alpha1"] },
            operations: ["CREATE", "UPDATE"],
            resources: ["natsjetstreamchannels", "natsjetstreamchannels/status"],
          },
        ],
      },
    ],
  });
  return [
    webhook("ValidatingWebhookConfiguration", "validation.webhook.nats.messaging.knative.dev"),
    webhook("MutatingWebhookConfiguration", "defaulting.webhook.nats.messaging.knative.dev"),
  ];
}

/** Gives `config-nats` of a dispatcher's namespace. */
export function goConfig(namespace: string, url: string): KubeObject {
  const text = `url: ${url}\nconnOpts:\n  retryOnFailedConnect: true\n  maxReconnects: 5\n`;
  const metadata = { name: "config-nats", namespace };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data: { "eventing-nats": text } };
}
