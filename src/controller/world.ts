/*
 * What the controller sees of the cluster: one reflector for each kind of object that it reads or keeps, narrowed to the names and labels that
 * concern it, so that a large cluster costs no more than a small one. Reads only; who writes what is in the reconcilers.
 */
import {
  CHANNEL_SERVICE_LABEL,
  DISPATCHER_KNATIVE_CONFIG,
  DISPATCHER_LEASES_ROLE,
  DISPATCHER_NAME,
  KNATIVE_CONFIGS,
} from "../api/cluster-names.ts";
import type { KubeClient, Selection } from "../kube/client.ts";
import { type ConfigMap, RESOURCES } from "../kube/objects.ts";
import { Reflector, withoutManagedFields } from "../kube/reflector.ts";
import type { KubeObject, Resource } from "../kube/resource.ts";
import type { Logger } from "../runtime/logger.ts";
import {
  CHANNELS,
  EVENT_POLICIES,
  SUBSCRIPTIONS,
  type Subscription,
  type WebhookConfiguration,
} from "./kinds.ts";
import { LazyReflectors } from "./lazy-reflectors.ts";

/** Is all reflectors; those of `optional` may never sync, since Knative need not be there. */
export type World = ReturnType<typeof createWorld>;

/** Makes the reflectors; see the head of this file. */
export function createWorld(deps: {
  client: KubeClient;
  log: Logger;
  systemNamespace: string;
  knativeNamespace: string;
  /** Are told of the ConfigMaps that were asked for, and of their changes. */
  onNatsConfig: (configMap: ConfigMap) => void;
  onSystemConfig: (configMap: ConfigMap) => void;
}) {
  const { client, log, onNatsConfig, onSystemConfig } = deps;
  const reflect = <T extends KubeObject>(
    resource: Resource<T>,
    selection: Selection = {},
    transform: (object: T) => T = withoutManagedFields,
  ) => new Reflector<T>({ client, resource, selection, log, transform });
  const named = (name: string): Selection => ({ fieldSelector: `metadata.name=${name}` });

  const required = {
    channels: reflect(CHANNELS),
    channelServices: reflect(RESOURCES.services, {
      labelSelector: `${CHANNEL_SERVICE_LABEL.key}=${CHANNEL_SERVICE_LABEL.value}`,
    }),
    deployments: reflect(RESOURCES.deployments, named(DISPATCHER_NAME)),
    services: reflect(RESOURCES.services, named(DISPATCHER_NAME)),
    endpointSlices: reflect(RESOURCES.endpointSlices, {
      labelSelector: `kubernetes.io/service-name=${DISPATCHER_NAME}`,
    }),
    budgets: reflect(RESOURCES.podDisruptionBudgets, named(DISPATCHER_NAME)),
    autoscalers: reflect(RESOURCES.horizontalPodAutoscalers, named(DISPATCHER_NAME)),
    accounts: reflect(RESOURCES.serviceAccounts, named(DISPATCHER_NAME)),
    bindings: reflect(RESOURCES.roleBindings, named(DISPATCHER_NAME)),
    leaseBindings: reflect(RESOURCES.roleBindings, named(DISPATCHER_LEASES_ROLE)),
    knativeConfigs: reflect(RESOURCES.configMaps, named(DISPATCHER_KNATIVE_CONFIG)),
    validatingWebhooks: reflect<WebhookConfiguration>(
      RESOURCES.validatingWebhookConfigurations,
      {},
      onlyNames,
    ),
    mutatingWebhooks: reflect<WebhookConfiguration>(
      RESOURCES.mutatingWebhookConfigurations,
      {},
      onlyNames,
    ),
  };
  const optional = {
    subscriptions: reflect(SUBSCRIPTIONS, {}, onlyChannel),
    policies: reflect(EVENT_POLICIES),
  };
  const natsConfigs = new LazyReflectors<ConfigMap>((name) =>
    telling(reflect(RESOURCES.configMaps, named(name)), onNatsConfig),
  );
  const systemConfigs = new LazyReflectors<ConfigMap>((name) => {
    const selection = { ...named(name), namespace: namespaceOf(name, deps) };
    return telling(reflect(RESOURCES.configMaps, selection), onSystemConfig);
  });

  const fixed = () => [...Object.values(required), ...Object.values(optional)];
  return {
    ...required,
    ...optional,
    /** ConfigMaps by name, of all namespaces: how dispatchers reach NATS. */
    natsConfigs,
    /** ConfigMaps by name: Knative's, in its namespace, and ours, in the system namespace. */
    systemConfigs,
    start() {
      for (const reflector of fixed()) reflector.start();
    },
    /** Resolves when all is known that has to be. */
    async hasSynced() {
      await Promise.all(Object.values(required).map((reflector) => reflector.hasSynced()));
    },
    /** Says why a watch has been down for so long; undefined when none has. */
    failure(downMs = 0): string | undefined {
      const down = Object.values(required).filter((reflector) => reflector.downForMs() > downMs);
      return down.flatMap((reflector) => reflector.failure() ?? [])[0]?.message;
    },
    async stop() {
      await Promise.all(fixed().map((reflector) => reflector.stop()));
      await Promise.all([natsConfigs.stop(), systemConfigs.stop()]);
    },
  };
}

function namespaceOf(
  configMap: string,
  { systemNamespace, knativeNamespace }: { systemNamespace: string; knativeNamespace: string },
): string {
  const isKnatives = (KNATIVE_CONFIGS as readonly string[]).includes(configMap);
  return isKnatives ? knativeNamespace : systemNamespace;
}

function onlyChannel({ metadata, spec }: Subscription): Subscription {
  const { name = "", namespace = "", uid = "", resourceVersion = "" } = metadata ?? {};
  return {
    metadata: { name, namespace, uid, resourceVersion },
    spec: {
      channel: {
        name: spec?.channel?.name ?? "",
        namespace: spec?.channel?.namespace || namespace,
      },
    },
  };
}

/** Of other webhooks nothing but the name is looked at; their certificates are long. */
function onlyNames({ metadata, webhooks = [] }: WebhookConfiguration): WebhookConfiguration {
  const { name = "", uid = "", resourceVersion = "" } = metadata ?? {};
  return {
    metadata: { name, uid, resourceVersion },
    webhooks: webhooks.map((webhook) => ({ name: webhook.name })),
  };
}

function telling<T extends KubeObject>(
  reflector: Reflector<T>,
  tell: (object: T) => void,
): Reflector<T> {
  reflector.onChange((before, after) => {
    const object = after ?? before;
    if (object !== undefined) tell(object);
  });
  return reflector;
}
