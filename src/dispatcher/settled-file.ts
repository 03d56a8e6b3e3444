import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** How long nobody has written before what is there counts. */
const SETTLE_MS = 50;
/** A file that is never quiet is read all the same. */
const SETTLE_AT_MOST_MS = 1_000;

/** Waits until a file has not been written to for a moment: one that is half written may parse, and say less. */
export async function whenSettled(path: string): Promise<void> {
  const deadline = performance.now() + SETTLE_AT_MOST_MS;
  while (performance.now() < deadline) {
    const ageMs = Date.now() - (await stat(path)).mtimeMs;
    // A file of the future was written under another clock; a moment ahead is the file system's rounding.
    if (ageMs >= SETTLE_MS || ageMs < -SETTLE_AT_MOST_MS) return;
    await sleep(SETTLE_MS - ageMs);
  }
}
