/**
 * Runs a Kubernetes control plane without nodes for tests: etcd, kube-apiserver and kube-controller-manager as processes
 * of this one, on ports of 127.0.0.1, with certificates and data in a folder that goes at the end.
 *
 *   1. etcd, until it answers /readyz
 *   2. kube-apiserver, until it answers /readyz to the administrator, who is known only after its RBAC is set up
 *   3. kube-controller-manager, until a namespace has what Pods mount: its ServiceAccount and the ConfigMap with the CA
 *
 * RBAC is on, and OwnerReferencesPermissionEnforcement too, so that a missing right to finalizers shows. Ends with the
 * process that started it. The global set-up of the e2e tests starts one for all; a test that breaks the API server
 * starts its own. Runs no Pods: process-kubelet.ts does.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningChild, startChild } from "./child-process.ts";
import type { ClusterAccess } from "./cluster-access.ts";
import { type ControlPlaneFiles, writeControlPlaneFiles } from "./control-plane-files.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { createKubeClient, type KubeClient } from "./kube-client.ts";
import { stopped } from "./stopped-process.ts";
import { findTools } from "./tools/find-tool.ts";

const startWithinMs = 90_000;
const endWithinMs = 60_000;
const startAttempts = 5;

// What the programs of a test need of it, and nothing that looks after nodes: it would find ours dead.
const controllers = [
  "clusterrole-aggregation-controller",
  "deployment-controller",
  "disruption-controller",
  "endpointslice-controller",
  "garbage-collector-controller",
  "namespace-controller",
  "replicaset-controller",
  "root-ca-certificate-publisher-controller",
  "serviceaccount-controller",
  "validatingadmissionpolicy-status-controller",
];

/** Holds what a test needs to use a control plane. Plain data: the workers of a test run get it. */
export interface Cluster {
  /** As administrator. */
  admin: ClusterAccess;
  /** The administrator's kubeconfig. */
  kubeconfigPath: string;
  /** A folder for further files, which goes with the control plane. */
  folder: string;
  /** One JSON object a line for each request that was answered. */
  auditLogPath: string;
}

/** Holds a control plane that this process has started. */
export interface ControlPlane {
  readonly cluster: Cluster;
  /** The administrator's client. */
  readonly client: KubeClient;
  /** Ends the API server, in an orderly way unless another signal is given. */
  stopApiServer(signal?: NodeJS.Signals): Promise<void>;
  /** Starts the API server again on the same port, and resolves when it is ready. */
  startApiServer(): Promise<void>;
  /** Freezes the API server: connections stay open and nothing answers. Resolves when it stands still. */
  pauseApiServer(): Promise<void>;
  resumeApiServer(): void;
  /** Ends everything, etcd last, and removes its folder. */
  stop(): Promise<void>;
}

interface Place {
  folder: string;
  etcdPort: number;
  apiServerPort: number;
  files: ControlPlaneFiles;
  auditLogPath: string;
  client: KubeClient;
}

/** Starts a control plane and resolves when it is ready for Deployments. */
export async function startControlPlane(): Promise<ControlPlane> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryToStart();
    } catch (error) {
      // Between our look and the program's bind another process can have taken a port.
      if (!String(error).includes("address already in use") || attempt === startAttempts) {
        throw error;
      }
    }
  }
}

async function tryToStart(): Promise<ControlPlane> {
  const folder = await mkdtemp(join(tmpdir(), "control-plane-"));
  const etcdPort = await freePort();
  const apiServerPort = await freePort();
  const files = await writeControlPlaneFiles(folder, `https://127.0.0.1:${apiServerPort}`);
  const auditLogPath = join(folder, "audit.log");
  const client = createKubeClient(files.admin);
  const place = { folder, etcdPort, apiServerPort, files, auditLogPath, client };
  const children: RunningChild[] = [];
  try {
    children.push(await startEtcd(place));
    const apiServer = await startApiServer(place);
    children.unshift(apiServer);
    children.unshift(await startControllerManager(place));
    return controlPlane(place, { children, apiServer });
  } catch (error) {
    await endAll(children, place);
    throw error;
  }
}

interface Running {
  /** In the order in which they end. */
  children: RunningChild[];
  apiServer: RunningChild;
}

