/** How to log in to NATS, compiled: every default filled in, only places of secret values and never a value. */

/** Is how a connection logs in, and how both ends know each other. Undefined: no login; TLS as the server and the url want it. */
export interface NatsLogin {
  auth: LoginAuth | undefined;
  tls: LoginTls | undefined;
}

/** Is one of the ways to log in. */
export type LoginAuth =
  | { credentialFile: { secret: SecretEntry } }
  | { usernamePassword: { secret: UsernamePasswordEntries } }
  | { token: { secret: SecretEntry } }
  | { nKey: { secret: SecretEntry } };

/** Names one entry of a Secret. */
export interface SecretEntry {
  secretName: string;
  key: string;
}

/** Names the two entries of one Secret that are a login together. */
export interface UsernamePasswordEntries {
  secretName: string;
  usernameKey: string;
  passwordKey: string;
}

/**
 * Is what TLS is made of: `secretName` has ca.crt, or tls.crt and tls.key, or all three. All authorities that are given are trusted, and
 * where one is given, no others. `caBundle` is PEM.
 */
export interface LoginTls {
  secretName: string | undefined;
  caSecret: SecretEntry | undefined;
  caConfigMap: { name: string; key: string } | undefined;
  caBundle: string | undefined;
}

// What the schemas of auth.ts give: they have seen to it that at most one way is there.
interface CheckedAuth {
  credentialFile?: { secret: SecretEntry } | undefined;
  usernamePassword?: { secret: UsernamePasswordEntries } | undefined;
  token?: { secret: SecretEntry } | undefined;
  nKey?: { secret: SecretEntry } | undefined;
}

interface CheckedTls {
  secretName?: string | undefined;
  caSecret?: SecretEntry | undefined;
  caConfigMap?: { name: string; key: string } | undefined;
  caBundle?: string | undefined;
}

/** Compiles a checked `auth`; what is not ours in it is left behind. An `auth` without a way is no login. */
export function compileAuth(auth: CheckedAuth | undefined): LoginAuth | undefined {
  if (auth?.credentialFile) return { credentialFile: { secret: entry(auth.credentialFile) } };
  if (auth?.token) return { token: { secret: entry(auth.token) } };
  if (auth?.nKey) return { nKey: { secret: entry(auth.nKey) } };
  if (!auth?.usernamePassword) return undefined;
  const { secretName, usernameKey, passwordKey } = auth.usernamePassword.secret;
  return { usernamePassword: { secret: { secretName, usernameKey, passwordKey } } };
}

/** Compiles a checked `tls`. */
export function compileTls(tls: CheckedTls | undefined): LoginTls | undefined {
  if (tls === undefined) return undefined;
  const { secretName, caSecret, caConfigMap, caBundle } = tls;
  return {
    secretName,
    caSecret,
    caConfigMap,
    caBundle: caBundle === undefined ? undefined : atob(caBundle),
  };
}

/** Names the Secret that a way to log in is made of. */
export function secretOf(auth: LoginAuth): string {
  const [way] = Object.values(auth) as { secret: { secretName: string } }[];
  return way?.secret.secretName ?? "";
}

/** Names the Secrets and the ConfigMaps that a login is made of, in order: what has to be mounted for it. */
export function namedIn({ auth, tls }: NatsLogin): { secrets: string[]; configMaps: string[] } {
  const ofAuth = auth === undefined ? undefined : secretOf(auth);
  return {
    secrets: sorted([ofAuth, tls?.secretName, tls?.caSecret?.secretName]),
    configMaps: sorted([tls?.caConfigMap?.name]),
  };
}

function sorted(names: (string | undefined)[]): string[] {
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

function entry({ secret: { secretName, key } }: { secret: SecretEntry }): SecretEntry {
  return { secretName, key };
}
