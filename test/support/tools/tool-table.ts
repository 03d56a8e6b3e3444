import { readFileSync } from "node:fs";
import { join } from "node:path";
import { requiredVersion } from "./version.ts";

/** Names the programs that the tests can ask for. */
export type ToolName =
  | "nats-server"
  | "etcd"
  | "kube-apiserver"
  | "kube-controller-manager"
  | "kubectl"
  | "helm";

/** Describes one program: how to recognise it and how to build it. */
export interface Tool {
  name: ToolName;
  /** The version that is built, from go.mod; also the key of the cache. */
  version: string;
  /** The oldest version that is accepted when the machine has the program already. */
  floor: string;
  /** Says which environment variable wins over everything. */
  environmentVariable: {
    name: string;
    /** What its value is: the path of the program, or of a folder with this and other programs. */
    holds: "program" | "folder";
  };
  /** Makes the program print its version. */
  versionArguments: readonly string[];
  /** Finds the version in what it prints; another program's version is none. */
  versionPattern: RegExp;
  /** What `go build` builds, and the folder of the Go module that has it. */
  package: string;
  module: string;
  ldflags: string;
  /** How long a build takes from nothing on a small machine, in words. */
  buildTakes: string;
}

// go.mod fixes the versions of tools, go.sum their contents.
const module = import.meta.dirname;
// Helm wants other versions of Kubernetes' libraries than Kubernetes' own programs.
const helmModule = join(module, "helm");

const goMod = goModOf(module);
const helmVersion = requiredVersion(goModOf(helmModule), "helm.sh/helm/v4");
const small = "-s -w";
const kubernetesVersion = requiredVersion(goMod, "k8s.io/kubernetes");

// The name and the meaning that kubebuilder's envtest gave it.
const kubebuilderAssets = { name: "KUBEBUILDER_ASSETS", holds: "folder" } as const;

/** Lists every program that the tests can ask for. */
export const toolTable: Readonly<Record<ToolName, Tool>> = {
  "nats-server": {
    name: "nats-server",
    version: requiredVersion(goMod, "github.com/nats-io/nats-server/v2"),
    floor: "2.10",
    environmentVariable: { name: "NATS_SERVER", holds: "program" },
    versionArguments: ["--version"],
    versionPattern: /nats-server: v(\d+\.\d+(?:\.\d+)?)/,
    package: "github.com/nats-io/nats-server/v2",
    module,
    ldflags: small,
    buildTakes: "about a minute",
  },
  etcd: {
    name: "etcd",
    version: requiredVersion(goMod, "go.etcd.io/etcd/server/v3"),
    floor: "3.6",
    environmentVariable: kubebuilderAssets,
    versionArguments: ["--version"],
    versionPattern: /etcd Version: (\d+\.\d+(?:\.\d+)?)/,
    package: "go.etcd.io/etcd/server/v3",
    module,
    ldflags: small,
    buildTakes: "about a minute",
  },
  "kube-apiserver": kubernetesTool("kube-apiserver", "about 6 minutes"),
  "kube-controller-manager": kubernetesTool("kube-controller-manager", "about 2 minutes"),
  kubectl: {
    ...kubernetesTool("kubectl", "about a minute"),
    versionArguments: ["version", "--client"],
    versionPattern: /Client Version: v(\d+\.\d+(?:\.\d+)?)/,
  },
  helm: {
    name: "helm",
    version: helmVersion,
    floor: "4.0",
    environmentVariable: { name: "HELM", holds: "program" },
    versionArguments: ["version", "--short"],
    versionPattern: /^v(\d+\.\d+(?:\.\d+)?)/m,
    package: "helm.sh/helm/v4/cmd/helm",
    module: helmModule,
    // Without one it tells that of its branch.
    ldflags: `${small} -X helm.sh/helm/v4/internal/version.version=v${helmVersion}`,
    buildTakes: "about 4 minutes",
  },
};

function goModOf(folder: string): string {
  return readFileSync(join(folder, "go.mod"), "utf8");
}

function kubernetesTool(name: ToolName, buildTakes: string): Tool {
  return {
    name,
    version: kubernetesVersion,
    floor: "1.34",
    environmentVariable: kubebuilderAssets,
    versionArguments: ["--version"],
    versionPattern: /^Kubernetes v(\d+\.\d+(?:\.\d+)?)/m,
    package: `k8s.io/kubernetes/cmd/${name}`,
    module,
    // Without a version of its own it reports one that clients cannot parse.
    ldflags: `${small} -X k8s.io/component-base/version.gitVersion=v${kubernetesVersion}`,
    buildTakes,
  };
}
