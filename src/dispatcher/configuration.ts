import { readFile } from "node:fs/promises";
import { z } from "zod";
import { type NatsConfig, parseNatsConfig } from "../api/nats-config.ts";
import { serverOptionsFor } from "../nats/servers.ts";
import { parseEnv, port } from "../runtime/env.ts";
import { errorCode } from "../runtime/errors.ts";
import { isLogLevel } from "../runtime/logger.ts";
import { parseYaml } from "./yaml.ts";

const DEFAULT_NATS_CONFIG_PATH = "/etc/config-jetstream/eventing-jetstream";
const DEFAULT_NATS_URL = "nats://nats.nats.svc.cluster.local:4222";

const Environment = z.object({
  CHANNELS_PATH: z.string().optional(),
  NATS_CONFIG_PATH: z.string().optional(),
  NATS_URL: z.string().optional(),
  HTTP_PORT: port.default(8080),
  ADMIN_PORT: port.default(9090),
  LOG_LEVEL: z
    .string()
    .refine(isLogLevel, "one of trace, debug, info, warn, error, fatal, silent expected")
    .default("info"),
  CLUSTER_ID: z.string().default("standalone"),
  CLUSTER_DOMAIN: z.string().default("cluster.local"),
  POD_NAME: z.string().optional(),
  POD_NAMESPACE: z.string().default("default"),
  SECRETS_PATH: z.string().default("/etc/jetstream-channel/secrets"),
});

/** The dispatcher's environment, checked; see the README's table. */
export type Environment = z.output<typeof Environment>;

/** Reads the dispatcher's environment; throws one error that names every variable that is not right. */
export function parseEnvironment(env: Record<string, string | undefined>): Environment {
  return parseEnv(Environment, env);
}

/** The configuration file with the environment on top: where the servers are is decided. */
export type Configuration = NatsConfig & { servers: string[] };

/**
 * Reads the configuration file. `NATS_URL` wins over its url; without either the url is the one that
 * the NATS Helm chart gives. A file that is missing is an error where the environment names it.
 */
export async function readConfiguration(environment: Environment): Promise<Configuration> {
  const path = environment.NATS_CONFIG_PATH ?? DEFAULT_NATS_CONFIG_PATH;
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
