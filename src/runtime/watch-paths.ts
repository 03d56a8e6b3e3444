/*
 * Watches files and folders for what the system reports, without looking from time to time.
 *
 * What a path leads to depends on every folder and every link on its way. So all of those are
 * watched, each for the names on the way alone: a link that is swapped (as a kubelet does), a
 * folder that is replaced, removed or not yet there, a file written in place or renamed over. For
 * a folder its entries count, links among them followed. After each change the way is walked
 * anew, and only then is the change reported, so that whoever reads afterwards misses nothing.
 *
 * Does not read, and does not know what has changed. Drives of other machines report nothing.
 */
import { type FSWatcher, watch } from "node:fs";
import { resolve } from "node:path";
import { errorCode } from "./errors.ts";
import { fingerprintOf, type Names, placesOf } from "./path-places.ts";

/** How long nobody has written before a change is reported. */
const SETTLE_MS = 50;
/** What is never quiet is reported all the same. */
const SETTLE_AT_MOST_MS = 1_000;
/** When the system has no watch left to give, looking now and then is what remains. */
const LOOK_MS = 10_000;
/**
 * Calls `onChange` soon after what the paths lead to may have changed; the paths need not exist.
 * Gives a function that ends it. A change right after the call is already seen.
 */
export function watchPaths(paths: readonly string[], onChange: () => void): () => void {
  const watched = new WatchedPaths(paths, onChange);
  return () => watched.close();
}

class WatchedPaths {
  readonly #paths: readonly string[];
  readonly #onChange: () => void;
  #watchers: FSWatcher[] = [];
  #settling: NodeJS.Timeout | undefined;
  #look: NodeJS.Timeout | undefined;
  #changingSince = 0;
  #isClosed = false;

  constructor(paths: readonly string[], onChange: () => void) {
    this.#paths = paths.map((path) => resolve(path));
    this.#onChange = onChange;
    this.#watchAnew();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#settling);
    this.#unwatch();
  }

  #unwatch(): void {
    clearTimeout(this.#look);
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #watchAnew(): void {
    let places = placesOf(this.#paths);
    for (;;) {
      this.#unwatch();
      for (const [folder, names] of places) this.#watch(folder, names);
      const after = placesOf(this.#paths);
      // What changed between the walk and the watch was not reported.
      if (fingerprintOf(after) === fingerprintOf(places)) return;
      places = after;
    }
  }

  #watch(folder: string, names: Names): void {
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        if (names === "every" || name === null || names.has(name)) this.#changed();
      });
      watcher.on("error", () => this.#changed());
      this.#watchers.push(watcher);
    } catch (error) {
      // A folder that is gone is missed in its parent; one that may not be read is no entry of ours.
      if (["ENOENT", "ENOTDIR", "EACCES", "EPERM"].includes(errorCode(error) ?? "")) return;
      clearTimeout(this.#look);
      this.#look = setTimeout(() => this.#changed(), LOOK_MS).unref();
    }
  }

  #changed(): void {
    if (this.#isClosed) return;
    const now = performance.now();
    if (this.#settling === undefined) this.#changingSince = now;
    else if (now - this.#changingSince > SETTLE_AT_MOST_MS) return;
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      this.#watchAnew();
      this.#onChange();
    }, SETTLE_MS);
  }
}
