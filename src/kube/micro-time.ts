/** Writes a time with the six digits that Leases and Events must have. */
export function microTime(time: Date): string {
  return time.toISOString().replace("Z", "000Z");
}
