import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, it } from "vitest";
import { InvalidEventError } from "../../../src/cloudevents/attributes.ts";
import { eventFromStructured } from "../../../src/cloudevents/event-from-structured.ts";
import { httpMessageFor } from "../../../src/cloudevents/http-message.ts";
import {
  type JsonEvent,
  looksLikeJsonEvent,
  scanJsonEvent,
} from "../../../src/cloudevents/json-event.ts";
import { isJsonText } from "../../../src/cloudevents/json-members.ts";
import {
  attributeValue,
  binaryFaults,
  type Header,
  isBase64Data,
  type Member,
  membersOf,
  structuredFaults,
  textOf,
} from "../../support/event-rules.ts";
import { fuzzParameters, fuzzTimeoutMs, mutationsOf } from "../../support/fuzz.ts";
import { jsonEventBody, jsonText } from "../../support/fuzz-events.ts";

const DEEPEST = 1_000;

/** What one parse gives: its value, or its error where that is the one allowed. */
function scanned(body: Uint8Array): JsonEvent | InvalidEventError {
  try {
    return scanJsonEvent(body);
  } catch (error) {
    if (error instanceof InvalidEventError) return error;
    throw error;
  }
}

type Members = Record<string, Member>;

function isJsonType(type: unknown): boolean {
  return !type || /[/+]json\s*$/i.test(String(type).split(";")[0] ?? "");
}

/** Gives data that are a string and leave as its text, without the JSON around them. */
function plainText({ data, datacontenttype }: Members): string | undefined {
  const isPlain = typeof data?.value === "string" && !isJsonType(datacontenttype?.value);
  return isPlain ? String(data?.value) : undefined;
}

/** What the scanner may refuse beyond the rules: what cannot be expressed in binary mode, and too deep a nesting. */
function isUndeliverable(text: string, members: Members): boolean {
  const brackets = text.replace(/"(?:[^"\\]|\\.)*"/g, "").matchAll(/[[{\]}]/g);
  let [depth, deepest] = [0, 0];
  for (const [bracket] of brackets) {
    depth += bracket === "[" || bracket === "{" ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest > DEEPEST || /\p{Surrogate}/u.test(plainText(members) ?? "");
}

function expectSameAttributes(event: JsonEvent, members: Members): void {
  const { data, data_base64, datacontenttype, ...rest } = members;
  const wanted = Object.entries(rest)
    .filter(([name, { value }]) => {
      const isEncoding = name === "datacontentencoding" && members.specversion?.value === "0.3";
      return value !== null && !isEncoding;
    })
    .map(([name, member]) => [name, attributeValue(member)]);
  expect([...event.attributes].sort()).toEqual(wanted.sort());
  expect(event.dataContentType).toBe(datacontenttype?.value || undefined);
}

function expectSameData({ data }: JsonEvent, members: Members, body: Buffer): void {
  const base64 = isBase64Data(members) ? members.data?.value : members.data_base64?.value;
  const bytes = Buffer.from(data);
  if (typeof base64 === "string") {
    expect(bytes.equals(Buffer.from(base64, "base64"))).toBe(true);
  } else if (plainText(members) !== undefined) {
    expect(bytes.toString()).toBe(plainText(members));
  } else if (members.data === undefined) {
    expect(bytes).toHaveLength(0);
  } else {
    // The very bytes that came, and the same value as they had there.
    expect(data.buffer === body.buffer && body.includes(bytes)).toBe(true);
    expect(isDeepStrictEqual(JSON.parse(bytes.toString()), members.data.value)).toBe(true);
  }
}

it(
  "takes the events that the rules and JSON.parse take, with the same attributes and data, and no others",
  () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(jsonEventBody, (body) => {
        const faults = structuredFaults(body);
        const event = scanned(body);
        if (faults.length > 0) {
          seen.refused += 1;
          expect(event, faults.join()).toBeInstanceOf(InvalidEventError);
          return;
        }
        const text = textOf(body) ?? "";
        const members = membersOf(text) ?? {};
        if (event instanceof InvalidEventError && isUndeliverable(text, members)) return;
        if (event instanceof InvalidEventError) throw event;
        seen.taken += 1;
        expectSameAttributes(event, members);
        expectSameData(event, members, body);
      }),
      fuzzParameters(),
    );
    // Enough of both, or the cases would miss the point.
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan((seen.taken + seen.refused) / 8);
  },
  fuzzTimeoutMs(2),
);

it(
  "makes of every event that it takes requests that the rules take, in both modes",
  () => {
    fc.assert(
      fc.property(jsonEventBody, (body) => {
        expect(typeof looksLikeJsonEvent(body)).toBe("boolean");
        if (scanned(body) instanceof InvalidEventError) return;
        const event = eventFromStructured(body, "application/cloudevents+json", []);
        const binary = httpMessageFor(event, "binary");
        const headers = binary.headers.flatMap((name, i, all): Header[] =>
          i % 2 === 0 ? [[name, all[i + 1] ?? ""]] : [],
        );
        const isBinary = headers.some(([name]) => name === "ce-id");
        expect(isBinary ? binaryFaults(headers) : structuredFaults(binary.body)).toEqual([]);
        expect(httpMessageFor(event, "json").body).toBe(body);
        const rewritten = httpMessageFor({ ...event, structured: undefined }, "json").body;
        expect(structuredFaults(rewritten)).toEqual([]);
        const again = eventFromStructured(rewritten, "application/cloudevents+json", []);
        expect(again.attributes.sort()).toEqual(event.attributes.sort());
        expect(Buffer.from(again.data).equals(event.data)).toBe(true);
      }),
      fuzzParameters(1 / 4),
    );
  },
  fuzzTimeoutMs(2),
);

it(
  "knows JSON text as JSON.parse does",
  () => {
    const mutated = mutationsOf(
      jsonText.map((text) => Buffer.from(text)),
      ["[", "}", '"', "\\u", "1e", ",", "\u0000"],
    );
    fc.assert(
      fc.property(mutated, (bytes) => {
        const text = textOf(bytes);
        let parses = text !== undefined;
        try {
          JSON.parse(text ?? "");
        } catch {
          parses = false;
        }
        expect(isJsonText(bytes)).toBe(parses);
      }),
      fuzzParameters(),
    );
  },
  fuzzTimeoutMs(2),
);
