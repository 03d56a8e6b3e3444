import { spawn } from "node:child_process";

/** Names what must not outlive this process. */
export interface Dependant {
  /** The leader of a process group of its own (spawned `detached`); the whole group ends. */
  pid: number;
  /** A folder that goes too. */
  temporaryFolder?: string | undefined;
}

const script = `read -r _
kill -9 -"$1"
if [ -n "$2" ]; then rm -rf "$2" || { sleep 1; rm -rf "$2"; }; fi`;

/**
 * Sees to it that a child process ends when this one does, and gives a function that calls that off. A small shell waits
 * until its standard input ends, which happens with us: an exit handler would not run when this process is killed itself,
 * as test runners do with workers that do not answer.
 */
export function endWithParent({ pid, temporaryFolder = "" }: Dependant): () => void {
  const watcher = spawn("/bin/sh", ["-c", script, "sh", String(pid), temporaryFolder], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  watcher.unref();
  return () => watcher.kill("SIGKILL");
}
