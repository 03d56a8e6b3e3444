import type { V1Container } from "@kubernetes/client-node";
import { type ContainerState, containerStatus } from "./container-state.ts";

/** Holds a container with its present state. */
export interface ContainerView {
  container: V1Container;
  state: ContainerState;
}

/** Says what the status of a Pod is made of. */
export interface PodStatusInput {
  containers: readonly ContainerView[];
  podIp: string;
  hostIp: string;
  startTime: string;
  /** Nothing of it will run again. */
  isOver: boolean;
}

interface Condition {
  type: string;
  status: "True" | "False";
  reason?: string;
  lastTransitionTime: string;
}

/** Makes the status of one Pod again and again, and remembers since when each condition is what it is. */
export class PodStatusBuilder {
  readonly #transitions = new Map<string, { status: string; at: string }>();

  /** Gives the whole status, as a strategic merge patch of it takes it. */
  build({ containers, podIp, hostIp, startTime, isOver }: PodStatusInput): object {
    const states = containers.map(({ state }) => state);
    const areReady = !isOver && states.every(({ ready }) => ready);
    const notReady = isOver ? "PodCompleted" : "ContainersNotReady";
    return {
      phase: phaseOf(states, isOver),
      hostIP: hostIp,
      hostIPs: [{ ip: hostIp }],
      podIP: podIp,
      podIPs: [{ ip: podIp }],
      startTime,
      conditions: [
        this.#condition("PodScheduled", true),
        this.#condition("PodReadyToStartContainers", true),
        this.#condition("Initialized", true),
        this.#condition("ContainersReady", areReady, notReady),
        this.#condition("Ready", areReady, notReady),
      ],
      containerStatuses: containers.map(({ container, state }) =>
        containerStatus(container, state),
      ),
    };
  }

  #condition(type: string, holds: boolean, reason?: string): Condition {
    const status = holds ? "True" : "False";
    let transition = this.#transitions.get(type);
    if (transition?.status !== status) {
      transition = { status, at: new Date().toISOString() };
      this.#transitions.set(type, transition);
    }
    const why = holds || reason === undefined ? {} : { reason };
    return { type, status, ...why, lastTransitionTime: transition.at };
  }
}

function phaseOf(states: readonly ContainerState[], isOver: boolean): string {
  if (isOver) {
    const haveFailed = states.some(
      ({ phase }) => !("terminated" in phase) || phase.terminated.exitCode !== 0,
    );
    return haveFailed ? "Failed" : "Succeeded";
  }
  const haveRun = states.some(({ phase, lastEnd }) => "running" in phase || lastEnd !== undefined);
  return haveRun ? "Running" : "Pending";
}
