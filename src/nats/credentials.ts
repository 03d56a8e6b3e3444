/*
 * Logging in: turns the places of a login into what the client wants for one attempt to connect.
 *
 * The connection calls loginOptions before each attempt, so that a file that was mended or
 * replaced counts at the next one. watchLogin tells when to leave a connection that is still good
 * for one with the new files. Values are read here and handed to the client; they are never kept,
 * logged, or part of an error.
 */
import { X509Certificate } from "node:crypto";
import {
  type ConnectionOptions,
  jwtAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from "@nats-io/transport-node";
import type { LoginAuth, NatsLogin, SecretEntry } from "../api/login.ts";
import { connectFailure, expiredFailure } from "./connect-failure.ts";
import type { SecretFolder } from "./secrets.ts";
import { readTls } from "./tls-files.ts";
import { parseUserCredentials, parseUserSeed } from "./user-key.ts";

/** The part of the client's connection options that a login gives; what the login does not say is absent. */
export type LoginOptions = Pick<ConnectionOptions, "authenticator" | "tls">;

/** A login, or a part of one, and where its Secrets are. */
export interface LoginPart {
  login: NatsLogin;
  secrets: SecretFolder;
}

/**
 * Reads the files of a login, as they are now, into connection options. Throws an error whose
 * sentence names the Secret and the key at fault and what is expected there.
 */
export async function loginOptions(
  { auth, tls }: NatsLogin,
  secrets: SecretFolder,
): Promise<LoginOptions> {
  const options: LoginOptions = {};
  if (auth !== undefined) options.authenticator = await authenticatorFor(auth, secrets);
  if (tls !== undefined) options.tls = { ...(await readTls(tls, secrets)) };
  return options;
}

/**
 * Says why an attempt to connect has failed, after `loginOptions` was fine. A server does not say
 * that a user JWT or a certificate has expired; where ours has, by our clock, that is added.
 */
export async function explainFailure(error: unknown, parts: readonly LoginPart[]): Promise<string> {
  for (const part of parts) {
    // A file that has gone meanwhile is what the next attempt will report.
    const expired = await expiryOf(part).catch(() => undefined);
    if (expired !== undefined) return expiredFailure(error, expired);
  }
  return connectFailure(error);
}

/** When something that a login shows expires. */
export interface Expiry {
  kind: "user-jwt" | "certificate";
  /** The Secret and the key, for people. */
  place: string;
  atMs: number;
}

/** Reads when the user JWT and the certificate of a login expire, as the files are now. */
export async function expiriesOf({ login, secrets }: LoginPart): Promise<Expiry[]> {
  const { auth, tls } = login;
  const expiries: Expiry[] = [];
  if (auth !== undefined && "credentialFile" in auth) {
    const { secret } = auth.credentialFile;
    const { expiresAtMs } = await parsed(secret, secrets, parseUserCredentials);
    const place = secrets.describe(secret.secretName, secret.key);
    if (expiresAtMs !== undefined) expiries.push({ kind: "user-jwt", place, atMs: expiresAtMs });
  }
  if (tls?.secretName === undefined) return expiries;
  const { cert } = await readTls(tls, secrets);
  if (cert === undefined) return expiries;
  const place = secrets.describe(tls.secretName, "tls.crt");
  const atMs = new X509Certificate(cert).validToDate.getTime();
  return [...expiries, { kind: "certificate", place, atMs }];
}

async function expiryOf(part: LoginPart): Promise<string | undefined> {
  const expired = (await expiriesOf(part)).find(({ atMs }) => atMs <= Date.now());
  if (expired === undefined) return undefined;
  const { kind, place, atMs } = expired;
  const what = kind === "user-jwt" ? "user JWT" : "certificate";
  return `the ${what} in ${place} expired at ${new Date(atMs).toISOString()}`;
}

async function authenticatorFor(auth: LoginAuth, secrets: SecretFolder) {
  if ("credentialFile" in auth) {
    // The client's own parser of such files takes neither CRLF nor a missing last line end.
    const { jwt, seed } = await parsed(auth.credentialFile.secret, secrets, parseUserCredentials);
    return jwtAuthenticator(jwt, seed);
  }
  if ("nKey" in auth)
    return nkeyAuthenticator(await parsed(auth.nKey.secret, secrets, parseUserSeed));
  if ("token" in auth) return tokenAuthenticator(await parsed(auth.token.secret, secrets, word));
  const { secretName, usernameKey, passwordKey } = auth.usernamePassword.secret;
  return usernamePasswordAuthenticator(
    await parsed({ secretName, key: usernameKey }, secrets, word),
    await parsed({ secretName, key: passwordKey }, secrets, word),
  );
}

async function parsed<T>(
  { secretName, key }: SecretEntry,
  secrets: SecretFolder,
  parse: (text: string, place: string) => T,
): Promise<T> {
  const place = secrets.describe(secretName, key);
  return parse(textOf(await secrets.read(secretName, key), place), place);
}

function textOf(bytes: Buffer, place: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new Error(`${place} is not text in UTF-8`, { cause: error });
  }
}

/** Reads a value of one line; editors and `echo` put a line end behind it that nobody means. */
function word(text: string, place: string): string {
  const value = text.replace(/\r?\n$/, "");
  if (value === "") throw new Error(`${place} is empty`);
  if (/[\r\n]/.test(value)) throw new Error(`${place} has more than one line`);
  return value;
}
