import { inspect } from "node:util";
import { nkeys } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { LoginTls, NatsLogin } from "../../../src/api/login.ts";
import { loginOptions } from "../../../src/nats/credentials.ts";
import { watchLogin } from "../../../src/nats/login-watch.ts";
import { SecretFolder } from "../../../src/nats/secrets.ts";
import { makeCertificate } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { credentialsFile, decoratedSeed, makeOperator, seedOf } from "../../support/nats-jwt.ts";
import { makeSecretFiles, type SecretFiles } from "../../support/secret-files.ts";

const one = makeCertificate();
const two = makeCertificate();
const userSeed = seedOf(nkeys.createUser());
const accountSeed = seedOf(nkeys.createAccount());
const creds = makeOperator().credentials();
const jwt = creds.split("\n")[1] ?? "";
const entries = (secretName: string) => ({ secret: { secretName, key: "nats.creds" } });

let files: SecretFiles;
let secrets: SecretFolder;

beforeAll(async () => {
  files = await makeSecretFiles();
  secrets = new SecretFolder({ root: files.root, namespace: "default" });
});

afterAll(() => files.remove());

function withAuth(auth: NatsLogin["auth"]): NatsLogin {
  return { auth, tls: undefined };
}

function withTls(tls: Partial<LoginTls>): NatsLogin {
  const nothing = {
    secretName: undefined,
    caSecret: undefined,
    caConfigMap: undefined,
    caBundle: undefined,
  };
  return { auth: undefined, tls: { ...nothing, ...tls } };
}

it("says nothing where the login says nothing, so that the url counts", async () => {
  expect(await loginOptions({ auth: undefined, tls: undefined }, secrets)).toEqual({});
});

it("gives what the files have as PEM text", async () => {
  await files.put("tls", { "ca.crt": one.cert, "tls.crt": two.cert, "tls.key": two.key });
  await files.put("configmap_ca", { "ca.crt": two.cert });
  const login = withTls({ secretName: "tls", caConfigMap: { name: "ca", key: "ca.crt" } });
  const { tls } = await loginOptions(login, secrets);
  expect(tls).toEqual({
    ca: expect.stringContaining(one.cert),
    cert: two.cert,
    key: two.key,
  });
  expect(tls?.ca).toContain(two.cert);
});

it.each([
  ["a token that is empty", { token: "" }, 'key "token" of Secret "faulty" is empty'],
  ["a token that is a line end", { token: "\n" }, 'key "token" of Secret "faulty" is empty'],
  [
    "a token of two lines",
    { token: "hunter2\nhunter2" },
    'key "token" of Secret "faulty" has more than one line',
  ],
  [
    "a token that is no text",
    { token: Buffer.from([0x68, 0xff]) },
    'key "token" of Secret "faulty" is not text in UTF-8',
  ],
])("refuses %s", async (_, values, sentence) => {
  await files.put("faulty", values);
  const login = withAuth({ token: { secret: { secretName: "faulty", key: "token" } } });
  expect(await faultOf(login, values)).toBe(sentence);
});

it("takes a password with blanks, and needs both keys", async () => {
  const secret = { secretName: "login", usernameKey: "username", passwordKey: "password" };
  const login = withAuth({ usernamePassword: { secret } });
  await files.put("login", { username: "knative" });
  await expect(loginOptions(login, secrets)).rejects.toThrow(
    'key "password" of Secret "login" is not there',
  );
  await files.put("login", { password: " pass word \r\n" });
  const { authenticator } = await loginOptions(login, secrets);
  if (typeof authenticator !== "function") throw new Error("one authenticator expected");
  expect(authenticator()).toEqual({ user: "knative", pass: " pass word " });
});

it.each([
  ["nothing", ""],
  ["words", "hunter2"],
  ["the seed of an account", accountSeed],
  ["a seed with a wrong letter", wrongLetter(userSeed)],
  ["a public key", nkeys.createUser().getPublicKey()],
])("refuses %s for an nkey seed", async (_, text) => {
  await files.put("nkey", { "nats.creds": text });
  expect(await faultOf(withAuth({ nKey: entries("nkey") }), { text })).toBe(
    'key "nats.creds" of Secret "nkey" holds no nkey seed of a user (SU…)',
  );
});

it.each([
  ["a seed alone", decoratedSeed(userSeed), "holds no user JWT"],
  ["three words that are no JWT", credentialsFile("a.b.c", userSeed), "holds no user JWT"],
  ["a JWT alone", jwt, "holds no nkey seed of a user (SU…)"],
  [
    "a JWT with an account's seed",
    credentialsFile(jwt, accountSeed),
    "holds no nkey seed of a user (SU…)",
  ],
  [
    "a JWT with another user's seed",
    credentialsFile(jwt, userSeed),
    "holds a user JWT and the seed of another key",
  ],
])("refuses %s for a credentials file", async (_, text, sentence) => {
  await files.put("creds", { "nats.creds": text });
  expect(await faultOf(withAuth({ credentialFile: entries("creds") }), { text })).toBe(
    `key "nats.creds" of Secret "creds" ${sentence}`,
  );
});

