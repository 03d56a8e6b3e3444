/**
 * Says how the fuzz tests run: how many cases, from which seed, and how a failing case is shown and run again.
 *
 * `npm test` runs 10,000 cases of each test, `npm run test:faults` 100,000; the environment variables FUZZ_CASES,
 * FUZZ_SEED and FUZZ_PATH (vitest.config.ts) say otherwise. A failing case is made smaller by fast-check and printed with
 * its seed, its path and its bytes in base64.
 */
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { inject } from "vitest";

/** Says how much is tried, and from where. */
export interface FuzzSettings {
  cases: number;
  seed: number;
  /** Where fast-check begins in the series of the seed: one failing case alone. */
  path: string | undefined;
}

declare module "vitest" {
  export interface ProvidedContext {
    fuzz: FuzzSettings;
  }
}

/** Gives how much this run tries, and from where. */
export const fuzz: FuzzSettings = inject("fuzz");

/** Gives a fuzz test's time: what a case takes on a busy machine, and a minute for what goes before. */
export function fuzzTimeoutMs(msPerCase: number): number {
  return 60_000 + fuzz.cases * msPerCase;
}

/** Makes fast-check's parameters for a test that tries a share of the cases. */
export function fuzzParameters<Ts>(share = 1): fc.Parameters<Ts> {
  return {
    seed: fuzz.seed,
    numRuns: Math.ceil(fuzz.cases * share),
    ...(fuzz.path === undefined ? {} : { path: fuzz.path }),
  };
}

/** Lists the cases of a test that tries many at once; with FUZZ_PATH the one with this number. */
export function fuzzCases<T>(arbitrary: fc.Arbitrary<T>, share = 1): T[] {
  const cases = fc.sample(arbitrary, {
    seed: fuzz.seed,
    numRuns: Math.ceil(fuzz.cases * share),
  });
  return fuzz.path === undefined ? cases : cases.slice(Number(fuzz.path), Number(fuzz.path) + 1);
}

/**
 * Tries cases, `size` at once. When that fails, each of them is tried alone, and the error names the first that fails, or
 * says that none does.
 */
export async function tryInBatches(
  cases: readonly Uint8Array[],
  size: number,
  attempt: (batch: readonly Uint8Array[]) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < cases.length; from += size) {
    const batch = cases.slice(from, from + size);
    try {
      await attempt(batch);
    } catch (cause) {
      for (const [index, each] of batch.entries()) await tryAlone(each, from + index, attempt);
      const range = `${from} to ${from + batch.length - 1}`;
      throw new Error(`cases ${range} of seed ${fuzz.seed} fail together, and none alone`, {
        cause,
      });
    }
  }
}

async function tryAlone(
  bytes: Uint8Array,
  index: number,
  attempt: (batch: readonly Uint8Array[]) => Promise<void>,
): Promise<void> {
  try {
    await attempt([bytes]);
  } catch (cause) {
    const again = `FUZZ_SEED=${fuzz.seed} FUZZ_CASES=${fuzz.cases} FUZZ_PATH=${index}`;
    const base64 = Buffer.from(bytes).toString("base64");
    throw new Error(`${again} fails: base64 ${base64}: ${String(cause)}`, { cause });
  }
}

/** Makes bytes whose failures are printed in base64, and as text. */
export function shownBytes(bytes: Uint8Array): Buffer {
  const buffer = Buffer.from(bytes);
  Object.defineProperty(buffer, fc.toStringMethod, {
    value: () =>
      `base64 ${buffer.toString("base64")} = ${JSON.stringify(buffer.toString("latin1"))}`,
  });
  return buffer;
}

/** Makes variants of bytes with faults in one to three places: a byte, a token, a cut, a repetition, an exchange. */
export function mutationsOf(
  original: fc.Arbitrary<Buffer>,
  tokens: readonly string[],
): fc.Arbitrary<Buffer> {
  const token = fc
    .tuple(fc.constantFrom(...tokens), fc.constantFrom("latin1" as const, "utf8" as const))
    .map(([text, encoding]) => Buffer.from(text, encoding));
  const mutation = fc.record({
    // A place in thousandths, so that it means something in bytes of any length.
    place: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    length: fc.integer({ min: 1, max: 24 }),
    byte: fc.integer({ min: 0, max: 255 }),
    token,
    kind: fc.constantFrom(...KINDS),
  });
  return fc
    .tuple(original, fc.array(mutation, { minLength: 1, maxLength: 3 }))
    .map(([bytes, mutations]) => shownBytes(mutations.reduce(mutated, bytes)));
}

const KINDS = ["byte", "insert", "replace", "remove", "repeat", "reverse", "cut"] as const;

interface Mutation {
  place: number;
  length: number;
  byte: number;
  token: Buffer;
  kind: (typeof KINDS)[number];
}

function mutated(bytes: Buffer, { place, length, byte, token, kind }: Mutation): Buffer {
  const at = Math.floor(place * bytes.length);
  const [before, piece, after] = [
    bytes.subarray(0, at),
    bytes.subarray(at, at + length),
    bytes.subarray(at + length),
  ];
  switch (kind) {
    case "byte":
      return Buffer.concat([before, Buffer.from([byte]), bytes.subarray(at + 1)]);
    case "insert":
      return Buffer.concat([before, token, piece, after]);
    case "replace":
      return Buffer.concat([before, token, after]);
    case "remove":
      return Buffer.concat([before, after]);
    case "repeat":
      return Buffer.concat([before, piece, piece, after]);
    case "reverse":
      return Buffer.concat([before, Buffer.from(piece).reverse(), after]);
    case "cut":
      return Buffer.from(before);
  }
}
