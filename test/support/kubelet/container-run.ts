/**
 * Runs one container of a Pod as a process, from its creation to the end of the Pod:
 *
 *   1. prepare: environment and command; what is missing is waited for
 *   2. start the process, read its ports from its log, run its probes
 *   3. when it ends, or a probe gives it up: again, at once the first time and then with growing back-off
 *   4. stop: SIGTERM, after the grace period SIGKILL
 *
 * Called by pod-worker.ts, which writes the states of its containers into the Pod's status.
 */
import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { V1Container } from "@kubernetes/client-node";
import { type RunningChild, startChild } from "../child-process.ts";
import { type LogLine, parseLogLine } from "../dispatcher-process.ts";
import { type BoundPorts, createBoundPorts } from "./bound-ports.ts";
import type { ContainerState, Terminated } from "./container-state.ts";
import { NotStartable } from "./not-startable.ts";
import { runProbes } from "./probes.ts";

const tryAgainAfterMs = 1_000;
const firstBackOffMs = 1_000;
const longestBackOffMs = 30_000;
const forgivenAfterMs = 60_000;

/** Says what a process is started with; its ports are not in there yet. */
export interface Prepared {
  command: string;
  arguments: readonly string[];
  env: Record<string, string>;
}

/** Says what is run and who hears of it. */
export interface ContainerRunOptions {
  container: V1Container;
  /** Works out what to start now. Rejects with NotStartable while something is missing. */
  prepare: () => Promise<Prepared>;
  /** Hears of every change of the state. */
  onChange: () => void;
  /** How long a container that a probe gave up may take to end. */
  graceMs: number;
  /** Goes when this process ends before the container does. */
  temporaryFolder: string;
}

/** Runs a container until it is stopped for good. */
export class ContainerRun {
  readonly container: V1Container;
  readonly state: ContainerState = {
    phase: { waiting: { reason: "ContainerCreating" } },
    ready: false,
    started: false,
    restarts: 0,
    containerId: "",
  };
  /** The log of all lives, parsed; what is no JSON is a line with only `msg`. */
  readonly logs: LogLine[] = [];
  readonly #options: ContainerRunOptions;
  readonly #stopping = new AbortController();
  #child: RunningChild | undefined;
  #ports: BoundPorts | undefined;
  #running: Promise<void> | undefined;
  #wake = new AbortController();
  #backOffMs = 0;

  constructor(options: ContainerRunOptions) {
    this.container = options.container;
    this.#options = options;
  }

  /** Begins to run; does nothing the second time. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Tries again at once to start a container that waits for something. */
  retry(): void {
    this.#wake.abort();
  }

  /** Ends the container for good. Resolves when it has ended; a shorter grace period may come later. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#running, this.#child && end(this.#child, graceMs)]);
  }

  /** The process that runs now, or the last one. */
  get child(): RunningChild | undefined {
    return this.#child;
  }

  /** Gives the port of this machine for a name or number of the manifest; undefined while nothing listens there. */
  portOf(port: number | string): number | undefined {
    return this.#ports?.portOf(port);
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const prepared = await this.#prepare();
      if (prepared === undefined || this.#stopping.signal.aborted) continue;
      const endedAfterMs = await this.#live(prepared);
      await this.#backOff(endedAfterMs);
    }
  }

