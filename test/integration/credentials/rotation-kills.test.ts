import { nkeys } from "@nats-io/transport-node";
import { makeOperator, seedOf } from "../../support/nats-jwt.ts";
import { describeKills } from "./rotation-kills.ts";
import { SECRET } from "./rotation-world.ts";

const keys = [nkeys.createUser(), nkeys.createUser()] as const;
const operator = makeOperator();
const credentials = [operator.credentials(), operator.credentials()] as const;
const tokens = ["first-token", "second-token"] as const;
const secret = { secretName: SECRET };

/** Reads the user's public key, by which the server calls a user of a JWT. */
function userOf(file: string): string {
  const [, claims = ""] = /^(?:[\w-]+\.)([\w-]+)\.[\w-]+$/m.exec(file) ?? [];
  return (JSON.parse(`${Buffer.from(claims, "base64url")}`) as { sub: string }).sub;
}

describeKills(
  "username and password",
  {
    login: { auth: { usernamePassword: { secret } } },
    server: () =>
      `authorization { users: [ { user: first, password: one }, { user: second, password: two } ] }`,
    secrets: [
      { username: "first", password: "one" },
      { username: "second", password: "two" },
    ],
    users: ["first", "second"],
  },
  { loginWord: 1, firstHalf: ({ username = "" }) => ({ username }) },
);

describeKills(
  "a token",
  {
    login: { auth: { token: { secret } } },
    server: (version) => `authorization { token: ${tokens[version]} }`,
    isExclusive: true,
    secrets: [{ token: tokens[0] }, { token: tokens[1] }],
  },
  { loginWord: 1 },
);

describeKills(
  "an nkey",
  {
    login: { auth: { nKey: { secret } } },
    server: () =>
      `authorization { users: [ ${keys.map((key) => `{ nkey: ${key.getPublicKey()} }`).join()} ] }`,
    secrets: [{ "nats.creds": seedOf(keys[0]) }, { "nats.creds": seedOf(keys[1]) }],
    users: [keys[0].getPublicKey(), keys[1].getPublicKey()],
  },
  { loginWord: 1 },
);

describeKills(
  "a credentials file",
  {
    login: { auth: { credentialFile: { secret } } },
    server: () => operator.config,
    secrets: [{ "nats.creds": credentials[0] }, { "nats.creds": credentials[1] }],
    users: [userOf(credentials[0]), userOf(credentials[1])],
  },
  { loginWord: 1 },
);
