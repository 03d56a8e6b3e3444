import { z } from "zod";
import { alternatives } from "./faults.ts";
import { CaCertificates, textThat, withRule } from "./fields.ts";

/**
 * How to log in to NATS, as it is written: each way names a Secret and the keys in it. Values are never in our objects, only their places;
 * faults do not repeat what they found, since a password may have been put there by mistake.
 */

const WAYS = ["credentialFile", "usernamePassword", "token", "nKey"] as const;

// The names become folders' and files' names, so they must not lead anywhere else.
const SecretName = nameOf("Secret");
const ConfigMapName = nameOf("ConfigMap");
const SecretKey = keyOf("Secret");
const ConfigMapKey = keyOf("ConfigMap");

const CREDENTIAL_FILE = { secretName: SecretName, key: SecretKey.default("nats.creds") };
const TOKEN = { secretName: SecretName, key: SecretKey.default("token") };
const USERNAME_PASSWORD = {
  secretName: SecretName,
  usernameKey: SecretKey.default("username"),
  passwordKey: SecretKey.default("password"),
};

/** Says how a dispatcher logs in: at most one way. A typo is a fault. */
export const NatsAuth = withRule(
  z.strictObject({
    credentialFile: z.strictObject({ secret: z.strictObject(CREDENTIAL_FILE) }).optional(),
    usernamePassword: z.strictObject({ secret: z.strictObject(USERNAME_PASSWORD) }).optional(),
    token: z.strictObject({ secret: z.strictObject(TOKEN) }).optional(),
    nKey: z.strictObject({ secret: z.strictObject(CREDENTIAL_FILE) }).optional(),
  }),
  (auth, addFault) => {
    const given = waysIn(auth);
    if (given.length > 1) addFault([], `one way to log in expected, got ${given.join(" and ")}`);
  },
);

/** Says how one channel logs in, where it does so by itself: exactly one way. Unknown fields pass, as everywhere in a channel. */
export const ChannelAuth = withRule(
  z.looseObject({
    credentialFile: z.looseObject({ secret: z.looseObject(CREDENTIAL_FILE) }).optional(),
    usernamePassword: z.looseObject({ secret: z.looseObject(USERNAME_PASSWORD) }).optional(),
    token: z.looseObject({ secret: z.looseObject(TOKEN) }).optional(),
    nKey: z.looseObject({ secret: z.looseObject(CREDENTIAL_FILE) }).optional(),
  }),
  (auth, addFault) => {
    const given = waysIn(auth);
    if (given.length > 1) addFault([], `one way to log in expected, got ${given.join(" and ")}`);
    if (given.length === 0) addFault([], `one of ${alternatives(WAYS)} is required`);
  },
);

const TLS_FIELDS = {
  secretName: SecretName.optional(),
  caSecret: z.strictObject({ secretName: SecretName, key: SecretKey.default("ca.crt") }).optional(),
  caConfigMap: z
    .strictObject({ name: ConfigMapName, key: ConfigMapKey.default("ca.crt") })
    .optional(),
  caBundle: textThat((text) =>
    CaCertificates.safeParse(decoded(text)).success && decoded(text) !== ""
      ? undefined
      : "certificates in PEM form, in base64, expected",
  ).optional(),
};

/** Says how a dispatcher and its server know each other. Nothing in it is a fault: it could look as if a server were verified by our CA. */
export const NatsTls = withRule(z.strictObject(TLS_FIELDS), (tls, addFault) => {
  const fields = Object.keys(TLS_FIELDS);
  // A field that is not known is a fault by itself.
  if (Object.keys(tls).length === 0) addFault([], `one of ${alternatives(fields)} is required`);
});

/** Lists the ways to log in that an `auth` has, sound or not. */
export function waysIn(auth: unknown): string[] {
  if (typeof auth !== "object" || auth === null) return [];
  return WAYS.filter((way) => (auth as Readonly<Record<string, unknown>>)[way] !== undefined);
}

function nameOf(kind: string) {
  return textThat((text) =>
    text.length <= 253 &&
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text)
      ? undefined
      : `a ${kind}'s name (a-z, 0-9, "-" and ".", at most 253 characters) expected`,
  );
}

function keyOf(kind: string) {
  return textThat((text) =>
    text.length <= 253 && /^[-._a-zA-Z0-9]+$/.test(text) && !text.startsWith("..") && text !== "."
      ? undefined
      : `a key of a ${kind} (letters, digits, "-", "_" and ".") expected`,
  );
}

function decoded(base64: string): string {
  try {
    return atob(base64);
  } catch {
    // Not base64 is no certificate either.
    return "";
  }
}
