import fc from "fast-check";
import { dump } from "js-yaml";
import { expect, it } from "vitest";
import { parseGoDuration, parseIsoDuration } from "../../../src/api/duration.ts";
import { parseNatsConfig } from "../../../src/api/nats-config.ts";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import { parseQuantity } from "../../../src/api/quantity.ts";
import { parseYaml } from "../../../src/runtime/yaml.ts";
import { ACCEPTED_CHANNELS } from "../../support/accepted-channels.ts";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";
import { fuzzParameters, fuzzTimeoutMs, mutationsOf } from "../../support/fuzz.ts";

const SHARE = 1 / 4;
const NO_PREFIXES = { jetstream: { subjectPrefix: "", streamPrefix: "" } };

const CHANNELS: unknown[] = [
  ...ACCEPTED_CHANNELS.map(([, object]) => ({ ...aChannel({ name: "a" }), ...object })),
  aChannel({
    name: "orders",
    spec: {
      delivery: {
        retry: 3,
        backoffPolicy: "linear",
        backoffDelay: "PT1S",
        deadLetterSink: { uri: "http://d" },
      },
      stream: {
        overrideName: "S",
        config: { additionalSubjects: ["a.>"], maxAge: "1h", maxBytes: "1Gi" },
      },
      consumerConfigTemplate: { ackWait: "30s", maxAckPending: 5, filterSubject: "a.b" },
      subscribers: [
        aSubscriber({
          uid: "u1",
          uri: "http://s",
          replyUri: "http://r",
          delivery: { timeout: "PT1S", retryAfterMax: "PT9S" },
        }),
      ],
    },
  }),
];
const CONFIG = {
  url: "nats://a:4222,tls://b",
  auth: { usernamePassword: { secret: { secretName: "s", usernameKey: "u", passwordKey: "p" } } },
  tls: { secretName: "t" },
  jetstream: { domain: "hub", subjectPrefix: "east", streamPrefix: "EAST_" },
  dispatch: { timeout: "PT5M", concurrency: 100, memory: "128Mi", maxEventSize: "1Mi" },
};
const TOKENS = [
  "null",
  "~",
  "[]",
  "{}",
  "- ",
  ": ",
  "\n",
  "  ",
  "\t",
  "'",
  '"',
  "&a ",
  "*a",
  "<<: *a",
  "!!js/function x",
  "!!binary AA==",
  "---\n",
  "2026-01-02",
  "0x1F",
  ".inf",
  "-1",
  "1e999",
  "9007199254740993",
  "__proto__: {a: 1}",
  "constructor: 1",
  "\u0000",
  "\ud83d",
  "#",
  "|",
  "? ",
];

/** An object that holds itself, as a YAML alias makes one. */
const cyclic: Record<string, unknown> = { list: [] };
cyclic.self = cyclic;

const oddValue = fc.oneof(
  { weight: 1, arbitrary: fc.constant(cyclic) },
  fc.anything({ withDate: true, withNullPrototype: true, maxDepth: 2 }),
  fc.constantFrom(
    null,
    "",
    "PT1S",
    "-1",
    -1,
    1e300,
    Number.NaN,
    Infinity,
    [],
    {},
    "a".repeat(70_000),
    "http://",
    "\u0000",
  ),
);

/** Objects with one to three of their values, anywhere, made something else. */
function spoiled(originals: readonly unknown[]): fc.Arbitrary<unknown> {
  const change = fc.tuple(fc.array(fc.nat(20), { maxLength: 6 }), oddValue, fc.boolean());
  return fc
    .tuple(fc.constantFrom(...originals), fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([original, changes]) => {
      const holder = { root: structuredClone(original) };
      for (const [way, value, adds] of changes)
        spoil(holder, way, adds ? { unknown: value } : value);
      return holder.root;
    });
}

function spoil(holder: Record<string, unknown>, way: readonly number[], value: unknown): void {
  let [at, key] = [holder, "root"];
  for (const step of way) {
    const below = at[key];
    const keys = typeof below === "object" && below !== null ? Object.keys(below) : [];
    if (keys.length === 0) break;
    [at, key] = [below as Record<string, unknown>, keys[step % keys.length] as string];
  }
  at[key] = value;
}

