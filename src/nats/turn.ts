/**
 * Collects items and hands them over together, once per turn of the event loop. The client writes
 * what is published in one go to the socket in one piece, so this halves the cost of small messages
 * here and on the server.
 */
export function perTurn<Item>(flush: (items: Item[]) => void): (item: Item) => void {
  let collected: Item[] = [];
  let spare: Item[] = [];
  const run = (): void => {
    const items = collected;
    collected = spare;
    flush(items);
    items.length = 0;
    spare = items;
  };
  return (item) => {
    if (collected.push(item) === 1) setImmediate(run);
  };
}
