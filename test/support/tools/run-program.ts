import { spawn } from "node:child_process";
import { endWithParent } from "../end-with-parent.ts";

/** Holds what a finished program printed (both outputs, in order) and how it ended. */
export interface ProgramResult {
  output: string;
  /** Null when a signal ended it. */
  exitCode: number | null;
}

/** Says where and how a program runs. */
export interface ProgramOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Ends the program after this time; 0 or absent: never. */
  timeoutMs?: number;
  /** A folder that goes when this process ends before the program does. */
  temporaryFolder?: string;
}

/**
 * Runs a program to its end and collects what it prints. A failure of the program is a result; rejects only when it
 * cannot be started at all. The program, with all that it has started, ends when this process does.
 */
export function runProgram(
  path: string,
  programArguments: readonly string[],
  { cwd, env, timeoutMs, temporaryFolder }: ProgramOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, programArguments, {
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env }),
      timeout: timeoutMs ?? 0,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let release = () => {};
    child.once("spawn", () => {
      release = endWithParent({ pid: child.pid as number, temporaryFolder });
    });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.once("error", (cause) => reject(new Error(`${path} cannot be run`, { cause })));
    child.once("close", (exitCode) => {
      release();
      resolve({ output: Buffer.concat(chunks).toString("utf8"), exitCode });
    });
  });
}
