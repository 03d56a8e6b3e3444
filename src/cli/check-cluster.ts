/*
 * What `doctor` looks at in Kubernetes: the API server, what the person may read, the CRD, what is left of the Go implementation,
 * configuration, the controller, dispatchers and their Leases. Nothing is written but SelfSubjectAccessReviews, which are kept nowhere.
 */
import { type FieldSchema, fieldsLacking, specFields } from "../api/channel-fields.ts";
import {
  CONTROLLER_NAME,
  DEFAULTS_CONFIG,
  DISPATCHER_NAME,
  GO_NATS_CONFIG,
  LEASES,
  NATS_CONFIG,
} from "../api/cluster-names.ts";
import { parseDispatcherDefaults, settingsFor } from "../api/dispatcher-defaults.ts";
import { goWebhookCommands } from "../api/go-webhooks.ts";
import { isNotFound } from "../kube/kube-error.ts";
import { type ConfigMap, RESOURCES } from "../kube/objects.ts";
import { errorMessage } from "../runtime/errors.ts";
import { parseYaml } from "../runtime/yaml.ts";
import { CHANNELS, type Cluster, WAIT } from "./cluster.ts";
import { fail, guarded, type Line, ok, warn } from "./diagnosis.ts";
import { lintConfig } from "./lint-text.ts";

const CRD = `${CHANNELS.plural}.${CHANNELS.group}`;
/** A Lease lives for fifteen seconds; the clock of this machine may be another than the cluster's. */
const LEASE_STALE_MS = 120_000;
const MAX_SHOWN = 5;

/** Asks the API server whether it is there; where it is not, nothing else can be asked. */
export async function checkApi(cluster: Cluster): Promise<Line[]> {
  try {
    const { gitVersion } = await cluster.read<{ gitVersion?: string }>("/version", "get /version");
    return [ok("API server", `Kubernetes ${gitVersion ?? "?"} at ${cluster.server}`)];
  } catch (error) {
    const remedy = "kubectl version, with the same kubeconfig and context, has to work first";
    return [fail("API server", `${cluster.server}: ${errorMessage(error)}`, remedy)];
  }
}

/** Looks at the type: there, served, and with every field that this release knows. */
export function checkCrd({ client }: Cluster): Promise<Line[]> {
  const check = "CRD";
  const remedy = installing("config/300-natsjetstreamchannel.yaml");
  return guarded(check, async () => {
    const found = await orUndefined(
      client.get(RESOURCES.customResourceDefinitions, { name: CRD }, WAIT),
    );
    if (found === undefined) return [fail(check, `${CRD} is not there`, remedy)];
    const version = found.spec?.versions.find(({ name }) => name === CHANNELS.version);
    if (version?.served !== true) {
      return [fail(check, `${CRD} does not serve ${CHANNELS.version}`, remedy)];
    }
    const schema = version.schema?.openAPIV3Schema as FieldSchema | undefined;
    const lacking = fieldsLacking(specFields(), schema?.properties?.spec ?? {}, "spec");
    if (lacking.length === 0) return [ok(check, `${CRD} ${CHANNELS.version}`)];
    const message = `${CRD} is of another release, and drops ${some(lacking)}`;
    return [warn(check, message, remedy)];
  });
}

/** Looks for the webhooks of the Go implementation, for which the controller waits. */
export function checkGoWebhooks({ client }: Cluster): Promise<Line[]> {
  const check = "Go webhooks";
  return guarded(check, async () => {
    const [validating, mutating] = await Promise.all([
      client.list(RESOURCES.validatingWebhookConfigurations, {}, WAIT),
      client.list(RESOURCES.mutatingWebhookConfigurations, {}, WAIT),
    ]);
    const commands = goWebhookCommands({ validating: validating.items, mutating: mutating.items });
    if (commands.length === 0) return [ok(check, "none are left")];
    const message =
      "admission webhooks of the Go implementation stand in the way of every write to a channel, and the controller waits for them to go";
    return [fail(check, message, commands.join("; "))];
  });
}

/** Judges the ConfigMaps of the controller, and of the dispatchers in the given namespaces, each by itself. */
export function checkConfig(cluster: Cluster, namespaces: readonly string[]): Promise<Line[]> {
  return guarded("configuration", async () => {
    const { systemNamespace } = cluster;
    const defaults = await configMap(cluster, systemNamespace, DEFAULTS_CONFIG.name);
    const text = defaults?.data?.[DEFAULTS_CONFIG.key];
    const at = `${systemNamespace}/${DEFAULTS_CONFIG.name}`;
    const lines =
      defaults === undefined
        ? [ok("configuration", `${at} is not there: every default counts`)]
        : judged(at, DEFAULTS_CONFIG.key, text);
    if (lines.some(({ level }) => level === "fail")) return lines;
    const settings = parseDispatcherDefaults(parseYaml(text ?? "")[0]);
    // Somebody may look into some of the namespaces only.
    const others = namespaces.map((namespace) => {
      const scope = namespace === systemNamespace ? undefined : namespace;
      const { configName } = settingsFor(settings, scope);
      return guarded("configuration", () => natsConfigLines(cluster, namespace, configName));
    });
    return [...lines, ...(await Promise.all(others)).flat()];
  });
}

