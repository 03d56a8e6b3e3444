import { readdir, readFile } from "node:fs/promises";
import { errorCode } from "../../src/runtime/errors.ts";
import { eventually } from "./eventually.ts";

/** Resolves when not one thread of a process that got SIGSTOP runs any more: the signal takes a moment. */
export async function stopped(pid: number): Promise<void> {
  await eventually(() => isStopped(pid), { within: 10_000, what: `process ${pid} to stop` });
}

async function isStopped(pid: number): Promise<boolean> {
  try {
    const threads = await readdir(`/proc/${pid}/task`);
    const states = await Promise.all(threads.map((thread) => stateOf(pid, thread)));
    return states.every((state) => state === "T");
  } catch (error) {
    // A system without /proc does not say.
    if (errorCode(error) === "ENOENT") return true;
    throw error;
  }
}

/** Reads the state letter, which stands behind the program's name in brackets (proc_pid_stat(5)). */
async function stateOf(pid: number, thread: string): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).at(0);
}
