import { type FSWatcher, watch } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** How long nobody has written before what is there counts. */
const SETTLE_MS = 50;
/** A folder that is never quiet is read all the same. */
const SETTLE_AT_MOST_MS = 1_000;
/** Sees what the system does not tell of: a link's target, a network drive, a folder that was replaced. */
const LOOK_MS = 2_000;

/**
 * Starts to call `onChange` whenever a file, or the files of a folder, may have changed, and now and
 * then without a reason. Gives a function that ends it.
 */
export async function watchPath(path: string, onChange: () => void): Promise<() => void> {
  const { soon, cancel } = afterQuiet(onChange);
  const watchers: FSWatcher[] = [];
  for (const folder of await foldersOf(path)) {
    const watcher = watch(folder, soon);
    // The looks from time to time go on.
    watcher.on("error", () => watcher.close());
    watchers.push(watcher);
  }
  const looks = setInterval(onChange, LOOK_MS);
  return () => {
    cancel();
    clearInterval(looks);
    for (const watcher of watchers) watcher.close();
  };
}

/** Waits until a file has not been written to for a moment: one that is half written may parse, and say less. */
export async function whenSettled(path: string): Promise<void> {
  const deadline = performance.now() + SETTLE_AT_MOST_MS;
  while (performance.now() < deadline) {
    const ageMs = Date.now() - (await stat(path)).mtimeMs;
    // A file of the future was written under another clock.
    if (ageMs >= SETTLE_MS || ageMs < 0) return;
    await sleep(SETTLE_MS - ageMs);
  }
}

/** A file is replaced by a rename (editors), or a folder above it by a link (kubelets): the file itself does not tell. */
async function foldersOf(path: string): Promise<Set<string>> {
  if ((await stat(path)).isDirectory()) return new Set([path]);
  return new Set([dirname(path), dirname(await realpath(path))]);
}

function afterQuiet(onChange: () => void): { soon: () => void; cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  let since = 0;
  return {
    soon() {
      const now = performance.now();
      if (timer === undefined) since = now;
      else if (now - since > SETTLE_AT_MOST_MS) return;
      clearTimeout(timer);
      timer = setTimeout(() => {
        timer = undefined;
        onChange();
      }, SETTLE_MS);
    },
    cancel: () => clearTimeout(timer),
  };
}