it.each([
  [
    "no part of TLS",
    { "tls.pem": one.cert },
    'Secret "no-tls" has neither ca.crt, nor tls.crt and tls.key',
  ],
  [
    "a certificate without its key",
    { "tls.crt": one.cert },
    'key "tls.key" of Secret "no-tls" is not there (no file …/default/no-tls/tls.key)',
  ],
  [
    "a key without its certificate",
    { "tls.key": one.key },
    'key "tls.crt" of Secret "no-tls" is not there (no file …/default/no-tls/tls.crt)',
  ],
  [
    "the key of another certificate",
    { "tls.crt": one.cert, "tls.key": two.key },
    'key "tls.key" of Secret "no-tls" is not the private key of the certificate in tls.crt',
  ],
  [
    "words for a key",
    { "tls.crt": one.cert, "tls.key": "hunter2" },
    'key "tls.key" of Secret "no-tls" is not a private key in PEM form without a passphrase',
  ],
  [
    "a key where a certificate belongs",
    { "ca.crt": one.key },
    'key "ca.crt" of Secret "no-tls" is not a certificate in PEM form',
  ],
  [
    "a broken certificate behind a sound one",
    {
      "ca.crt": `${one.cert}${one.cert.replace("MII", "MIX").slice(0, 200)}\n-----END CERTIFICATE-----`,
    },
    'key "ca.crt" of Secret "no-tls" is not a certificate in PEM form',
  ],
])("refuses a Secret with %s", async (_, values, sentence) => {
  await files.put("no-tls", values);
  expect(await faultOf(withTls({ secretName: "no-tls" }), values)).toBe(sentence);
  await files.remove();
});

it("reports a change of content, once, and not the same content again", async () => {
  const secret = { secretName: "watched", key: "token" };
  await files.mount("watched", { token: "one", other: "one" });
  let changes = 0;
  let looks = 0;
  const ends = [
    watchLogin(withAuth({ token: { secret } }), secrets, () => changes++),
    secrets.watch(["watched"], () => looks++),
  ];
  const mountAndWait = async (token: string, other: string) => {
    const before = looks;
    await files.mount("watched", { token, other });
    await eventually(() => looks > before, { within: 5_000, what: "the files to be looked at" });
  };
  const changed = (count: number) =>
    eventually(() => changes === count, { within: 5_000, what: `change ${count} to be reported` });
  try {
    await mountAndWait("one", "two");
    await mountAndWait("two", "two");
    await changed(1);
    await mountAndWait("two", "three");
    await mountAndWait("three", "three");
    await changed(2);
  } finally {
    for (const end of ends) end();
  }
});

it.each([
  [
    "a credentials file that comes",
    withAuth({ credentialFile: entries("new") }),
    "new",
    "nats.creds",
  ],
  ["an nkey seed that comes", withAuth({ nKey: entries("new") }), "new", "nats.creds"],
  [
    "a password",
    withAuth({
      usernamePassword: { secret: { secretName: "new", usernameKey: "u", passwordKey: "p" } },
    }),
    "new",
    "p",
  ],
  ["a certificate", withTls({ secretName: "new" }), "new", "tls.crt"],
  ["an authority", withTls({ caSecret: { secretName: "new", key: "x" } }), "new", "x"],
  [
    "an authority of a ConfigMap",
    withTls({ caConfigMap: { name: "new", key: "x" } }),
    "configmap_new",
    "x",
  ],
])("reports %s", async (_, login, folder, key) => {
  await files.remove();
  let changes = 0;
  const end = watchLogin(login, secrets, () => changes++);
  try {
    await files.put(folder, { [key]: "one" });
    await eventually(() => changes === 1, { within: 5_000, what: "the change to be reported" });
  } finally {
    end();
  }
});

/** Gives the sentence of a login's fault, after a look that nothing of the values is in the error. */
async function faultOf(login: NatsLogin, values: object): Promise<string> {
  const error = await loginOptions(login, secrets).then(
    () => undefined,
    (fault: unknown) => fault,
  );
  if (!(error instanceof Error)) throw new Error("the login was not refused");
  const shown = inspect(error, { depth: 9 });
  for (const value of Object.values(values)) {
    for (const line of String(value).split("\n").filter(isSecret))
      expect(shown).not.toContain(line);
  }
  return error.message;
}

function isSecret(line: string): boolean {
  return line === "hunter2" || (line.length > 40 && !line.includes("---") && !line.includes("***"));
}

function wrongLetter(seed: string): string {
  const letter = seed.at(10) === "A" ? "B" : "A";
  return seed.slice(0, 10) + letter + seed.slice(11);
}
