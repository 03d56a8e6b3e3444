import { nkeys } from "@nats-io/transport-node";

/**
 * Reads what NATS' own tools write for a user: an nkey seed, bare or between the lines that
 * decorate it, and a credentials file, which is a user JWT and a seed. Line ends of any kind, a
 * missing one and blank lines are fine. No error shows what was read.
 */

/** Is a user JWT with the seed that signs for it; `expiresAtMs` is undefined where it does not expire. */
export interface UserCredentials {
  jwt: string;
  seed: Uint8Array;
  expiresAtMs: number | undefined;
}

const SEED = /^S[A-Z2-7]{57}$/;
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Reads a user's seed. Throws an error that says where (`place`) what is wrong. */
export function parseUserSeed(text: string, place: string): Uint8Array {
  return pairIn(text, place).seed;
}

/** Reads a credentials file. Throws an error that says where (`place`) what is wrong. */
export function parseUserCredentials(text: string, place: string): UserCredentials {
  const jwt = linesOf(text).find((line) => JWT.test(line));
  const claims = jwt === undefined ? undefined : claimsOf(jwt);
  if (jwt === undefined || claims === undefined) throw new Error(`${place} holds no user JWT`);
  const { seed, publicKey } = pairIn(text, place);
  if (claims.subject !== publicKey)
    throw new Error(`${place} holds a user JWT and the seed of another key`);
  return { jwt, seed, expiresAtMs: claims.expiresAtMs };
}

function pairIn(text: string, place: string): { seed: Uint8Array; publicKey: string } {
  const line = linesOf(text).find((candidate) => SEED.test(candidate)) ?? "";
  const seed = new TextEncoder().encode(line);
  const publicKey = publicKeyOf(seed);
  if (!publicKey?.startsWith("U")) throw new Error(`${place} holds no nkey seed of a user (SU…)`);
  return { seed, publicKey };
}

function publicKeyOf(seed: Uint8Array): string | undefined {
  try {
    return nkeys.fromSeed(seed).getPublicKey();
  } catch {
    // A seed carries a checksum.
    return undefined;
  }
}

function claimsOf(jwt: string): { subject: string; expiresAtMs: number | undefined } | undefined {
  try {
    const payload = Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString();
    const { sub, exp } = JSON.parse(payload) as { sub?: unknown; exp?: unknown };
    if (typeof sub !== "string" || !sub.startsWith("U")) return undefined;
    // An exp of 0 means never, as the server has it.
    const expires = typeof exp === "number" && exp > 0;
    return { subject: sub, expiresAtMs: expires ? exp * 1000 : undefined };
  } catch {
    // Three words between dots are not yet a JWT.
    return undefined;
  }
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.trim());
}
