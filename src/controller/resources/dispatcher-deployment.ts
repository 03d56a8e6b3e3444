import { hash } from "node:crypto";
import {
  configMapFolderFor,
  DISPATCHER_KNATIVE_CONFIG,
  DISPATCHER_NAME,
  DISPATCHER_PATHS,
  NATS_CONFIG,
  secretFolderFor,
} from "../../api/cluster-names.ts";
import type { Deployment } from "../../kube/objects.ts";
import type { NatsSource } from "../dispatcher-plan.ts";
import {
  DISPATCHER_HTTP_PORT,
  DISPATCHER_SELECTOR,
  type DispatcherPlan,
  dispatcherMetadata,
  type PodNeeds,
} from "./plan.ts";

type PodTemplate = NonNullable<Deployment["spec"]>["template"];
type PodSpec = NonNullable<PodTemplate["spec"]>;
type Container = PodSpec["containers"][number];
type Volume = NonNullable<PodSpec["volumes"]>[number];
type VolumeMount = NonNullable<Container["volumeMounts"]>[number];
type Variable = NonNullable<Container["env"]>[number];

/** Changes when subjects and streams are called otherwise, which running Pods cannot take over. */
const NAMING_HASH_ANNOTATION = "nats.messaging.knative.dev/naming-hash";

/** Changes when the account was made again: the tokens of running Pods are for the one before, and kubelets renew them only when they grow old. */
const ACCOUNT_ANNOTATION = "nats.messaging.knative.dev/account-uid";

const CONFIG_VOLUME = "config";
const KNATIVE_VOLUME = "knative";

const ADMIN_PORT = 9090;
// Enough to be scheduled where there is room; no limits, since the memory that it may use is in its configuration.
const DEFAULT_RESOURCES = { requests: { cpu: "100m", memory: "192Mi" } };

/** Makes the Deployment of a dispatcher, for Pods that run as the account with this uid. */
export function dispatcherDeployment(
  plan: DispatcherPlan,
  accountUid: string | undefined,
): Deployment {
  const { replicas, annotations, labels } = plan.settings;
  const metadata = dispatcherMetadata(plan, DISPATCHER_NAME);
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      ...metadata,
      labels: { ...labels, ...metadata.labels },
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      revisionHistoryLimit: 3,
      selector: { matchLabels: DISPATCHER_SELECTOR },
      // The new one takes events before an old one stops.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: podTemplate(plan, {
        labels: metadata.labels,
        annotations: {
          [NAMING_HASH_ANNOTATION]: plan.needs.namingHash,
          ...(accountUid === undefined ? {} : { [ACCOUNT_ANNOTATION]: accountUid }),
        },
      }),
    },
  };
}

/** Tells for which account a Deployment's Pods were made. */
export function accountUidOf(deployment: Deployment | undefined): string | undefined {
  return deployment?.spec?.template.metadata?.annotations?.[ACCOUNT_ANNOTATION];
}

/** Reads from a Deployment that was made here what its Pods have; undefined where it was not, or mounts another configuration. */
export function podNeedsOf(
  deployment: Deployment | undefined,
  natsSource: NatsSource,
): PodNeeds | undefined {
  const { metadata, spec } = deployment?.spec?.template ?? {};
  const namingHash = metadata?.annotations?.[NAMING_HASH_ANNOTATION];
  const volumes = spec?.volumes ?? [];
  const config = volumes.find(({ name }) => name === CONFIG_VOLUME);
  if (namingHash === undefined || config?.configMap?.name !== natsSource.name) return undefined;
  return {
    namingHash,
    gracePeriodSeconds: spec?.terminationGracePeriodSeconds ?? 0,
    secrets: mountedIn(volumes, "secret"),
    configMaps: mountedIn(volumes, "configmap"),
  };
}

/** Names the objects of a kind that are mounted for the configuration; volumes that settings add have other names. */
function mountedIn(volumes: readonly Volume[], kind: "secret" | "configmap"): string[] {
  const objects = volumes.flatMap(({ name, secret, configMap }) => {
    const object = (kind === "secret" ? secret?.secretName : configMap?.name) ?? "";
    return name === volumeName(kind, object) ? [object] : [];
  });
  return objects.sort();
}

function podTemplate(
  plan: DispatcherPlan,
  own: { labels: Record<string, string>; annotations: Record<string, string> },
): PodTemplate {
  const { settings, needs } = plan;
  const { nodeSelector, tolerations, affinity, topologySpreadConstraints } = settings;
  const { priorityClassName, imagePullSecrets, annotations, labels } = settings;
  // What is in these maps is Kubernetes' own and was not looked at here.
  const scheduling = withoutUnset({
    nodeSelector,
    affinity,
    tolerations,
    topologySpreadConstraints,
    priorityClassName,
    imagePullSecrets,
  });
  const { volumes, mounts } = volumesOf(plan);
  const given = settings as { volumes?: Volume[]; volumeMounts?: VolumeMount[] };
  return {
    metadata: {
      labels: { ...labels, ...own.labels },
      annotations: { ...annotations, ...own.annotations },
    },
    spec: {
      serviceAccountName: DISPATCHER_NAME,
      terminationGracePeriodSeconds: needs.gracePeriodSeconds,
      // Hundreds of variables in a namespace with many Services.
      enableServiceLinks: false,
      securityContext: {
        runAsNonRoot: true,
        seccompProfile: { type: "RuntimeDefault" },
        ...settings.podSecurityContext,
      },
      containers: [containerOf(plan, [...mounts, ...(given.volumeMounts ?? [])])],
      volumes: [...volumes, ...(given.volumes ?? [])],
      ...(scheduling as Partial<PodSpec>),
    },
  };
}

