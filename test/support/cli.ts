/** Runs the command-line tool as a user does: a process with arguments, an environment and perhaps something on stdin. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { endWithParent } from "./end-with-parent.ts";

const main = join(import.meta.dirname, "../../src/cli/main.ts");
const timeoutMs = 60_000;

/** Holds what it printed, and how it ended. */
export interface CliResult {
  out: string;
  err: string;
  exitCode: number | null;
}

/** Runs it to its end. Of the environment it knows only what is said here. */
export function runCli(
  programArguments: readonly string[],
  { env = {}, stdin = "" }: { env?: Record<string, string>; stdin?: string } = {},
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...programArguments], {
      env,
      timeout: timeoutMs,
      detached: true,
    });
    const release = endWithParent({ pid: child.pid as number, temporaryFolder: undefined });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    // A program that does not read it may have ended.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
    child.once("error", reject);
    child.once("close", (exitCode) => {
      release();
      const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString();
      resolve({ out: text(out), err: text(err), exitCode });
    });
  });
}
