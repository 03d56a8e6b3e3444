/**
 * Lets one process at a time do something, across all processes of this user: a lock file that holds the owner's pid.
 * Others wait. A lock whose owner is gone, or has not touched it for a minute (its pid may have passed to another
 * program), is taken over. In the rarest races two processes can hold the lock at once: what runs under it must stay
 * correct then, only wasteful.
 */
import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

const touchEveryMs = 5_000;
const abandonedAfterMs = 60_000;
const askAgainAfterMs = 100;

/** Runs a function while holding the lock file at a path; calls `onWait` once when another process has it. */
export async function withLock<T>(
  path: string,
  run: () => Promise<T>,
  onWait: (ownerPid: number) => void = () => {},
): Promise<T> {
  await acquire(path, onWait);
  const touching = setInterval(() => {
    // A touch can only fail when the lock was taken away, which the next touch would not mend.
    utimes(path, new Date(), new Date()).catch(() => clearInterval(touching));
  }, touchEveryMs);
  touching.unref();
  try {
    return await run();
  } finally {
    clearInterval(touching);
    if ((await ownerOf(path)) === process.pid) {
      await rm(path, { force: true });
    }
  }
}

/** Tells whether a process with this pid exists, also when it belongs to another user. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function acquire(path: string, onWait: (ownerPid: number) => void): Promise<void> {
  let told = false;
  while (!(await tryToCreate(path))) {
    const owner = await ownerOf(path);
    if (owner === undefined) {
      continue;
    }
    if (await isAbandoned(path, owner)) {
      await takeAway(path, owner);
      continue;
    }
    if (!told) {
      told = true;
      onWait(owner);
    }
    await delay(askAgainAfterMs);
  }
}

/** Creates the lock with its content in one step, so that nobody ever reads a lock without an owner. */
async function tryToCreate(path: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, String(process.pid));
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") {
      return false;
    }
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function ownerOf(path: string): Promise<number | undefined> {
  try {
    return Number(await readFile(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return undefined;
    }
    throw error;
  }
}

async function isAbandoned(path: string, owner: number): Promise<boolean> {
  if (!Number.isInteger(owner) || owner <= 0 || !isProcessAlive(owner)) {
    return true;
  }
  try {
    return Date.now() - (await stat(path)).mtimeMs > abandonedAfterMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return false;
    }
    throw error;
  }
}

/** Removes an abandoned lock, and puts it back when it was renewed by somebody else in the meantime. */
async function takeAway(path: string, abandonedBy: number): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return;
    }
    throw error;
  }
  if (!Object.is(await ownerOf(aside), abandonedBy)) {
    await link(aside, path).catch(() => {
      // Somebody has it by now, which is as good.
    });
  }
  await rm(aside, { force: true });
}
