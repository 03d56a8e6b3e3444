import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Certificate, makeCertificate } from "./certificates.ts";
import { type ClusterAccess, writeKubeconfig } from "./cluster-access.ts";

/** Holds the paths of what the programs of a control plane read. */
export interface ControlPlaneFiles {
  ca: string;
  serverCert: string;
  serverKey: string;
  serviceAccountKey: string;
  serviceAccountPublicKey: string;
  auditPolicy: string;
  adminKubeconfig: string;
  controllerManagerKubeconfig: string;
  /** The administrator's way in, for clients. */
  admin: ClusterAccess;
}

// Every request once, when it is answered, without its body.
const auditPolicy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata" }],
};

/** Makes the certificates and keys of a control plane and writes what its programs read into a folder. */
export async function writeControlPlaneFiles(
  folder: string,
  server: string,
): Promise<ControlPlaneFiles> {
  const authority = makeCertificate({ commonName: "control plane of a test", hosts: [] });
  const signed = (commonName: string, organization?: string): Certificate =>
    makeCertificate({
      commonName,
      issuer: authority,
      ...(organization === undefined ? {} : { organization }),
    });
  const write = async (name: string, content: string) => {
    const path = join(folder, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  };
  const access = ({ cert, key }: Certificate): ClusterAccess => {
    return { server, ca: authority.cert, cert, key };
  };
  const apiServer = signed("kube-apiserver");
  const serviceAccounts = serviceAccountKeys();
  const admin = access(signed("admin", "system:masters"));
  const files = {
    ca: await write("ca.crt", authority.cert),
    serverCert: await write("kube-apiserver.crt", apiServer.cert),
    serverKey: await write("kube-apiserver.key", apiServer.key),
    serviceAccountKey: await write("service-accounts.key", serviceAccounts.privateKey),
    serviceAccountPublicKey: await write("service-accounts.pub", serviceAccounts.publicKey),
    auditPolicy: await write("audit-policy.json", JSON.stringify(auditPolicy)),
    adminKubeconfig: join(folder, "admin.kubeconfig"),
    controllerManagerKubeconfig: join(folder, "controller-manager.kubeconfig"),
    admin,
  };
  const controllerManager = access(signed("system:kube-controller-manager"));
  await writeKubeconfig(files.adminKubeconfig, admin);
  await writeKubeconfig(files.controllerManagerKubeconfig, controllerManager);
  return files;
}

function serviceAccountKeys(): { privateKey: string; publicKey: string } {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString(),
  };
}
