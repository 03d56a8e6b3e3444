import { AuthorizationError, UserAuthenticationExpiredError } from "@nats-io/transport-node";
import { expect, it } from "vitest";
import { connectFailure, expiredFailure } from "../../../src/nats/connect-failure.ts";

const unsigned = "no authority that is trusted has signed the server's certificate";
const refused = "the server has refused our TLS certificate, or the lack of one";

it.each([
  ["DEPTH_ZERO_SELF_SIGNED_CERT", `${unsigned} (tls, DEPTH_ZERO_SELF_SIGNED_CERT)`],
  ["SELF_SIGNED_CERT_IN_CHAIN", `${unsigned} (tls, SELF_SIGNED_CERT_IN_CHAIN)`],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", `${unsigned} (tls, UNABLE_TO_VERIFY_LEAF_SIGNATURE)`],
  ["CERT_HAS_EXPIRED", "the server's certificate has expired (CERT_HAS_EXPIRED)"],
  ["CERT_NOT_YET_VALID", "the server's certificate is not yet valid (CERT_NOT_YET_VALID)"],
  [
    "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
    `${refused} (tls.secretName, ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED)`,
  ],
  ["ECONNREFUSED", "as it was: because"],
])("puts %s into words", (code, sentence) => {
  const error = Object.assign(new Error("as it was", { cause: new Error("because") }), { code });
  expect(connectFailure(error)).toBe(sentence);
});

it("leaves what has no code as it is", () => {
  expect(connectFailure(new Error("authorization violation"))).toBe("authorization violation");
});

const withCode = (code: string) => Object.assign(new Error(`write ${code}`), { code });

it.each([
  ["refused", new AuthorizationError("Authorization Violation"), "authorization violation"],
  ["ended", new UserAuthenticationExpiredError("Expired"), "authorization violation"],
  ["cut short", withCode("EPIPE"), "authorization violation"],
  ["reset", withCode("ECONNRESET"), "authorization violation"],
  ["not even reached", withCode("ECONNREFUSED"), "write ECONNREFUSED"],
])("says of an expired login that is %s that it has expired", (_, error, failure) => {
  expect(expiredFailure(error, "it has expired")).toBe(`${failure}; it has expired`);
});
