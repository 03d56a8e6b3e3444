/*
 * Where the API server is and how to log in to it, found as kubectl finds it: the kubeconfig that
 * is named, else the one in the home folder, else the account of the Pod.
 *
 * In a cluster the documented contract of a Pod is enough (two variables and three files), and
 * client-node is not loaded. A kubeconfig is read by client-node, which knows all of its forms.
 * What was read is not kept for long: tokens and CA certificates rotate.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SecureContextOptions } from "node:tls";
import { errorCode } from "../runtime/errors.ts";
import { kubeconfigAccess } from "./kubeconfig.ts";

/** How the API server is reached. Both functions are asked often and remember for a while what they read. */
export interface ApiAccess {
  /** The server's url. */
  readonly server: string;
  /** The namespace that the kubeconfig's context names. */
  readonly namespace?: string | undefined;
  /** Gives what a new TLS connection needs. */
  tls(): Promise<TlsSettings>;
  /** Gives the value of the Authorization header, read anew when `fresh`; undefined for a client certificate. */
  authorization(options?: { fresh: boolean }): Promise<string | undefined>;
}

/** Is what a TLS connection to the API server needs. */
export interface TlsSettings extends Pick<SecureContextOptions, "ca" | "cert" | "key"> {
  servername?: string;
  rejectUnauthorized?: boolean;
}

/** Says where to look; `main.ts` fills it from the environment. */
export interface AccessPlaces {
  /** KUBECONFIG: a file, or several with `:` between them. */
  kubeconfig?: string | undefined;
  /** A context of the kubeconfig; its current one unless said. */
  context?: string | undefined;
  /** HOME, of which `.kube/config` is looked at. */
  home?: string | undefined;
  /** KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT. */
  serviceHost?: string | undefined;
  servicePort?: string | undefined;
  /** Where the Pod's account is mounted. */
  accountFolder?: string;
}

/** Is where Kubernetes mounts the account of a Pod. */
export const ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";
/** As client-go does. A kubelet renews a token when a fifth of its life is left, so this is soon enough. */
const REREAD_MS = 60_000;

/** Finds the API server; throws when none of the places has one. */
export async function findAccess(places: AccessPlaces): Promise<ApiAccess> {
  const named = (places.kubeconfig ?? "").split(":").filter((path) => path !== "");
  const { context } = places;
  if (named.length > 0) return await kubeconfigAccess(named, context);
  if (places.home !== undefined) {
    const path = join(places.home, ".kube", "config");
    if (await exists(path)) return await kubeconfigAccess([path], context);
  }
  const { serviceHost, servicePort, accountFolder = ACCOUNT_FOLDER } = places;
  if (serviceHost !== undefined && servicePort !== undefined) {
    return podAccess({ host: serviceHost, port: servicePort, folder: accountFolder });
  }
  throw new Error(
    "there is no API server to talk to: set KUBECONFIG, have ~/.kube/config, or run in a Pod with a service account",
  );
}

/** Reaches the API server as a Pod does: with the token and the CA certificate that are mounted. */
function podAccess(options: { host: string; port: string; folder: string }): ApiAccess {
  const { folder } = options;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  const token = rereadFile(join(folder, "token"));
  const ca = rereadFile(join(folder, "ca.crt"));
  return {
    server: `https://${host}:${options.port}`,
    tls: async () => ({ ca: await ca(false) }),
    authorization: async (how) => `Bearer ${(await token(how?.fresh === true)).trim()}`,
  };
}

function rereadFile(path: string): (fresh: boolean) => Promise<string> {
  let content: string | undefined;
  let readAt = 0;
  return async (fresh) => {
    if (!fresh && content !== undefined && performance.now() - readAt < REREAD_MS) return content;
    try {
      content = await readFile(path, "utf8");
    } catch (error) {
      throw new Error(`${path} cannot be read; is the service account's token mounted?`, {
        cause: error,
      });
    }
    readAt = performance.now();
    return content;
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return false;
    throw new Error(`${path} cannot be read`, { cause: error });
  }
}
