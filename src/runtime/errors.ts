/** Gives the sentence of anything that was thrown, with the sentences of its causes behind it. */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // An AggregateError of Node's (a refused dual-stack connect) has an empty message of its own.
  const own =
    error.message === "" && error instanceof AggregateError
      ? error.errors.map(errorMessage).join("; ")
      : error.message;
  if (error.cause === undefined) return own;
  const cause = errorMessage(error.cause);
  // Some wrap an error in another one that says the same.
  return cause === own ? own : `${own}: ${cause}`;
}

/** Reads the `code` of a Node.js system error (`ENOENT`, `ECONNREFUSED`, …). */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}
