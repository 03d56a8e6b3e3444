import { z } from "zod";
import { NATS_CONFIG } from "./cluster-names.ts";
import { type Fault, faultsOf, InvalidConfigError, sentenceFor, shown } from "./faults.ts";
import { textThat, withRule } from "./fields.ts";
import { POD_FIELDS, TEMPLATE_FIELDS } from "./pod-settings.ts";
import { withoutNulls } from "./without-nulls.ts";

/**
 * The controller's configuration file, `jetstream-dispatcher-config`: how it runs dispatchers.
 *
 *     clusterDefault: { configName: config-jetstream, replicas: 2 }      the cluster's dispatcher, and those of namespaces without an entry
 *     namespaceDefaults: { orders: { configName: orders-jetstream } }    the dispatcher of one namespace; the entry counts as a whole
 *
 * It is ours alone, so an unknown key is a typo and a fault.
 */

const ConfigMapName = textThat((text) =>
  text.length <= 253 &&
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text)
    ? undefined
    : `a ConfigMap's name (a-z, 0-9, "-" and ".", at most 253 characters) expected, got ${shown(text)}`,
);

const Replicas = z.int().min(1).max(1000);

const Autoscaling = withRule(
  z.strictObject({
    minReplicas: Replicas.default(1),
    maxReplicas: Replicas,
    targetCPUUtilizationPercentage: z.int().min(1).max(1000).default(80),
  }),
  ({ minReplicas, maxReplicas }, addFault) => {
    if (Number(minReplicas) > Number(maxReplicas)) {
      addFault(
        ["maxReplicas"],
        `at least minReplicas (${minReplicas}) expected, got ${maxReplicas}`,
      );
    }
  },
);

const DispatcherSettings = withRule(
  z.strictObject({
    configName: ConfigMapName.default(NATS_CONFIG.name),
    replicas: Replicas.optional(),
    autoscaling: Autoscaling.optional(),
    ...POD_FIELDS,
  }),
  ({ replicas, autoscaling }, addFault) => {
    if (replicas !== undefined && autoscaling !== undefined) {
      addFault(["replicas"], "replicas or autoscaling expected, got both");
    }
  },
);

/**
 * Says how one dispatcher runs. Without `replicas` and `autoscaling` it begins with one replica, and whoever scales its Deployment is left alone.
 */
export type DispatcherSettings = z.output<typeof DispatcherSettings>;

/** Describes the file, as it is written. */
export const DefaultsFile = z.strictObject({
  clusterDefault: DispatcherSettings.prefault({}),
  namespaceDefaults: z.record(z.string(), DispatcherSettings).default({}),
});

/** Says how all dispatchers run. */
export type DispatcherDefaults = z.output<typeof DefaultsFile>;

/**
 * Parses the file's content (parsed YAML; an empty file means every default). Throws one error that lists every fault with its path,
 * and for an unknown key the allowed ones.
 */
export function parseDispatcherDefaults(value: unknown): DispatcherDefaults {
  const parsed = DefaultsFile.safeParse(withoutNulls(value) ?? {}, { error: sentenceFor });
  if (parsed.success) return parsed.data;
  throw new InvalidConfigError("the configuration of dispatchers", faultsOf(parsed.error));
}

/** Finds how the dispatcher of a namespace runs, or with no namespace the cluster's. */
export function settingsFor(
  { clusterDefault, namespaceDefaults }: DispatcherDefaults,
  namespace: string | undefined,
): DispatcherSettings {
  if (namespace === undefined || !Object.hasOwn(namespaceDefaults, namespace))
    return clusterDefault;
  return namespaceDefaults[namespace] ?? clusterDefault;
}

const Template = z.looseObject(TEMPLATE_FIELDS);

/**
 * Puts a channel's `deploymentSpecTemplate` on top of settings: maps are merged, the template's entries first; resources and affinity replace.
 * Where the template has faults it does not count, and they are given.
 */
export function withTemplate(
  settings: DispatcherSettings,
  template: unknown,
): { settings: DispatcherSettings; faults: Fault[] } {
  const parsed = Template.safeParse(withoutNulls(template) ?? {}, { error: sentenceFor });
  if (!parsed.success)
    return { settings, faults: faultsOf(parsed.error, ["spec", "deploymentSpecTemplate"]) };
  const { labels, annotations, nodeSelector, resources, affinity } = parsed.data;
  return {
    settings: {
      ...settings,
      labels: { ...settings.labels, ...labels },
      annotations: { ...settings.annotations, ...annotations },
      nodeSelector: { ...settings.nodeSelector, ...nodeSelector },
      ...(resources === undefined ? {} : { resources }),
      ...(affinity === undefined ? {} : { affinity }),
    },
    faults: [],
  };
}