/** Looks whether the controller runs and leads. */
export function checkController(cluster: Cluster): Promise<Line[]> {
  const { systemNamespace: namespace } = cluster;
  return guarded("controller", async () => [
    await deploymentLine(cluster, "controller", { namespace, name: CONTROLLER_NAME }),
    await leaseLine(cluster, "controller Lease", { namespace, name: LEASES.controller }),
  ]);
}

/** Looks whether the dispatchers that channels need run, and one of each leads. */
export async function checkDispatchers(
  cluster: Cluster,
  namespaces: readonly string[],
): Promise<Line[]> {
  if (namespaces.length === 0) return [ok("dispatcher", "no channel needs one")];
  const lines = namespaces.map((namespace) =>
    guarded("dispatcher", async () => [
      await deploymentLine(cluster, "dispatcher", { namespace, name: DISPATCHER_NAME }),
      await leaseLine(cluster, "dispatcher Lease", { namespace, name: LEASES.dispatcher }),
    ]),
  );
  return (await Promise.all(lines)).flat();
}

interface At {
  namespace: string;
  name: string;
}

async function deploymentLine({ client }: Cluster, check: string, at: At): Promise<Line> {
  const what = `Deployment ${at.namespace}/${at.name}`;
  const found = await orUndefined(client.get(RESOURCES.deployments, at, WAIT));
  if (found === undefined) {
    const remedy =
      check === "controller"
        ? `${installing("config/")}; with another namespace: --system-namespace`
        : "the controller makes it: see its lines here, and its log";
    return fail(check, `${what} is not there`, remedy);
  }
  const wanted = found.spec?.replicas ?? 1;
  const ready = found.status?.availableReplicas ?? 0;
  const message = `${what}: ${ready} of ${wanted} Pods available`;
  if (ready > 0 && ready >= wanted) return ok(check, message);
  const remedy = `kubectl -n ${at.namespace} describe deployment ${at.name}; kubectl -n ${at.namespace} logs deployment/${at.name}`;
  return ready > 0 ? warn(check, message, remedy) : fail(check, message, remedy);
}

async function leaseLine({ client }: Cluster, check: string, at: At): Promise<Line> {
  const what = `Lease ${at.namespace}/${at.name}`;
  const remedy = `kubectl -n ${at.namespace} logs deployment/${check.startsWith("controller") ? CONTROLLER_NAME : DISPATCHER_NAME}`;
  const found = await orUndefined(client.get(RESOURCES.leases, at, WAIT));
  const { holderIdentity, renewTime } = found?.spec ?? {};
  if (!holderIdentity || !renewTime) {
    return fail(check, `${what} is held by nobody: nothing is reconciled`, remedy);
  }
  const agoMs = Date.now() - Date.parse(renewTime);
  if (agoMs <= LEASE_STALE_MS) return ok(check, `${what} is held by ${holderIdentity}`);
  const seconds = Math.round(agoMs / 1_000);
  return fail(check, `${what} was renewed ${seconds} s ago, by the clock of this machine`, remedy);
}

async function natsConfigLines(cluster: Cluster, namespace: string, name: string): Promise<Line[]> {
  const at = `${namespace}/${name}`;
  const found = await configMap(cluster, namespace, name);
  if (found !== undefined) return judged(at, NATS_CONFIG.key, found.data?.[NATS_CONFIG.key]);
  const gos =
    name === NATS_CONFIG.name
      ? await configMap(cluster, namespace, GO_NATS_CONFIG.name)
      : undefined;
  const create = `create ConfigMap ${at} with a key "${NATS_CONFIG.key}" that says how NATS is reached (docs/reference.md)`;
  if (gos === undefined) return [fail("configuration", `${at} is not there`, create)];
  const theirs = judged(
    `${namespace}/${GO_NATS_CONFIG.name}`,
    GO_NATS_CONFIG.key,
    gos.data?.[GO_NATS_CONFIG.key],
  );
  const message = `${at} is not there, and ${GO_NATS_CONFIG.name} of the Go implementation may be read`;
  return [...theirs, warn("configuration", message, create)];
}

function judged(at: string, key: string, text: string | undefined): Line[] {
  const edit = `kubectl -n ${at.replace("/", " edit configmap ")}`;
  if (text === undefined) return [fail("configuration", `${at} has no key "${key}"`, edit)];
  const findings = lintConfig(key, text);
  if (findings.length === 0) return [ok("configuration", `${at} is valid`)];
  return findings.map(({ severity, path, reason }) => {
    const message = `${at}: ${path === "" ? "" : `${path}: `}${reason}`;
    return (severity === "error" ? fail : warn)("configuration", message, edit);
  });
}

function configMap(
  { client }: Cluster,
  namespace: string,
  name: string,
): Promise<ConfigMap | undefined> {
  return orUndefined(client.get(RESOURCES.configMaps, { namespace, name }, WAIT));
}

/** Says both ways, since nothing tells how it was installed, and each would undo what was set in the other one. */
function installing(path: string): string {
  return `helm upgrade …, or kubectl apply -f ${path} where it was installed so (docs/kubernetes.md#install)`;
}

async function orUndefined<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function some(all: readonly string[]): string {
  const more = all.length - MAX_SHOWN;
  const shown = all.slice(0, MAX_SHOWN).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}
