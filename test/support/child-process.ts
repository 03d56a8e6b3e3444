/**
 * Runs the programs of a test as child processes: what they print is kept, their end can be awaited, and they end with
 * the process that started them, however that ends (kill -9 included). Used by the runners of single programs.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { endWithParent } from "./end-with-parent.ts";

const keptLines = 200;

/** Says what to run. */
export interface ChildOptions {
  command: string;
  arguments: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Called for each line on standard output, without its end. */
  onLine?: (line: string) => void;
  /** A folder that goes when this process ends without having stopped the child. */
  temporaryFolder?: string;
}

/** Holds a running, or ended, program. */
export interface RunningChild {
  readonly pid: number;
  /** The last 200 lines of both outputs. */
  readonly lastLines: readonly string[];
  /** Resolves once it has ended and all it printed is read. */
  readonly ended: Promise<ChildEnd>;
  /** Tells whether it has ended, and how. */
  end(): ChildEnd | undefined;
  /** Sends a signal without waiting for anything; nothing happens when it has ended. */
  signal(signal: NodeJS.Signals): void;
}

/** Says how a program ended: by an exit code or by a signal. */
interface ChildEnd {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
}

/** Starts a program. Rejects when it cannot be started. */
export async function startChild(options: ChildOptions): Promise<RunningChild> {
  // In a process group of its own, so that Ctrl-C on the terminal reaches only the parent, which ends its children in order.
  const child = spawn(options.command, options.arguments, {
    env: options.env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) =>
      reject(new Error(`${options.command} cannot be started`, { cause })),
    );
  });
  const pid = child.pid as number;
  const release = endWithParent({ pid, temporaryFolder: options.temporaryFolder });
  const lastLines: string[] = [];
  const keep = (line: string) => {
    lastLines.push(line);
    if (lastLines.length > keptLines) {
      lastLines.shift();
    }
  };
  eachLine(child.stderr, keep);
  eachLine(child.stdout, (line) => {
    keep(line);
    options.onLine?.(line);
  });
  let end: ChildEnd | undefined;
  const ended = new Promise<ChildEnd>((resolve) => {
    child.once("close", (exitCode, signal) => {
      release();
      end = { exitCode, signal };
      resolve(end);
    });
  });
  return {
    pid,
    lastLines,
    ended,
    end: () => end,
    signal: (signal) => void child.kill(signal),
  };
}

function eachLine(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", onLine);
}