function controlPlane(place: Place, running: Running): ControlPlane {
  const { folder, files, client, auditLogPath } = place;
  return {
    cluster: { admin: files.admin, kubeconfigPath: files.adminKubeconfig, folder, auditLogPath },
    client,
    stopApiServer: (signal = "SIGTERM") => end(running.apiServer, signal),
    async startApiServer() {
      if (running.apiServer.end() === undefined) {
        throw new Error("the API server is running: stop it first");
      }
      const index = running.children.indexOf(running.apiServer);
      running.apiServer = await startApiServer(place);
      running.children[index] = running.apiServer;
    },
    async pauseApiServer() {
      running.apiServer.signal("SIGSTOP");
      await stopped(running.apiServer.pid);
    },
    resumeApiServer: () => running.apiServer.signal("SIGCONT"),
    stop: () => endAll(running.children, place),
  };
}

async function endAll(children: RunningChild[], { folder, client }: Place): Promise<void> {
  await client.close();
  for (const child of children) {
    // All that an orderly end would save goes with the folder; an API server without its etcd would not end at all.
    await end(child, "SIGKILL");
  }
  await rm(folder, { recursive: true, force: true });
}

async function end(child: RunningChild, signal: NodeJS.Signals): Promise<void> {
  child.signal(signal);
  const what = `process ${child.pid} of the control plane to end after ${signal}`;
  await eventually(() => child.end() !== undefined, { within: endWithinMs, what });
}

async function startEtcd({ folder, etcdPort }: Place): Promise<RunningChild> {
  const url = `http://127.0.0.1:${etcdPort}`;
  const programArguments = [
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    // It has no peers.
    "--listen-peer-urls=http://127.0.0.1:0",
    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
  return await startUntil("etcd", { folder, programArguments }, async () => {
    const answer = await fetch(`${url}/readyz`);
    return answer.ok;
  });
}

async function startApiServer(place: Place): Promise<RunningChild> {
  const { folder, etcdPort, apiServerPort, files, auditLogPath, client } = place;
  const programArguments = [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${apiServerPort}`,
    `--tls-cert-file=${files.serverCert}`,
    `--tls-private-key-file=${files.serverKey}`,
    `--client-ca-file=${files.ca}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${files.serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${files.serviceAccountKey}`,
    "--service-cluster-ip-range=10.96.0.0/16",
    "--authorization-mode=RBAC",
    "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
    // Endpoints may not have loopback addresses, so its own Service gets none.
    "--endpoint-reconciler-type=none",
    // It waits a minute for open watches otherwise.
    "--shutdown-watch-termination-grace-period=1s",
    "--profiling=false",
    `--audit-policy-file=${files.auditPolicy}`,
    `--audit-log-path=${auditLogPath}`,
  ];
  return await startUntil("kube-apiserver", { folder, programArguments }, async () => {
    return (await client.request("GET", "/readyz")) === "ok";
  });
}

async function startControllerManager({ folder, files, client }: Place): Promise<RunningChild> {
  const programArguments = [
    `--kubeconfig=${files.controllerManagerKubeconfig}`,
    "--secure-port=0",
    "--leader-elect=false",
    "--use-service-account-credentials=true",
    `--service-account-private-key-file=${files.serviceAccountKey}`,
    `--root-ca-file=${files.ca}`,
    `--controllers=${controllers.join(",")}`,
  ];
  return await startUntil("kube-controller-manager", { folder, programArguments }, async () => {
    const inDefault = { apiVersion: "v1", namespace: "default" };
    await client.get({ ...inDefault, kind: "ServiceAccount", name: "default" });
    await client.get({ ...inDefault, kind: "ConfigMap", name: "kube-root-ca.crt" });
    return true;
  });
}

type Program = "etcd" | "kube-apiserver" | "kube-controller-manager";

async function startUntil(
  name: Program,
  { folder, programArguments }: { folder: string; programArguments: string[] },
  isReady: () => Promise<boolean>,
): Promise<RunningChild> {
  const paths = await findTools(["etcd", "kube-apiserver", "kube-controller-manager"]);
  const child = await startChild({
    command: paths[name],
    arguments: programArguments,
    env: {},
    temporaryFolder: folder,
  });
  const died = child.ended.then(({ exitCode, signal }) => {
    throw new Error(`it ended with ${exitCode ?? signal}`);
  });
  try {
    const what = `${name} to be ready`;
    await Promise.race([eventually(isReady, { within: startWithinMs, what }), died]);
    return child;
  } catch (cause) {
    child.signal("SIGKILL");
    await child.ended;
    const log = child.lastLines.join("\n");
    throw new Error(`${name} did not start; its log:\n${log}`, { cause });
  }
}