/** YAML texts, damaged. */
function damaged(originals: readonly unknown[]): fc.Arbitrary<Buffer> {
  return mutationsOf(fc.constantFrom(...originals.map((each) => Buffer.from(dump(each)))), TOKENS);
}

/** Reads a text as the programs do; undefined when it is no YAML, which has one error with one line. */
function documents(text: string): unknown[] | undefined {
  try {
    return parseYaml(text);
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(/^.+$/);
    return undefined;
  }
}

function expectChannelOrRefusals(value: unknown): void {
  const parsed = parseChannel(value, NO_PREFIXES);
  if (!parsed.ok) expect(parsed.refusals.length).toBeGreaterThan(0);
  for (const { path, reason } of parsed.refusals) {
    expect(typeof path).toBe("string");
    expect(reason).toMatch(/\S/);
    expect(reason.length).toBeLessThan(2_000);
  }
}

function expectConfigOrFaults(value: unknown): void {
  try {
    expect(Object.isFrozen(parseNatsConfig(value))).toBe(true);
  } catch (error) {
    expect(String(error)).toMatch(
      /^Error: the NATS configuration is not valid:(\n {2}\S.*: .+)+$/s,
    );
  }
}

it(
  "refuses a channel with paths and sentences, and throws for none, whatever the object or its text is",
  () => {
    fc.assert(fc.property(spoiled(CHANNELS), expectChannelOrRefusals), fuzzParameters(SHARE));
    fc.assert(
      fc.property(damaged(CHANNELS), (text) =>
        documents(text.toString())?.forEach(expectChannelOrRefusals),
      ),
      fuzzParameters(SHARE),
    );
  },
  fuzzTimeoutMs(3),
);

it(
  "refuses a configuration with paths and sentences, and with no other error, whatever the object or its text is",
  () => {
    fc.assert(fc.property(spoiled([CONFIG]), expectConfigOrFaults), fuzzParameters(SHARE));
    fc.assert(
      fc.property(damaged([CONFIG]), (text) =>
        documents(text.toString())?.forEach(expectConfigOrFaults),
      ),
      fuzzParameters(SHARE),
    );
  },
  fuzzTimeoutMs(3),
);

it(
  "reads back every duration that it is given, in Go's form and in that of ISO 8601",
  () => {
    const parts = fc.record({
      h: fc.nat(1_000),
      m: fc.nat(10_000),
      s: fc.nat(100_000),
      ms: fc.nat(999),
    });
    fc.assert(
      fc.property(parts, ({ h, m, s, ms }) => {
        const totalMs = h * 3_600_000 + m * 60_000 + s * 1_000 + ms;
        const fraction = String(ms).padStart(3, "0");
        expect(parseGoDuration(`${h}h${m}m${s}s${ms}ms`)).toBe(totalMs);
        expect(parseGoDuration(`${h}h${m}m${s}.${fraction}s`)).toBe(totalMs);
        expect(parseIsoDuration(`PT${h}H${m}M${s}.${fraction}S`)).toBe(totalMs);
        expect(parseIsoDuration(`P${h}DT${m}M`)).toBe(h * 86_400_000 + m * 60_000);
      }),
      fuzzParameters(SHARE),
    );
  },
  fuzzTimeoutMs(3),
);

it(
  "reads any text as a duration or a size, or refuses it with a RangeError",
  () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc
        .array(
          fc.constantFrom(
            "P",
            "T",
            "1",
            "0",
            "9999999999",
            ".",
            ",",
            "-",
            "+",
            "h",
            "m",
            "s",
            "ms",
            "us",
            "µs",
            "ns",
            "H",
            "M",
            "S",
            "D",
            "W",
            "Y",
            "e",
            "E",
            "Ki",
            "k",
            "G",
            " ",
            "\n",
          ),
        )
        .map((pieces) => pieces.join("")),
    );
    fc.assert(
      fc.property(text, (given) => {
        for (const parse of [parseGoDuration, parseIsoDuration, parseQuantity]) {
          try {
            const value = parse(given);
            expect(Number.isFinite(value) && value >= 0).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
        }
      }),
      fuzzParameters(),
    );
  },
  fuzzTimeoutMs(3),
);
