import { GO_NATS_CONFIG, NATS_CONFIG } from "../api/cluster-names.ts";
import type { ConfigMap, Deployment } from "../kube/objects.ts";
import type { Problem } from "./dispatcher-conditions.ts";
import type { NatsSource } from "./dispatcher-plan.ts";

/** Is a dispatcher's NATS configuration, if it is there, and what there is to say of where it was found. */
export interface FoundNatsConfig {
  source: NatsSource;
  configMap: ConfigMap | undefined;
  warnings: Problem[];
}

/**
 * Finds a dispatcher's NATS configuration under the name that its settings give. Where that is our default and not there, the Go
 * implementation's is taken, with a warning, so that an installation that is taken over goes on. A dispatcher that has had ours does not go
 * back: what is left of the other may be years old.
 */
export async function findNatsConfig(
  configName: string,
  deps: {
    namespace: string;
    deployment: Deployment | undefined;
    find: (name: string) => Promise<ConfigMap | undefined>;
  },
): Promise<FoundNatsConfig> {
  const { namespace, deployment, find } = deps;
  const source = { name: configName, key: NATS_CONFIG.key };
  const configMap = await find(configName);
  const isChosen = configName !== NATS_CONFIG.name || mounts(deployment, configName);
  if (configMap !== undefined || isChosen) return { source, configMap, warnings: [] };
  const gos = await find(GO_NATS_CONFIG.name);
  if (gos === undefined) return { source, configMap, warnings: [] };
  const message = `ConfigMap ${namespace}/${configName} is not there, so key "${GO_NATS_CONFIG.key}" of ${namespace}/${GO_NATS_CONFIG.name}, the Go implementation's, is read: create ${configName} with a key "${NATS_CONFIG.key}" that says the same, then delete ${GO_NATS_CONFIG.name}`;
  const warning = {
    condition: "ConfigurationApplied",
    reason: "GoConfigurationUsed",
    message,
  } as const;
  return { source: GO_NATS_CONFIG, configMap: gos, warnings: [warning] };
}

function mounts(deployment: Deployment | undefined, configMapName: string): boolean {
  const volumes = deployment?.spec?.template.spec?.volumes ?? [];
  return volumes.some(({ configMap }) => configMap?.name === configMapName);
}
