import { AuthorizationError, UserAuthenticationExpiredError } from "@nats-io/transport-node";
import { errorCode, errorMessage } from "../runtime/errors.ts";

const UNKNOWN_AUTHORITY = [
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
];

/**
 * Says why a connection could not be made: what OpenSSL writes for itself is put into words, with
 * the field of the configuration that mends it; the rest stays as it is.
 */
export function connectFailure(error: unknown): string {
  const code = errorCode(error) ?? "";
  if (UNKNOWN_AUTHORITY.includes(code)) {
    return `no authority that is trusted has signed the server's certificate (tls, ${code})`;
  }
  if (code === "CERT_HAS_EXPIRED") return `the server's certificate has expired (${code})`;
  if (code === "CERT_NOT_YET_VALID") return `the server's certificate is not yet valid (${code})`;
  if (/^ERR_SSL_.*ALERT/.test(code)) {
    return `the server has refused our TLS certificate, or the lack of one (tls.secretName, ${code})`;
  }
  return errorMessage(error);
}

/** Tells whether the server has said that the login is not, or no longer, one of its own. */
export function isRefusedLogin(error: unknown): boolean {
  return error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError;
}

/**
 * Says why a connection could not be made with a login that has expired. A server that cuts the
 * connection short means the same as one that says so; one sentence for all is one line in the log.
 */
export function expiredFailure(error: unknown, expired: string): string {
  const isCutShort = ["EPIPE", "ECONNRESET"].includes(errorCode(error) ?? "");
  const isRefused = isCutShort || isRefusedLogin(error);
  return `${isRefused ? "authorization violation" : connectFailure(error)}; ${expired}`;
}
