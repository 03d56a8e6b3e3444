import { writeFile } from "node:fs/promises";

/**
 * Says where an API server is and as whom to speak to it: with a client certificate, a token, or a file that holds one.
 * Plain data, so that it can go from one process to another.
 */
export interface ClusterAccess {
  /** `https://127.0.0.1:<port>`. */
  server: string;
  /** The authority of the server's certificate, PEM. */
  ca: string;
  cert?: string;
  key?: string;
  token?: string;
  /** The path of a file with a token, which programs read again when it changes. */
  tokenFile?: string;
}

/** Writes a kubeconfig for this access, in the JSON that is YAML too, for its owner's eyes only. */
export async function writeKubeconfig(
  path: string,
  access: ClusterAccess,
  namespace = "default",
): Promise<void> {
  const { server, ca, cert, key, token, tokenFile } = access;
  const user = {
    "client-certificate-data": base64(cert),
    "client-key-data": base64(key),
    token,
    tokenFile,
  };
  const kubeconfig = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    clusters: [{ name: "test", cluster: { server, "certificate-authority-data": base64(ca) } }],
    users: [{ name: "test", user }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test", namespace } }],
  };
  await writeFile(path, JSON.stringify(kubeconfig, undefined, 2), { mode: 0o600 });
}

function base64(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(text).toString("base64");
}