function containerOf(plan: DispatcherPlan, volumeMounts: VolumeMount[]): Container {
  const { imagePullPolicy, readinessProbe, livenessProbe, securityContext, resources } =
    plan.settings;
  const probe = (path: string) => ({ httpGet: { path, port: "admin" }, timeoutSeconds: 5 });
  return {
    name: "dispatcher",
    image: plan.image,
    ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }),
    env: variablesOf(plan),
    ports: [
      { name: "http", containerPort: DISPATCHER_HTTP_PORT, protocol: "TCP" },
      { name: "admin", containerPort: ADMIN_PORT, protocol: "TCP" },
    ],
    readinessProbe: {
      ...probe("/readyz"),
      ...{ periodSeconds: 2, failureThreshold: 2 },
      ...withoutUnset(readinessProbe ?? {}),
    },
    livenessProbe: {
      ...probe("/healthz"),
      ...{ periodSeconds: 10, failureThreshold: 6 },
      ...withoutUnset(livenessProbe ?? {}),
    },
    resources: (resources ?? DEFAULT_RESOURCES) as NonNullable<Container["resources"]>,
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
      ...securityContext,
    },
    volumeMounts,
  };
}

function variablesOf(plan: DispatcherPlan): Variable[] {
  const given = (plan.settings.env ?? []) as Variable[];
  const fromField = (name: string, fieldPath: string) => ({
    name,
    valueFrom: { fieldRef: { fieldPath } },
  });
  const own: Variable[] = [
    { name: "NATS_CONFIG_PATH", value: `${DISPATCHER_PATHS.natsConfig}/${NATS_CONFIG.key}` },
    { name: "SECRETS_PATH", value: DISPATCHER_PATHS.secrets },
    { name: "KNATIVE_CONFIG_PATH", value: DISPATCHER_PATHS.knative },
    { name: "CLUSTER_ID", value: plan.clusterId },
    { name: "CLUSTER_DOMAIN", value: plan.clusterDomain },
    { name: "SYSTEM_NAMESPACE", value: plan.systemNamespace },
    fromField("POD_NAME", "metadata.name"),
    fromField("POD_NAMESPACE", "metadata.namespace"),
    ...(plan.isNamespaced ? [fromField("NAMESPACE", "metadata.namespace")] : []),
    { name: "HTTP_PORT", value: String(DISPATCHER_HTTP_PORT) },
    { name: "ADMIN_PORT", value: String(ADMIN_PORT) },
  ];
  const isGiven = ({ name }: { name: string }) => given.some((variable) => variable.name === name);
  return [...own.filter((variable) => !isGiven(variable)), ...given];
}

function volumesOf(plan: DispatcherPlan): { volumes: Volume[]; mounts: VolumeMount[] } {
  const { namespace, natsSource } = plan;
  const { secrets, configMaps } = plan.needs;
  const below = (folder: string) => `${DISPATCHER_PATHS.secrets}/${folder}`;
  const all: { volume: Volume; mountPath: string }[] = [
    {
      volume: {
        name: CONFIG_VOLUME,
        configMap: { name: natsSource.name, ...itemsOf(natsSource) },
      },
      mountPath: DISPATCHER_PATHS.natsConfig,
    },
    {
      volume: {
        name: KNATIVE_VOLUME,
        configMap: { name: DISPATCHER_KNATIVE_CONFIG, optional: true },
      },
      mountPath: DISPATCHER_PATHS.knative,
    },
    // Optional, so that the dispatcher can say itself which one is missing, and takes it as soon as it is there.
    ...secrets.map((name) => ({
      volume: { name: volumeName("secret", name), secret: { secretName: name, optional: true } },
      mountPath: below(secretFolderFor(namespace, name)),
    })),
    ...configMaps.map((name) => ({
      volume: { name: volumeName("configmap", name), configMap: { name, optional: true } },
      mountPath: below(configMapFolderFor(namespace, name)),
    })),
  ];
  return {
    volumes: all.map(({ volume }) => volume),
    mounts: all.map(({ volume, mountPath }) => ({ name: volume.name, mountPath, readOnly: true })),
  };
}

/** Has the file called as in our own ConfigMap. */
function itemsOf({ key }: NatsSource): Pick<NonNullable<Volume["configMap"]>, "items"> {
  return key === NATS_CONFIG.key ? {} : { items: [{ key, path: NATS_CONFIG.key }] };
}

/** Names a volume: an object's name may be longer than a volume's, and have dots. */
function volumeName(kind: string, name: string): string {
  return `${kind}-${hash("sha256", name).slice(0, 10)}`;
}

function withoutUnset(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
