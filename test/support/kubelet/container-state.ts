import type { V1Container, V1ContainerStatus } from "@kubernetes/client-node";

/** Says what a container does now, in the shape of its status. */
export type Phase =
  | { waiting: { reason: string; message?: string } }
  | { running: { startedAt: string } }
  | { terminated: Terminated };

/** Says how a life of a container ended. */
export interface Terminated {
  exitCode: number;
  signal?: number;
  reason: string;
  message?: string;
  startedAt: string;
  finishedAt: string;
  containerID: string;
}

/** Holds what the status of a Pod says about one container. */
export interface ContainerState {
  phase: Phase;
  lastEnd?: Terminated;
  ready: boolean;
  started: boolean;
  restarts: number;
  containerId: string;
}

/** Gives the entry of a container in the status of its Pod; moments are texts, as they go over the wire. */
export function containerStatus(
  { name, image = "" }: V1Container,
  { phase, lastEnd, ready, started, restarts, containerId }: ContainerState,
): Omit<V1ContainerStatus, "state" | "lastState"> & { state: Phase; lastState: object } {
  return {
    name,
    image,
    imageID: image,
    containerID: containerId,
    ready,
    started,
    restartCount: restarts,
    state: phase,
    lastState: lastEnd === undefined ? {} : { terminated: lastEnd },
  };
}
