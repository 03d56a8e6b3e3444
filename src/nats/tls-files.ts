import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { LoginTls } from "../api/login.ts";
import type { SecretFolder } from "./secrets.ts";

/** What TLS is made of, as PEM text. */
export interface TlsMaterial {
  ca?: string;
  cert?: string;
  key?: string;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

interface Source {
  folder: SecretFolder;
  name: string;
}

/**
 * Reads the authorities to trust and the certificate to present. Throws an error whose sentence
 * names Secret and key and what is expected there: a Secret that has no part of it, a certificate
 * without its key, what is not PEM, a key of another certificate.
 */
export async function readTls(tls: LoginTls, secrets: SecretFolder): Promise<TlsMaterial> {
  const authorities: string[] = tls.caBundle === undefined ? [] : [tls.caBundle];
  if (tls.caSecret !== undefined) {
    const { secretName, key } = tls.caSecret;
    authorities.push(await certificates({ folder: secrets, name: secretName }, key));
  }
  if (tls.caConfigMap !== undefined) {
    const { name, key } = tls.caConfigMap;
    authorities.push(await certificates({ folder: secrets.configMaps, name }, key));
  }
  const { ca, ...own } =
    tls.secretName === undefined
      ? {}
      : await readTlsSecret({ folder: secrets, name: tls.secretName });
  if (ca !== undefined) authorities.push(ca);
  return { ...own, ...(authorities.length > 0 ? { ca: authorities.join("\n") } : {}) };
}

async function readTlsSecret(source: Source): Promise<TlsMaterial> {
  const { folder, name } = source;
  const present = async (key: string) => (await folder.readIfThere(name, key)) !== undefined;
  const [hasCa, hasCert, hasKey] = [
    await present("ca.crt"),
    await present("tls.crt"),
    await present("tls.key"),
  ];
  if (!hasCa && !hasCert && !hasKey) {
    throw new Error(`Secret "${name}" has neither ca.crt, nor tls.crt and tls.key`);
  }
  const ca = hasCa ? { ca: await certificates(source, "ca.crt") } : {};
  if (!hasCert && !hasKey) return ca;
  const cert = await certificates(source, "tls.crt");
  const key = (await folder.read(name, "tls.key")).toString();
  const [first = ""] = cert.match(CERTIFICATE) ?? [];
  if (!new X509Certificate(first).checkPrivateKey(privateKey(source, key))) {
    throw new Error(
      `${folder.describe(name, "tls.key")} is not the private key of the certificate in tls.crt`,
    );
  }
  return { ...ca, cert, key };
}

async function certificates({ folder, name }: Source, key: string): Promise<string> {
  const text = (await folder.read(name, key)).toString();
  const found = text.match(CERTIFICATE) ?? [];
  if (found.length === 0 || !found.every(isCertificate)) {
    throw new Error(`${folder.describe(name, key)} is not a certificate in PEM form`);
  }
  return text;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    // Between the right lines, yet nothing that can be read.
    return false;
  }
}

function privateKey({ folder, name }: Source, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new Error(
      `${folder.describe(name, "tls.key")} is not a private key in PEM form without a passphrase`,
      { cause: error },
    );
  }
}
