/**
 * Gives what changes streams and consumers, for one request: to be asked for right before each. Throws
 * when this replica may not change anything any more.
 */
export function leading<Manager>({
  jsm,
  isLeader,
}: {
  jsm: Manager;
  isLeader: () => boolean;
}): Manager {
  if (!isLeader()) throw new Error("another replica leads now, this one changes nothing");
  return jsm;
}
