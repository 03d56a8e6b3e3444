import type { LogLine } from "../dispatcher-process.ts";

/** Holds a Pod that runs as a process. Process, log and ports are those of its first container. */
export interface RunningPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The address that its status and the EndpointSlices show, which nobody can send to. */
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly isReady: boolean;
  readonly isTerminating: boolean;
  readonly restarts: number;
  /** The process id; undefined while none runs. */
  readonly pid: number | undefined;
  /** The log of all its processes, parsed; what is no JSON is a line with only `msg`. */
  readonly logs: readonly LogLine[];
  /** The last lines of both outputs of its process. */
  readonly lastLines: readonly string[];
  /** Says in a line what it does or what it waits for. */
  readonly summary: string;
  /** Gives `127.0.0.1:<port>` for a port of the manifest, by name or number. Throws while nothing listens there. */
  addressOf(port: number | string): string;
  /** Says where a path of the container is on this machine. */
  hostPath(path: string): string;
  /** Writes new tokens into its volumes, as when they grow old. */
  renewTokens(): Promise<void>;
  /** Sends a signal to its process: SIGKILL is a crash, SIGSTOP a freeze. */
  signal(signal: NodeJS.Signals): void;
}
