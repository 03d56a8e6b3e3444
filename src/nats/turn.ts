/*
 * Work that is done together, once per turn of the event loop. The client writes what is published in
 * one go to the socket in one piece; publishes, acks and pulls of a turn in one write instead of one
 * write each is most of what a small message costs, here and on the server.
 */

let queued: (() => void)[] = [];

/** Runs a function at the end of this turn of the event loop, together with all others of the turn. */
export function atEndOfTurn(run: () => void): void {
  if (queued.push(run) === 1) setImmediate(runQueued);
}

function runQueued(): void {
  const runs = queued;
  queued = [];
  let next = 0;
  try {
    while (next < runs.length) runs[next++]?.();
  } finally {
    // One that throws does not take the work of the others with it.
    for (const run of runs.slice(next)) atEndOfTurn(run);
  }
}

/** Collects items and hands them over together at the end of the turn. */
export function perTurn<Item>(flush: (items: Item[]) => void): (item: Item) => void {
  let collected: Item[] = [];
  const run = (): void => {
    const items = collected;
    collected = [];
    flush(items);
  };
  return (item) => {
    if (collected.push(item) === 1) atEndOfTurn(run);
  };
}
