/**
 * Makes X.509 certificates for the TLS servers of tests (RFC 5280), with node:crypto alone: an EC key on P-256, signed by
 * itself or by another certificate made here.
 */
import { Buffer } from "node:buffer";
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4 } from "node:net";
import {
  bitString,
  der,
  derTrue,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  utcTime,
  utf8String,
} from "./der.ts";

const dayMs = 86_400_000;
const ecdsaWithSha256 = sequence(objectIdentifier("1.2.840.10045.4.3.2"));
const commonNameOid = "2.5.4.3";
const organizationOid = "2.5.4.10";
const subjectAltNameOid = "2.5.29.17";
const basicConstraintsOid = "2.5.29.19";

/** Holds a certificate and its private key, both as PEM, as node:https and undici take them. */
export interface Certificate {
  cert: string;
  key: string;
  commonName: string;
}

/** Says what a certificate is for; without anything: `localhost` and 127.0.0.1, valid for a day, signed by itself. */
export interface CertificateOptions {
  commonName?: string;
  /** Names the group of a user for whom the certificate is; an issuer has none. */
  organization?: string;
  /** DNS names and IPv4 addresses of the server. */
  hosts?: readonly string[];
  /** Signs the certificate; without it the certificate is its own authority. */
  issuer?: Certificate;
  notBefore?: Date;
  notAfter?: Date;
}

/** Makes a certificate. One that is signed by itself can be trusted as `ca` and can sign others. */
export function makeCertificate({
  commonName = "jetstream-channel test",
  organization,
  hosts = ["localhost", "127.0.0.1"],
  issuer,
  notBefore = new Date(Date.now() - dayMs),
  notAfter = new Date(Date.now() + dayMs),
}: CertificateOptions = {}): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signer: KeyObject | string = issuer?.key ?? privateKey;
  const version3 = der(0xa0, integer(Buffer.from([2])));
  const toBeSigned = sequence(
    version3,
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256,
    distinguishedName(issuer?.commonName ?? commonName),
    sequence(utcTime(notBefore), utcTime(notAfter)),
    distinguishedName(commonName, organization),
    publicKey.export({ type: "spki", format: "der" }),
    extensions(hosts, issuer === undefined),
  );
  const signature = bitString(sign("sha256", toBeSigned, signer));
  return {
    cert: pem(sequence(toBeSigned, ecdsaWithSha256, signature)),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    commonName,
  };
}

function distinguishedName(commonName: string, organization?: string): Buffer {
  const attribute = (oid: string, value: string) =>
    setOf(sequence(objectIdentifier(oid), utf8String(value)));
  const group = organization === undefined ? [] : [attribute(organizationOid, organization)];
  return sequence(...group, attribute(commonNameOid, commonName));
}

function extensions(hosts: readonly string[], isAuthority: boolean): Buffer {
  const names = hosts.map((host) =>
    isIPv4(host)
      ? der(0x87, Buffer.from(host.split(".").map(Number)))
      : der(0x82, Buffer.from(host)),
  );
  const list = [
    sequence(objectIdentifier(subjectAltNameOid), octetString(sequence(...names))),
    sequence(
      objectIdentifier(basicConstraintsOid),
      derTrue(),
      octetString(isAuthority ? sequence(derTrue()) : sequence()),
    ),
  ];
  return der(0xa3, sequence(...list));
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
