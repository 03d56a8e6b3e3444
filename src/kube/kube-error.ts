/** Is the API server's `Status`, as far as we read it. */
export interface Status {
  message?: string;
  reason?: string;
  code?: number;
  details?: { retryAfterSeconds?: number; causes?: { field?: string; message?: string }[] };
}

/**
 * Tells why a request to the API server failed, in a sentence with the verb and the object. It holds
 * nothing of what was sent, so that no credential can get into a log.
 */
export class KubeError extends Error {
  /** The HTTP status; undefined when there was no answer. */
  readonly code: number | undefined;
  /**
   * The `reason` of the API server's Status (`NotFound`, `Conflict`, …). Without an answer one of our
   * own: `ConnectionFailed`, `Timeout`, `Aborted` by the caller, `MalformedAnswer`.
   */
  readonly reason: string;

  constructor(
    message: string,
    options: { code?: number | undefined; reason: string; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "KubeError";
    this.code = options.code;
    this.reason = options.reason;
  }
}

/** Makes the error of an answer that is not a success; `what` is like `get configmaps ns/name`. */
export function statusError(what: string, code: number, status: Status): KubeError {
  const reason = status.reason || `HTTP${code}`;
  const words = status.message || "the API server gave no reason";
  return new KubeError(`cannot ${what}: ${words} (${code} ${reason})`, { code, reason });
}

/** Tells whether the object, or its whole type, is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.code === 404;
}

/** Tells whether the object has changed since it was read, or another field manager owns what was applied. */
export function isConflict(error: unknown): boolean {
  return error instanceof KubeError && error.code === 409 && error.reason !== "AlreadyExists";
}

/** Tells whether an object of that name was there already. */
export function isAlreadyExists(error: unknown): boolean {
  return error instanceof KubeError && error.code === 409 && error.reason === "AlreadyExists";
}

/** Tells whether our account may not do this, or an admission policy refused it. */
export function isForbidden(error: unknown): boolean {
  return error instanceof KubeError && error.code === 403;
}

/** Tells whether the server refuses the object as it is, so that sending it again changes nothing. */
export function isInvalid(error: unknown): boolean {
  return error instanceof KubeError && (error.code === 422 || error.code === 400);
}

/** Tells whether a resourceVersion or a page's `continue` is too old to go on from. */
export function isGone(error: unknown): boolean {
  return error instanceof KubeError && error.code === 410;
}
