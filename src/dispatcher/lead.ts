/** Throws when this replica may no longer change anything: to be called right before each delete. */
export function mustLead({ isLeader }: { isLeader: () => boolean }): void {
  if (!isLeader()) throw new Error("another replica leads now, this one deletes nothing");
}