  async #prepare(): Promise<Prepared | undefined> {
    this.#wake = new AbortController();
    try {
      return await this.#options.prepare();
    } catch (error) {
      const reason = error instanceof NotStartable ? error.reason : "CreateContainerError";
      const message = error instanceof Error ? error.message : String(error);
      this.#change({ phase: { waiting: { reason, message } } });
      await this.#pause(tryAgainAfterMs, this.#wake.signal);
      return undefined;
    }
  }

  /** Runs one process to its end; gives how long it lived. */
  async #live({ command, arguments: programArguments, env }: Prepared): Promise<number> {
    const began = Date.now();
    const ports = createBoundPorts(this.container, env);
    let child: RunningChild;
    try {
      child = await startChild({
        command,
        arguments: programArguments,
        env: { ...env, ...ports.variables },
        onLine: (line) => {
          const parsed = parseLogLine(line);
          this.logs.push(parsed);
          ports.read(parsed);
        },
        temporaryFolder: this.#options.temporaryFolder,
      });
    } catch (error) {
      const message = String(error);
      this.#change({ phase: { waiting: { reason: "RunContainerError", message } } });
      return 0;
    }
    this.#child = child;
    this.#ports = ports;
    // It was stopped while the process was being started, so nobody has ended the process.
    if (this.#stopping.signal.aborted) child.signal("SIGKILL");
    const startedAt = new Date(began).toISOString();
    const containerId = `process://${child.pid}`;
    this.#change({ phase: { running: { startedAt } }, containerId });
    await this.#probeUntilEnd(child, ports);
    killGroup(child.pid);
    const terminated = howItEnded(this.container, { child, startedAt, containerId });
    const { restarts } = this.state;
    this.#change({ phase: { terminated }, lastEnd: terminated, ready: false, started: false });
    if (!this.#stopping.signal.aborted) this.state.restarts = restarts + 1;
    return Date.now() - began;
  }

  async #probeUntilEnd(child: RunningChild, ports: BoundPorts): Promise<void> {
    const ended = new AbortController();
    const probing = runProbes({
      container: this.container,
      portOf: ports.portOf,
      onStarted: () => this.#change({ started: true }),
      onReady: (ready) => this.#change({ ready }),
      onUnhealthy: (sentence) => {
        if (this.#stopping.signal.aborted) return;
        this.logs.push({ msg: `${sentence}: the container is stopped` });
        void end(child, this.#options.graceMs);
      },
      signal: ended.signal,
    });
    await child.ended;
    ended.abort();
    await probing;
  }

  async #backOff(livedMs: number): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const waitMs = livedMs >= forgivenAfterMs ? 0 : this.#backOffMs;
    this.#backOffMs = Math.min(Math.max(waitMs * 2, firstBackOffMs), longestBackOffMs);
    if (waitMs === 0) return;
    const message = `back-off ${waitMs} ms restarting a container that ended`;
    this.#change({ phase: { waiting: { reason: "CrashLoopBackOff", message } } });
    await this.#pause(waitMs);
  }

  #change(change: Partial<ContainerState>): void {
    Object.assign(this.state, change);
    this.#options.onChange();
  }

  async #pause(ms: number, ...signals: AbortSignal[]): Promise<void> {
    const signal = AbortSignal.any([this.#stopping.signal, ...signals]);
    await delay(ms, undefined, { signal }).catch(() => {});
  }
}

async function end(child: RunningChild, graceMs: number): Promise<void> {
  child.signal("SIGTERM");
  // One that is paused could not hear it.
  const timer = setTimeout(() => child.signal("SIGKILL"), graceMs);
  await child.ended;
  clearTimeout(timer);
}

/** Ends what a program has left behind, as the end of a container does. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing is left.
  }
}

function howItEnded(
  { terminationMessagePolicy }: V1Container,
  life: { child: RunningChild; startedAt: string; containerId: string },
): Terminated {
  const { exitCode, signal } = life.child.end() ?? { exitCode: null, signal: null };
  const number = signal === null ? 0 : constants.signals[signal];
  const code = exitCode ?? 128 + number;
  const tellsLog = code !== 0 && terminationMessagePolicy === "FallbackToLogsOnError";
  return {
    exitCode: code,
    ...(number === 0 ? {} : { signal: number }),
    reason: code === 0 ? "Completed" : "Error",
    ...(tellsLog ? { message: life.child.lastLines.slice(-80).join("\n").slice(-2048) } : {}),
    startedAt: life.startedAt,
    finishedAt: new Date().toISOString(),
    containerID: life.containerId,
  };
}
