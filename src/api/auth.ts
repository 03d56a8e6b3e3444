import { z } from "zod";
import { alternatives } from "./faults.ts";
import { textThat, withRule } from "./fields.ts";

/**
 * How to log in to NATS: each way names a Secret and the keys in it. Values are never in our objects, only their places; faults do not
 * repeat what they found, since a password may have been put there by mistake.
 */

const WAYS = ["credentialFile", "usernamePassword", "token", "nKey"] as const;

/** The name of a Secret. It becomes a folder's name, so it cannot lead anywhere else. */
export const SecretName = textThat((text) =>
  text.length <= 253 &&
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text)
    ? undefined
    : `a Secret's name (a-z, 0-9, "-" and ".", at most 253 characters) expected`,
);

const SecretKey = textThat((text) =>
  text.length <= 253 && /^[-._a-zA-Z0-9]+$/.test(text) && !text.startsWith("..") && text !== "."
    ? undefined
    : `a key of a Secret (letters, digits, "-", "_" and ".") expected`,
);

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
    if (given.length > 1) addFault([], `one way to log in expected, got ${and(given)}`);
  },
);
export type NatsAuth = z.infer<typeof NatsAuth>;

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
    if (given.length > 1) addFault([], `one way to log in expected, got ${and(given)}`);
    if (given.length === 0) addFault([], `one of ${alternatives(WAYS)} is required`);
  },
);

function waysIn(auth: Readonly<Record<string, unknown>>): string[] {
  return WAYS.filter((way) => auth[way] !== undefined);
}

function and(words: readonly string[]): string {
  return words.join(" and ");
}
