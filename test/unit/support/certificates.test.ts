import { X509Certificate } from "node:crypto";
import { expect, it } from "vitest";
import { makeCertificate } from "../../support/certificates.ts";

it("makes a certificate for its hosts that is its own authority", () => {
  const { cert } = makeCertificate({ hosts: ["sink.test", "127.0.0.1"] });
  const parsed = new X509Certificate(cert);
  expect(parsed.subjectAltName).toBe("DNS:sink.test, IP Address:127.0.0.1");
  expect(parsed.ca).toBe(true);
  expect(parsed.verify(parsed.publicKey)).toBe(true);
  expect(parsed.checkHost("other.test")).toBeUndefined();
});

it("makes a certificate that another one has signed", () => {
  const issuer = makeCertificate({ commonName: "test authority" });
  const authority = new X509Certificate(issuer.cert);
  const leaf = new X509Certificate(makeCertificate({ issuer, commonName: "leaf" }).cert);
  expect(leaf.checkIssued(authority)).toBe(true);
  expect(leaf.verify(authority.publicKey)).toBe(true);
  expect(leaf.ca).toBe(false);
});

it("makes a certificate for a user of a group", () => {
  const { cert } = makeCertificate({ commonName: "admin", organization: "system:masters" });
  expect(new X509Certificate(cert).subject).toBe("O=system:masters\nCN=admin");
});

it("makes a certificate that has expired when told so", () => {
  const notAfter = new Date("2020-01-02T03:04:05Z");
  const { cert } = makeCertificate({ notBefore: new Date("2020-01-01T00:00:00Z"), notAfter });
  expect(new X509Certificate(cert).validToDate).toEqual(notAfter);
});
