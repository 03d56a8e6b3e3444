/** What the Go implementation's programs make in a cluster: dispatchers, and channels as they leave them. */
import { API_VERSION, FINALIZER, KIND } from "../../src/api/names.ts";
import {
  binding,
  CONTROLLER,
  DISPATCHER,
  DISPATCHER_LABELS,
  GO_IMAGES,
  goService,
} from "./go-installation.ts";
import type { KubeClient } from "./kube-client.ts";
import { refOf } from "./manifests.ts";

const SYSTEM = "knative-eventing";
const GO_CONDITIONS = [
  "Addressable",
  "ChannelServiceReady",
  "DispatcherReady",
  "EndpointsReady",
  "Ready",
  "ServiceReady",
  "StreamReady",
];

/** Makes what its controller makes for a dispatcher: the cluster's, or that of a namespace. */
export async function makeGoDispatcher(client: KubeClient, namespace: string): Promise<void> {
  const role = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    name: CONTROLLER,
  };
  const { metadata } = await client.get<{ metadata: { uid: string } }>(role);
  const owner = { ...role, uid: metadata.uid, controller: true, blockOwnerDeletion: true };
  const container = {
    ...{ name: "dispatcher", image: GO_IMAGES.dispatcher },
    env: [
      { name: "SYSTEM_NAMESPACE", value: SYSTEM },
      { name: "CONFIG_LEADERELECTION_NAME", value: "config-leader-election" },
      { name: "CONTAINER_NAME", value: "dispatcher" },
    ],
    ports: [{ containerPort: 9090, name: "metrics" }],
    volumeMounts: [{ name: "config-nats", mountPath: "/etc/config-nats" }],
  };
  const deployment = {
    ...{ apiVersion: "apps/v1", kind: "Deployment" },
    metadata: {
      ...{ name: DISPATCHER, namespace, labels: DISPATCHER_LABELS },
      ownerReferences: [owner],
    },
    spec: {
      replicas: 1,
      selector: { matchLabels: DISPATCHER_LABELS },
      template: {
        metadata: {
          labels: DISPATCHER_LABELS,
          annotations: { "jetstream.eventing.knative.dev/configmap-hash": "" },
        },
        spec: {
          serviceAccountName: DISPATCHER,
          containers: [container],
          volumes: [{ name: "config-nats", configMap: { name: "config-nats" } }],
        },
      },
    },
  };
  const scoped = `${DISPATCHER}-eventing-scoped-${namespace}`;
  const accountsNamespace = namespace;
  const ofNamespace = [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: DISPATCHER, namespace } },
    binding(DISPATCHER, {
      ...{ role: DISPATCHER, account: DISPATCHER, accountsNamespace, in: namespace },
    }),
    binding(scoped, {
      ...{ role: `${DISPATCHER}-eventing`, roleKind: "Role", account: DISPATCHER },
      ...{ accountsNamespace, in: SYSTEM },
    }),
  ];
  const objects = namespace === SYSTEM ? [] : ofNamespace;
  for (const object of [
    ...objects,
    deployment,
    goService(DISPATCHER, namespace, DISPATCHER_LABELS),
  ]) {
    // What is there already it takes as it is.
    if ((await client.find(refOf(object))) !== undefined) continue;
    await client.create(object, undefined, { fieldManager: "controller" });
  }
}

/** Makes a ready channel with its Service, as its programs leave them; the status has an entry of a subscriber that is gone, too. */
export async function makeGoChannel(
  client: KubeClient,
  channel: {
    namespace: string;
    name: string;
    dispatcherNamespace: string;
    spec: { subscribers: { uid: string }[] } & Record<string, unknown>;
  },
): Promise<void> {
  const { namespace, name, dispatcherNamespace, spec } = channel;
  const scope = dispatcherNamespace === namespace ? "namespace" : "cluster";
  const annotations = {
    "eventing.knative.dev/scope": scope,
    "messaging.knative.dev/subscribable": "v1",
  };
  const { metadata } = await client.create<{ metadata: { uid: string } }>({
    ...{ apiVersion: API_VERSION, kind: KIND, spec },
    metadata: { namespace, name, annotations, finalizers: [FINALIZER] },
  });
  const owner = { apiVersion: API_VERSION, kind: KIND, name, uid: metadata.uid };
  const host = `${name}-kn-jsm-channel.${namespace}.svc.cluster.local`;
  const labels = { "messaging.knative.dev/role": "nats-jetstream-channel" };
  await client.create({
    ...{ apiVersion: "v1", kind: "Service" },
    metadata: {
      ...{ name: `${name}-kn-jsm-channel`, namespace, labels },
      ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }],
    },
    spec: {
      type: "ExternalName",
      externalName: `${DISPATCHER}.${dispatcherNamespace}.svc.cluster.local`,
    },
  });
  const uids = [...spec.subscribers.map(({ uid }) => uid), "gone-1"];
  const status = {
    observedGeneration: 1,
    conditions: GO_CONDITIONS.map((type) => ({
      ...{ type, status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" },
    })),
    address: { url: `http://${host}` },
    subscribers: uids.map((uid) => ({ uid, observedGeneration: 1, ready: "True" })),
  };
  const ref = { apiVersion: API_VERSION, kind: KIND, namespace, name, subresource: "status" };
  await client.patch(ref, { status }, { fieldManager: "controller" });
}
