/**
 * Makes what `nsc` makes: an operator, accounts and users of NATS' decentralised authentication, with the JWTs that the
 * one signs for the next (JWT v2 of nats-io/jwt: base64url header and claims, signed with an ed25519 nkey).
 */
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { nkeys } from "@nats-io/transport-node";

type KeyPair = ReturnType<typeof nkeys.createUser>;

const unlimited = -1;
const accountLimits = {
  subs: unlimited,
  data: unlimited,
  payload: unlimited,
  imports: unlimited,
  exports: unlimited,
  wildcards: true,
  conn: unlimited,
  leaf: unlimited,
};
const jetStreamLimits = {
  mem_storage: unlimited,
  disk_storage: unlimited,
  streams: unlimited,
  consumer: unlimited,
};

/** Holds an operator with one account that may use JetStream. */
export interface NatsOperator {
  /** Makes a nats-server trust the operator and know its accounts: a part of the server's configuration file. */
  config: string;
  /** Makes a user of the account and gives its credentials file; `expiresAt` may lie in the past. */
  credentials(options?: { expiresAt?: Date }): string;
}

/** Makes an operator, its system account and one account, all with new keys; that account's JetStream is unlimited unless said. */
export function makeOperator(jetStream: Record<string, unknown> = jetStreamLimits): NatsOperator {
  const operator = nkeys.createOperator();
  const system = nkeys.createAccount();
  const account = nkeys.createAccount();
  const systemKey = system.getPublicKey();
  const operatorJwt = signed(operator, { sub: operator, nats: { type: "operator" } });
  // JetStream is not for the system account.
  const systemJwt = signed(operator, {
    sub: system,
    nats: { type: "account", limits: accountLimits },
  });
  const limits = { ...accountLimits, ...jetStream };
  const accountJwt = signed(operator, { sub: account, nats: { type: "account", limits } });
  return {
    config: `operator: ${operatorJwt}
system_account: ${systemKey}
resolver: MEMORY
resolver_preload: { ${systemKey}: ${systemJwt}, ${account.getPublicKey()}: ${accountJwt} }`,
    credentials({ expiresAt } = {}) {
      const user = nkeys.createUser();
      const rights = { pub: {}, sub: {}, subs: unlimited, data: unlimited, payload: unlimited };
      const jwt = signed(account, { sub: user, expiresAt, nats: { type: "user", ...rights } });
      return credentialsFile(jwt, seedOf(user));
    },
  };
}

/** Writes a credentials file as `nsc` does. */
export function credentialsFile(jwt: string, seed: string): string {
  return `-----BEGIN NATS USER JWT-----
${jwt}
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.
NKEYs are sensitive and should be treated as secrets.

${decoratedSeed(seed)}
*************************************************************
`;
}

/** Puts the lines around a user's seed that NATS' tools put there. */
export function decoratedSeed(seed: string): string {
  return `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
}

/** Gives the seed of a key as text (`SU…`, `SA…`). */
export function seedOf(key: KeyPair): string {
  return new TextDecoder().decode(key.getSeed());
}

interface Claims {
  sub: KeyPair;
  nats: Record<string, unknown>;
  expiresAt?: Date | undefined;
}

function signed(issuer: KeyPair, { sub, nats, expiresAt }: Claims): string {
  const claims = {
    jti: randomUUID(),
    iat: seconds(new Date()),
    iss: issuer.getPublicKey(),
    name: "test",
    sub: sub.getPublicKey(),
    ...(expiresAt === undefined ? {} : { exp: seconds(expiresAt) }),
    nats: { version: 2, ...nats },
  };
  const text = `${encoded({ typ: "JWT", alg: "ed25519-nkey" })}.${encoded(claims)}`;
  const signature = Buffer.from(issuer.sign(Buffer.from(text))).toString("base64url");
  return `${text}.${signature}`;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
