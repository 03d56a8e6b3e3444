/** Runs the command-line tool: as a process, as a user does, or in this one, which is much quicker and leaves out main.ts alone. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { runCommandLine } from "../../src/cli/run.ts";
import { endWithParent } from "./end-with-parent.ts";

const main = join(import.meta.dirname, "../../src/cli/main.ts");
const timeoutMs = 60_000;

/** Holds what it printed, and how it ended. */
export interface CliResult {
  out: string;
  err: string;
  exitCode: number | null;
}

/** Runs it in this process. Of the environment it knows only what is said here. */
export async function runCli(
  programArguments: readonly string[],
  { env = {}, stdin = "" }: { env?: Record<string, string>; stdin?: string } = {},
): Promise<CliResult> {
  const result = { out: "", err: "" };
  const exitCode = await runCommandLine(programArguments, {
    env,
    out(text) {
      result.out += text;
    },
    err(text) {
      result.err += text;
    },
    paint: (_, text) => text,
    readStdin: async () => stdin,
  });
  return { ...result, exitCode };
}

/** Runs it as a process of its own to its end. */
export function runCliProcess(
  programArguments: readonly string[],
  options: {
    env?: Record<string, string>;
    stdin?: string;
    cwd?: string;
    /** Ends reading before anything is printed. */
    closeOut?: boolean;
  } = {},
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...programArguments], {
      env: options.env ?? {},
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      timeout: timeoutMs,
      detached: true,
    });
    const release = endWithParent({ pid: child.pid as number, temporaryFolder: undefined });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    if (options.closeOut === true) child.stdout.destroy();
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    // A program that does not read it may have ended.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.stdin ?? "");
    child.once("error", reject);
    child.once("close", (exitCode) => {
      release();
      const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString();
      resolve({ out: text(out), err: text(err), exitCode });
    });
  });
}
