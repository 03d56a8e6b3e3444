import { z } from "zod";
import { alternatives } from "./faults.ts";
import { CaCertificates, textThat, withRule } from "./fields.ts";

/**
 * How to log in to NATS, as it is written: each way names a Secret and the keys in it. Values are never in our objects, only their places;
 * faults do not repeat what they found, since a password may have been put there by mistake.
 */

const WAYS = ["credentialFile", "usernamePassword", "token", "nKey"] as const;

const NAME = "[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

// The names become folders' and files' names, so they must not lead anywhere else.
const SecretName = nameOf("Secret");
const ConfigMapName = nameOf("ConfigMap");
const SecretKey = keyOf("Secret");
const ConfigMapKey = keyOf("ConfigMap");

const NAMED_SECRET = SecretName.describe("Name of the Secret.");

const CREDENTIAL_FILE = {
  secretName: NAMED_SECRET,
  key: SecretKey.default("nats.creds").describe("Key of the Secret; unset: nats.creds."),
};
const TOKEN = {
  secretName: NAMED_SECRET,
  key: SecretKey.default("token").describe("Key of the Secret; unset: token."),
};
const USERNAME_PASSWORD = {
  secretName: NAMED_SECRET,
  usernameKey: SecretKey.default("username").describe("Key of the user's name; unset: username."),
  passwordKey: SecretKey.default("password").describe("Key of the password; unset: password."),
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

const SECRET = "The Secret, in the channel's namespace.";

/** Says how one channel logs in, where it does so by itself: exactly one way. Unknown fields pass, as everywhere in a channel. */
export const ChannelAuth = withRule(
  z.looseObject({
    credentialFile: z
      .looseObject({ secret: z.looseObject(CREDENTIAL_FILE).describe(SECRET) })
      .optional()
      .describe("Log in with a credentials file: a user's JWT and key."),
    usernamePassword: z
      .looseObject({ secret: z.looseObject(USERNAME_PASSWORD).describe(SECRET) })
      .optional()
      .describe("Log in with a user's name and password."),
    token: z
      .looseObject({ secret: z.looseObject(TOKEN).describe(SECRET) })
      .optional()
      .describe("Log in with a token."),
    nKey: z
      .looseObject({ secret: z.looseObject(CREDENTIAL_FILE).describe(SECRET) })
      .optional()
      .describe("Log in with the seed of an nkey."),
  }),
  (auth, addFault) => {
    const given = waysIn(auth);
    if (given.length > 1) addFault([], `one way to log in expected, got ${given.join(" and ")}`);
    if (given.length === 0) addFault([], `one of ${alternatives(WAYS)} is required`);
  },
  {
    rule: `[${WAYS.map((way) => `has(self.${way})`).join(", ")}].exists_one(given, given)`,
    message: `one way to log in expected: ${alternatives(WAYS)}`,
    reason: "FieldValueForbidden",
  },
);

const TLS_FIELDS = {
  secretName: SecretName.optional().describe(
    "Name of a Secret of type kubernetes.io/tls: its ca.crt verifies the server, its tls.crt and tls.key are shown to it.",
  ),
  caSecret: z
    .strictObject({
      secretName: NAMED_SECRET,
      key: SecretKey.default("ca.crt").describe("Key of the Secret."),
    })
    .optional()
    .describe("A Secret with the authorities that the server's certificate must be signed by."),
  caConfigMap: z
    .strictObject({
      name: ConfigMapName.describe("Name of the ConfigMap."),
      key: ConfigMapKey.default("ca.crt").describe("Key of the ConfigMap."),
    })
    .optional()
    .describe("A ConfigMap with such authorities."),
  caBundle: textThat((text) =>
    CaCertificates.safeParse(decoded(text)).success && decoded(text) !== ""
      ? undefined
      : "certificates in PEM form, in base64, expected",
  )
    .optional()
    .describe("Such authorities themselves: PEM, in base64."),
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
  const fault = `a ${kind}'s name (a-z, 0-9, "-" and ".", at most 253 characters) expected`;
  const isName = new RegExp(`^${NAME}$`);
  return textThat((text) => (text.length <= 253 && isName.test(text) ? undefined : fault), {
    rule: `size(self) <= 253 && self.matches('^${NAME}$')`,
    message: fault,
    reason: "FieldValueForbidden",
  });
}

function keyOf(kind: string) {
  const fault = `a key of a ${kind} (letters, digits, "-", "_" and ".") expected`;
  return textThat(
    (text) =>
      text.length <= 253 && /^[-._a-zA-Z0-9]+$/.test(text) && !text.startsWith("..") && text !== "."
        ? undefined
        : fault,
    {
      rule: "size(self) <= 253 && self.matches('^[-._a-zA-Z0-9]+$') && !self.startsWith('..') && self != '.'",
      message: fault,
      reason: "FieldValueForbidden",
    },
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
