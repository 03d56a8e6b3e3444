import { readFile } from "node:fs/promises";
import { z } from "zod";
import { type NatsConfig, parseNatsConfig } from "../api/nats-config.ts";
import { ACCOUNT_FOLDER } from "../kube/access.ts";
import { serverOptionsFor } from "../nats/servers.ts";
import { parseEnv, port } from "../runtime/env.ts";
import { errorCode } from "../runtime/errors.ts";
import { isLogLevel } from "../runtime/logger.ts";
import { parseYaml } from "../runtime/yaml.ts";

const DEFAULT_NATS_CONFIG_PATH = "/etc/config-jetstream/eventing-jetstream";
const DEFAULT_NATS_URL = "nats://nats.nats.svc.cluster.local:4222";

/** Describes the dispatcher's environment; an empty variable counts as unset. */
export const Environment = z.object({
  CHANNELS_PATH: z
    .string()
    .optional()
    .describe("YAML file with channels, or a folder of such files; unset: those of a cluster."),
  KNATIVE_CONFIG_PATH: z
    .string()
    .default("/etc/jetstream-channel/knative")
    .describe(
      "The folder with what Knative's ConfigMaps say, a file for each; the controller mounts it.",
    ),
  NAMESPACE: z
    .string()
    .optional()
    .describe(
      "In a cluster: serve the channels of this namespace that have a dispatcher of theirs.",
    ),
  KUBECONFIG: z
    .string()
    .optional()
    .describe("In a cluster: where its API server is, a file or several with : between them."),
  HOME: z.string().optional().describe("Without KUBECONFIG: the folder of .kube/config."),
  KUBERNETES_SERVICE_HOST: z
    .string()
    .optional()
    .describe("Without either: the API server, as Kubernetes gives it to every Pod."),
  KUBERNETES_SERVICE_PORT: z.string().optional().describe("Its port."),
  SERVICE_ACCOUNT_PATH: z
    .string()
    .default(ACCOUNT_FOLDER)
    .describe("With it: the folder of the Pod's token and CA certificate."),
  NATS_CONFIG_PATH: z
    .string()
    .optional()
    .describe(`The configuration file; unset: ${DEFAULT_NATS_CONFIG_PATH}, if it exists.`),
  NATS_URL: z
    .string()
    .optional()
    .describe(
      `One or several servers, with commas between them, and a login as nats://user:password@host or nats://token@host; unset: the configuration's url, else ${DEFAULT_NATS_URL}.`,
    ),
  HTTP_PORT: port
    .default(8080)
    .describe("Where events come in; 0 lets the system choose, the log says which."),
  ADMIN_PORT: port
    .default(9090)
    .describe("Where /healthz, /readyz, /metrics, /channels and /streams are; 0 as before."),
  LOG_LEVEL: z
    .string()
    .refine(isLogLevel, "one of trace, debug, info, warn, error, fatal, silent expected")
    .optional()
    .describe(
      "trace, debug, info, warn, error, fatal or silent. Unset: what Knative's config-logging says in a cluster, else info.",
    ),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .string()
    .refine(
      (text) => /^https?:\/\//.test(text) && URL.canParse(text),
      "an http or https url expected",
    )
    .optional()
    .describe(
      "Sends spans to this collector, by OTLP over HTTP to its /v1/traces. Unset: what Knative's config-observability says in a cluster, else no spans are made.",
    ),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number("a number from 0 to 1 expected")
    .min(0, "a number from 0 to 1 expected")
    .max(1, "a number from 0 to 1 expected")
    .default(1)
    .describe(
      "With OTEL_EXPORTER_OTLP_ENDPOINT: how many of the traces that begin here are sampled, from 0 to 1. Others are as their sender says.",
    ),
  CLUSTER_ID: z
    .string()
    .default("standalone")
    .describe(
      "Written into streams and consumers as their owner; those of another one are not touched.",
    ),
  CLUSTER_DOMAIN: z
    .string()
    .default("cluster.local")
    .describe("The end of the channels' host names."),
  POD_NAME: z
    .string()
    .optional()
    .describe("Added to the name of the connection, for nats server report connections."),
  POD_NAMESPACE: z
    .string()
    .default("default")
    .describe("Namespace of the Secrets and ConfigMaps that the configuration names."),
  SECRETS_PATH: z
    .string()
    .default("/etc/jetstream-channel/secrets")
    .describe("Where those are, as <namespace>/<secret>/<key>."),
});

/** The dispatcher's environment, checked. */
export type Environment = z.output<typeof Environment>;

/** Reads the dispatcher's environment; throws one error that names every variable that is not right. */
export function parseEnvironment(env: Record<string, string | undefined>): Environment {
  return parseEnv(Environment, env);
}

/** The configuration file with the environment on top: where the servers are is decided. */
export type Configuration = NatsConfig & { servers: string[] };

/** Gives the path of the configuration file. */
export function configurationPath(environment: Environment): string {
  return environment.NATS_CONFIG_PATH ?? DEFAULT_NATS_CONFIG_PATH;
}

/**
 * Reads the configuration file. `NATS_URL` wins over its url; without either the url is the one that
 * the NATS Helm chart gives. A file that is missing is an error where the environment names it.
 */
export async function readConfiguration(environment: Environment): Promise<Configuration> {
  const path = configurationPath(environment);
  const config = parseConfiguration(await textOf(path, environment), path);
  const servers = serversIn(environment.NATS_URL) ?? config.servers ?? [DEFAULT_NATS_URL];
  const { user, token } = serverOptionsFor(servers);
  if (config.auth !== undefined && (user !== undefined || token !== undefined)) {
    throw new Error(`one way to log in expected, got auth of ${path} and a login in NATS_URL`);
  }
  return { ...config, servers };
}

function serversIn(natsUrl: string | undefined): string[] | undefined {
  const servers = natsUrl?.split(",").map((url) => url.trim());
  try {
    if (servers !== undefined) serverOptionsFor(servers);
  } catch (error) {
    throw new Error("NATS_URL is not right", { cause: error });
  }
  return servers;
}

async function textOf(path: string, environment: Environment): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT" && environment.NATS_CONFIG_PATH === undefined) return "";
    throw new Error(`cannot read the configuration file ${path} (NATS_CONFIG_PATH)`, {
      cause: error,
    });
  }
}

function parseConfiguration(text: string, path: string): NatsConfig {
  try {
    // A file of nothing but comments has no document.
    const [document, ...more] = parseYaml(text);
    if (more.length > 0) throw new Error("one YAML document expected");
    return parseNatsConfig(document);
  } catch (error) {
    throw new Error(`${path} is not right`, { cause: error });
  }
}
