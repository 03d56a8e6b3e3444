import { describe, expect, it } from "vitest";
import { InvalidEventError } from "../../../src/cloudevents/attributes.ts";
import { scanJsonEvent } from "../../../src/cloudevents/json-event.ts";
import { isJsonText } from "../../../src/cloudevents/json-members.ts";

const SEED = 20_180_405;
const FUZZ_MS = 2_000;

const PIECES = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "/",
  "u",
  "0",
  "-",
  "+",
  ".",
  "e",
  "E",
  "1",
  "9",
  "true",
  "false",
  "null",
  "nul",
  "NaN",
  " ",
  "\t",
  "\n",
  "\r",
  "\f",
  "\u0000",
  "\u001f",
  "\u007f",
  "\u2028",
  "\\u00e9",
  "\\ud800",
  "\\u12g4",
  "\\x",
  "\\b",
  "é",
  "😀",
  "1e5",
  "-0",
  "01",
  "0.5",
  ".5",
  "5.",
  "1e",
  "1e+",
  "--1",
  '"a"',
  '"a":',
  "'",
  "//",
];

/** Makes the same numbers from 0 to 1 for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function randomValue(random: () => number, depth: number): unknown {
  const kind = Math.floor(random() * (depth > 4 ? 5 : 7));
  switch (kind) {
    case 0:
      return null;
    case 1:
      return random() < 0.5;
    case 2:
      return (random() - 0.5) * 10 ** Math.floor(random() * 40 - 20);
    case 3:
      return Math.floor(random() * 1e6);
    case 4:
      return randomText(random);
    case 5:
      return Array.from({ length: Math.floor(random() * 4) }, () => randomValue(random, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: Math.floor(random() * 4) }, () => [
          randomText(random),
          randomValue(random, depth + 1),
        ]),
      );
  }
}

function randomText(random: () => number): string {
  return Array.from({ length: Math.floor(random() * 8) }, () =>
    String.fromCharCode(Math.floor(random() * (random() < 0.8 ? 0x80 : 0x10000))),
  ).join("");
}

function mutated(text: string, random: () => number): string {
  const at = Math.floor(random() * (text.length + 1));
  const piece = PIECES[Math.floor(random() * PIECES.length)] as string;
  switch (Math.floor(random() * 4)) {
    case 0:
      return text.slice(0, at) + piece + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + piece + text.slice(at + 1);
    default:
      return text.slice(0, at);
  }
}

function randomJsonish(random: () => number): string {
  if (random() < 0.2) {
    const length = Math.floor(random() * 8);
    return Array.from({ length }, () => PIECES[Math.floor(random() * PIECES.length)]).join("");
  }
  let text = JSON.stringify(randomValue(random, 0), null, random() < 0.3 ? 1 : undefined);
  for (let i = Math.floor(random() * 4); i > 0; i--) {
    text = mutated(text, random);
  }
  // Cutting between the halves of a pair leaves what no UTF-8 can hold; both judges see the same text then.
  return Buffer.from(text).toString();
}

/** The data that come out of an event in which a text stands as `data`; undefined when it is refused. */
function dataInEvent(text: string): string | undefined {
  const core = '"specversion":"1.0","id":"1","source":"/a","type":"t"';
  try {
    return Buffer.from(scanJsonEvent(Buffer.from(`{${core},"data":${text}}`)).data).toString();
  } catch (error) {
    if (error instanceof InvalidEventError) {
      return undefined;
    }
    throw error;
  }
}

/** Tells whether both our uses of the grammar come to a verdict: as a text of its own, and as the data of an event. */
function agrees(text: string, verdict: "valid" | "invalid"): boolean {
  const data = dataInEvent(text);
  // A text such as `1,"x":2` is no JSON, but stands well between the braces of an event; its data are not the text then.
  return verdict === "valid"
    ? isJsonText(Buffer.from(text)) && data === text.trim()
    : !isJsonText(Buffer.from(text)) && data !== text;
}

describe("the JSON grammar", () => {
  it.each([
    "0",
    "-0",
    "10",
    "1.5",
    "1e5",
    "1E+5",
    "1e-05",
    '"\\u0000"',
    '"\\ud800"',
    '"\u2028"',
    '"\u007f"',
    " [ ] ",
    "[1,[2,{}]]",
    '{"a":{"b":[]}}',
    "true",
    "false",
    "null",
    '"/"',
  ])("has %s", (text) => {
    expect(isJsonText(Buffer.from(text))).toBe(true);
  });

  it.each([
    "",
    " ",
    "-",
    "01",
    "-01",
    "1.",
    ".1",
    "1e",
    "1e+",
    "+1",
    "0x1",
    "1 2",
    "tru",
    "truex",
    "nul",
    "True",
    "NaN",
    '"',
    '"\\',
    '"\\"',
    '"\\u12"',
    '"\\u123g"',
    '"\\x"',
    '"\n"',
    '"\u0000"',
    "[",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "]",
    "[}",
    "{]",
    "{",
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,',
    '{"a":1,}',
    "{,}",
    "{1:1}",
    '{"a" 1}',
    "{a:1}",
    "'a'",
    "[1]]",
    "\ufeff1",
    "1\u00a0",
    "\f1",
    "//",
    '"a"b',
  ])("does not have %j", (text) => {
    expect(isJsonText(Buffer.from(text))).toBe(false);
  });

  it("does not have what is not UTF-8", () => {
    expect(isJsonText(Buffer.from([0x22, 0xff, 0x22]))).toBe(false);
    expect(isJsonText(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))).toBe(false);
  });

  it(`gives the verdict of JSON.parse on random and damaged text (seed ${SEED})`, () => {
    const random = seeded(SEED);
    const verdicts = { valid: 0, invalid: 0 };
    const stopAtMs = performance.now() + FUZZ_MS;
    while (performance.now() < stopAtMs) {
      const text = randomJsonish(random);
      const verdict = parses(text) ? "valid" : "invalid";
      verdicts[verdict]++;
      if (!agrees(text, verdict)) {
        expect.fail(`${JSON.stringify(text)} is ${verdict} for JSON.parse, and not for us`);
      }
    }
    expect(verdicts.valid).toBeGreaterThan(1_000);
    expect(verdicts.invalid).toBeGreaterThan(1_000);
  });
});
