import type { TestProject } from "vitest/node";
import { type Cluster, startControlPlane } from "./control-plane.ts";
import { findTools } from "./tools/find-tool.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The control plane of all e2e tests. */
    cluster: Cluster;
  }
}

/** Starts the control plane that all e2e tests share, and ends it after the last one. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // All that a run needs is built together, which takes less time.
  await findTools(["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"]);
  const controlPlane = await startControlPlane();
  project.provide("cluster", controlPlane.cluster);
  return controlPlane.stop;
}
