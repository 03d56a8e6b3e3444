import { createHash, type Hash } from "node:crypto";
import type { LoginAuth, LoginTls, NatsLogin, SecretEntry } from "../api/login.ts";
import { errorMessage } from "../runtime/errors.ts";
import type { SecretFolder } from "./secrets.ts";

/** Is what a login is made of: entries of Secrets, and of ConfigMaps (with the name of one in `secretName`). */
interface LoginFiles {
  secrets: SecretEntry[];
  configMaps: SecretEntry[];
}

/**
 * Calls `onChange` when the content of a file that the login is made of has changed, one that
 * comes or goes included; a file that is written with the same content is no change. Gives a
 * function that ends it. Begin before the first `loginOptions`, so that no change falls between.
 */
export function watchLogin(
  login: NatsLogin,
  secrets: SecretFolder,
  onChange: () => void,
): () => void {
  const files: LoginFiles = {
    secrets: [...authFiles(login.auth), ...tlsFiles(login.tls)],
    configMaps: caFiles(login.tls),
  };
  let isEnded = false;
  let known = digestOf(files, secrets);
  // One look after the other, so that the latest is the one that counts.
  const look = () => {
    known = known.then(async (before) => {
      const after = await digestOf(files, secrets);
      if (after !== before && !isEnded) onChange();
      return after;
    });
  };
  const ends = [
    secrets.watch(namesOf(files.secrets), look),
    secrets.configMaps.watch(namesOf(files.configMaps), look),
  ];
  return () => {
    isEnded = true;
    for (const end of ends) end();
  };
}

function authFiles(auth: LoginAuth | undefined): SecretEntry[] {
  if (auth === undefined) return [];
  if ("credentialFile" in auth) return [auth.credentialFile.secret];
  if ("nKey" in auth) return [auth.nKey.secret];
  if ("token" in auth) return [auth.token.secret];
  const { secretName, usernameKey, passwordKey } = auth.usernamePassword.secret;
  return [
    { secretName, key: usernameKey },
    { secretName, key: passwordKey },
  ];
}

function tlsFiles(tls: LoginTls | undefined): SecretEntry[] {
  const files = tls?.caSecret === undefined ? [] : [tls.caSecret];
  const secretName = tls?.secretName;
  if (secretName === undefined) return files;
  return [...files, ...["ca.crt", "tls.crt", "tls.key"].map((key) => ({ secretName, key }))];
}

function caFiles(tls: LoginTls | undefined): SecretEntry[] {
  if (tls?.caConfigMap === undefined) return [];
  return [{ secretName: tls.caConfigMap.name, key: tls.caConfigMap.key }];
}

function namesOf(entries: SecretEntry[]): string[] {
  return [...new Set(entries.map(({ secretName }) => secretName))];
}

async function digestOf(files: LoginFiles, secrets: SecretFolder): Promise<string> {
  const hash = createHash("sha256");
  for (const entry of files.secrets) await addTo(hash, entry, secrets);
  for (const entry of files.configMaps) await addTo(hash, entry, secrets.configMaps);
  return hash.digest("hex");
}

async function addTo(hash: Hash, { secretName, key }: SecretEntry, folder: SecretFolder) {
  try {
    const value = await folder.readIfThere(secretName, key);
    // The length goes before the value, so that no two sets of files look alike.
    hash.update(value === undefined ? "none;" : `${value.length};`).update(value ?? "");
  } catch (error) {
    // A file that cannot be read is a state like any other; loginOptions says what is wrong with it.
    hash.update(`unreadable;${errorMessage(error)};`);
  }
}
