import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { parseYaml } from "../runtime/yaml.ts";
import type { ApiAccess, TlsSettings } from "./access.ts";

/** For so long what a kubeconfig leads to (files, the answer of a login command) is not asked for again. */
const REREAD_MS = 10_000;

/** Is what of client-node's HTTPS options we use. */
interface HttpsOptions {
  headers?: { Authorization?: string };
  ca?: TlsSettings["ca"];
  cert?: TlsSettings["cert"];
  key?: TlsSettings["key"];
  servername?: string;
  rejectUnauthorized?: boolean;
}

/**
 * Reaches the API server by kubeconfig files, merged as kubectl merges them. They are read again when
 * the server no longer takes a login. Only here is client-node loaded.
 */
export async function kubeconfigAccess(
  paths: readonly string[],
  context?: string,
): Promise<ApiAccess> {
  let config = await load(paths, context);
  const server = serverOf(config, paths);
  let options: HttpsOptions = {};
  let readAt = Number.NEGATIVE_INFINITY;
  const current = async (fresh: boolean): Promise<HttpsOptions> => {
    if (!fresh && performance.now() - readAt < REREAD_MS) return options;
    if (fresh) config = await load(paths, context);
    const read: HttpsOptions = {};
    await config.applyToHTTPSOptions(read);
    options = read;
    readAt = performance.now();
    return options;
  };
  return {
    server,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    async tls() {
      const { ca, cert, key, servername, rejectUnauthorized } = await current(false);
      return {
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(servername === undefined ? {} : { servername }),
        ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
      };
    },
    authorization: async (how) => (await current(how?.fresh === true)).headers?.Authorization,
  };
}

async function load(paths: readonly string[], context: string | undefined): Promise<KubeConfig> {
  const { KubeConfig } = await clientNode();
  const configs = paths.map((path) => {
    const config = new KubeConfig();
    try {
      config.loadFromFile(path);
      withTokenFiles(config, path);
    } catch (error) {
      throw new Error(`the kubeconfig ${path} cannot be read`, { cause: error });
    }
    return config;
  });
  const [first = new KubeConfig(), ...others] = configs;
  // The first file that names a context decides.
  for (const other of others) first.mergeConfig(other, Boolean(first.getCurrentContext()));
  if (context !== undefined) {
    if (first.getContextObject(context) === null) {
      const known = first.getContexts().map(({ name }) => name);
      throw new Error(`the kubeconfig has no context "${context}"; it has: ${known.join(", ")}`);
    }
    first.setCurrentContext(context);
  }
  return first;
}

/** Loads client-node, which is an optional package. */
async function clientNode(): Promise<typeof import("@kubernetes/client-node")> {
  try {
    return await import("@kubernetes/client-node");
  } catch (cause) {
    throw new Error(
      "a kubeconfig is read with the package @kubernetes/client-node, which is not in the images: leave KUBECONFIG unset in a Pod, which has its service account",
      { cause },
    );
  }
}

/** Has the field `tokenFile` of users count, which client-node knows only in a Pod. */
function withTokenFiles(config: KubeConfig, path: string): void {
  const [document] = parseYaml(readFileSync(path, "utf8")) as {
    users?: { name?: string; user?: { token?: string; tokenFile?: string } }[];
  }[];
  const files = new Map(
    (document?.users ?? []).flatMap(({ name = "", user }) =>
      user?.tokenFile === undefined ? [] : [[name, resolve(dirname(path), user.tokenFile)]],
    ),
  );
  config.users = config.users.map((user) => {
    const tokenFile = files.get(user.name);
    if (tokenFile === undefined) return user;
    return { ...user, authProvider: { name: "tokenFile", config: { tokenFile } } };
  });
}

function serverOf(config: KubeConfig, paths: readonly string[]): string {
  const cluster = config.getCurrentCluster();
  const where = `the kubeconfig ${paths.join(":")}`;
  if (cluster === null) throw new Error(`${where} has no current context with a cluster`);
  if (cluster.proxyUrl !== undefined) {
    throw new Error(`${where} asks for a proxy (proxy-url), which is not supported`);
  }
  return cluster.server;
}
