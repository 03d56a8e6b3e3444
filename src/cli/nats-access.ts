/*
 * The NATS side of the subcommands, for those with a login of their own: the servers and names of a configuration file like the
 * dispatcher's, or of the command line, which wins. One connection, closed at the end.
 */
import { readFile } from "node:fs/promises";
import { type NatsConfig, parseNatsConfig } from "../api/nats-config.ts";
import { apiPrefixFor, type JetStreamManager, jetstream } from "../nats/jetstream.ts";
import { type Login, loginFrom } from "../nats/login.ts";
import { connectOnce, credentialsFileLogin } from "../nats/one-connection.ts";
import { SecretFolder } from "../nats/secrets.ts";
import type { StreamReader } from "../nats/stored-messages.ts";
import { errorMessage } from "../runtime/errors.ts";
import { parseYaml } from "../runtime/yaml.ts";
import { UsageError } from "./command.ts";

/** Are the options of the subcommands that can reach NATS themselves. */
export const NATS_OPTIONS = {
  "nats-url": {
    value: "URL",
    help: "Servers of NATS, with commas between them, and perhaps a login: nats://user:password@host.",
  },
  "nats-config": {
    value: "FILE",
    help: "A configuration like the dispatcher's eventing-jetstream: url, tls, domain, prefixes and login.",
  },
  creds: {
    value: "FILE",
    help: "Credentials file to log in with, in place of the configuration's login.",
  },
  secrets: {
    value: "FOLDER",
    help: "Where the Secrets are that the configuration names: FOLDER/NAMESPACE/SECRET/KEY.",
  },
  "secrets-namespace": {
    value: "NAME",
    help: "Their NAMESPACE there (default knative-eventing).",
  },
} as const;

type NatsValues = { [Name in keyof typeof NATS_OPTIONS]: string | undefined };

/** Is a connection to NATS for one subcommand. */
export interface NatsAccess {
  nc: StreamReader["nc"];
  jsm: JetStreamManager;
  apiPrefix: string;
  naming: NatsConfig["jetstream"];
  close(): Promise<void>;
}

const NAME = "jetstream-channel";
const SECRETS_NAMESPACE = "knative-eventing";

/** Tells whether the command line says how NATS is reached. */
export function isNatsGiven(values: NatsValues): boolean {
  return values["nats-url"] !== undefined || values["nats-config"] !== undefined;
}

/** Connects as the command line says. */
export async function openNats(values: NatsValues): Promise<NatsAccess> {
  const path = values["nats-config"];
  const config = parseNatsConfig(path === undefined ? undefined : await configOf(path));
  const servers = values["nats-url"]?.split(",").map((url) => url.trim()) ?? config.servers;
  if (servers === undefined) {
    throw new UsageError("--nats-url, or --nats-config of a file with url, expected");
  }
  const nc = await connectOnce({ servers, name: NAME, login: loginOf(values, config) });
  const { domain } = config.jetstream;
  return {
    nc,
    jsm: await jetstream({ current: nc }, domain),
    apiPrefix: apiPrefixFor(domain),
    naming: config.jetstream,
    close: () => nc.close(),
  };
}

function loginOf(values: NatsValues, { auth, tls }: NatsConfig): Login | undefined {
  const { creds, secrets: root } = values;
  const namespace = values["secrets-namespace"] ?? SECRETS_NAMESPACE;
  // A url of the command line says whose login it is, or that it needs none.
  const usedAuth = creds === undefined && values["nats-url"] === undefined ? auth : undefined;
  if (root === undefined && (usedAuth !== undefined || tls !== undefined)) {
    const what = usedAuth === undefined ? "tls" : "auth";
    const instead = usedAuth === undefined ? "" : ", or --creds";
    throw new UsageError(
      `${what} of ${values["nats-config"]} names a Secret: --secrets${instead} expected`,
    );
  }
  const parts: Login[] = [];
  if (usedAuth !== undefined || tls !== undefined) {
    const secrets = new SecretFolder({ root: root ?? "", namespace });
    parts.push(loginFrom({ login: { auth: usedAuth, tls }, secrets }));
  }
  if (creds !== undefined) parts.push(credentialsFileLogin(creds));
  return together(parts);
}

function together(parts: readonly Login[]): Login | undefined {
  const [first, second] = parts;
  if (first === undefined || second === undefined) return first;
  return {
    ...first,
    options: async () => ({ ...(await first.options()), ...(await second.options()) }),
  };
}

async function configOf(path: string): Promise<unknown> {
  try {
    return parseYaml(await readFile(path, "utf8"))[0];
  } catch (error) {
    throw new Error(`${path} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
}
