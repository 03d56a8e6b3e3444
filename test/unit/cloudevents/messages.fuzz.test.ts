import fc from "fast-check";
import { expect, it } from "vitest";
import { InvalidEventError } from "../../../src/cloudevents/attributes.ts";
import { deadLetterEvent } from "../../../src/cloudevents/dead-letter.ts";
import type { Event } from "../../../src/cloudevents/event.ts";
import { eventFromMessage } from "../../../src/cloudevents/event-from-message.ts";
import { eventFromResponse } from "../../../src/cloudevents/event-from-response.ts";
import {
  binaryEvent,
  contentModeOf,
  readHead,
  structuredEvent,
} from "../../../src/cloudevents/http-binding.ts";
import { httpMessageFor } from "../../../src/cloudevents/http-message.ts";
import {
  binaryFaults,
  type Header,
  headerText,
  requestFaults,
  storedFaults,
} from "../../support/event-rules.ts";
import { fuzz, fuzzParameters, fuzzTimeoutMs } from "../../support/fuzz.ts";
import { attributeHeaders, jsonEventBody, otherHeader } from "../../support/fuzz-events.ts";

const STRUCTURED: Header = ["content-type", "application/cloudevents+json"];

/** Headers as a sender may write them, and as Node hands them on: one character per byte. */
const sentHeaders = fc
  .tuple(attributeHeaders, fc.array(otherHeader, { maxLength: 3 }), fc.boolean())
  .map(([attributes, others, isUtf8]): Header[] =>
    [...attributes, ...others].filter(isSendable).map(
      ([name, value]): Header => [
        name,
        // Node trims a value and refuses control characters.
        (isUtf8 ? Buffer.from(value).toString("latin1") : value)
          .replace(/[^\t\x20-\x7e\x80-\xff]/g, "")
          .trim(),
      ],
    ),
  );

/** Tells whether HTTP knows such a header name; Node refuses requests with others. */
function isSendable([name]: Header): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name);
}

/** What a receiver makes of a request: the stored message, or why there is none. */
function received(headers: readonly Header[], body: Buffer): Buffer | string {
  const head = readHead(headers.flat());
  const content = contentModeOf(head);
  try {
    if (content.mode === "none") return content.reason;
    return Buffer.from(content.mode === "binary" ? binaryEvent(head) : structuredEvent(head, body));
  } catch (error) {
    if (error instanceof InvalidEventError) return error.message;
    throw error;
  }
}

function linesOf(block: Buffer): Header[] {
  return block
    .toString("latin1")
    .split("\r\n")
    .slice(1, -2)
    .map((line): Header => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]);
}

function eventFrom(headers: readonly Header[], data: Buffer): Event {
  return eventFromMessage({
    subject: "default.a._knative.<b> c",
    headers: headers.map(([name, value]) => [name, [value]]),
    data,
    stream: "KN_DEFAULT__A",
    sequence: 7,
    storedAt: () => "2026-01-02T03:04:05.678Z",
  });
}

function attributesOf(headers: readonly Header[]): [string, string | undefined][] {
  return headers
    .filter(([name]) => /^ce-/i.test(name))
    .map(([name, value]): [string, string | undefined] => [
      name.slice(3).toLowerCase(),
      headerText(Buffer.from(value, "latin1").toString()),
    ])
    .filter(([name, text]) => text !== "" || !["subject", "dataschema"].includes(name));
}

/** Judges what leaves for an event, in both formats and as a dead letter. */
function expectWellFormed(event: Event): void {
  const failure = {
    destination: "http://a b/ü",
    statusCode: 400,
    body: Buffer.from([0, 255]),
    reason: "",
  };
  for (const each of [event, deadLetterEvent(event, failure)]) {
    for (const format of ["binary", "json"] as const) {
      const { headers, body } = httpMessageFor(each, format);
      expect(requestFaults(pairs(headers), body)).toEqual([]);
    }
  }
}

function pairs(flat: readonly string[]): Header[] {
  return flat.flatMap((name, i): Header[] => (i % 2 === 0 ? [[name, flat[i + 1] ?? ""]] : []));
}

it(
  "takes a binary event if it is one by the rules, and delivers it with the attributes and data that it had",
  () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(sentHeaders, (headers) => {
        const data = Buffer.from("data");
        const block = received(headers, data);
        if (typeof block === "string") {
          seen.refused += 1;
          expect(refusable(headers), block).toBe(true);
          return;
        }
        seen.taken += 1;
        const lines = linesOf(block);
        expect(storedFaults(lines, data)).toEqual([]);
        if (lines.some(([name]) => name === "content-type")) return;
        const event = eventFrom(lines, data);
        const delivered = pairs(httpMessageFor(event, "binary").headers);
        if (delivered.some(([, value]) => value.includes("cloudevents+json"))) return;
        expect(attributesOf(delivered).sort()).toEqual(attributesOf(headers).sort());
        expect(event.data).toBe(data);
        expectWellFormed(event);
      }),
      fuzzParameters(),
    );
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(fuzz.cases / 10);
  },
  fuzzTimeoutMs(2),
);

/** Tells whether a request may be refused: it is no binary event, or has what only a structured one has. */
function refusable(headers: readonly Header[]): boolean {
  const lower = headers.map(([name, value]): Header => [name.toLowerCase(), value]);
  const repaired = lower
    .map(([name, value]): Header => [name, percentEncoded(value)])
    .filter(([name, value]) => !/^ce-(subject|dataschema)$/.test(name) || headerText(value) !== "");
  const given = lower.flatMap(([name]) => (name.startsWith("ce-") ? [name] : []));
  const attributes = repaired.filter(([name]) => name.startsWith("ce-"));
  const types = lower.filter(([name]) => name === "content-type").map(([, value]) => value);
  const hosts = lower.filter(([name]) => name === "host");
  return (
    binaryFaults(attributes).length > 0 ||
    new Set(given).size < given.length ||
    given.includes("ce-datacontenttype") ||
    types.length > 1 ||
    hosts.length > 1 ||
    types.some((type) => /^application\/cloudevents|[^\x20-\x7e]/i.test(type))
  );
}

/** Puts raw bytes that are UTF-8 into their right form, as the receiver says that it does. */
function percentEncoded(value: string): string {
  return value.replace(
    /[^\x20-\x7e]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

it(
  "stores structured events that are ones by the rules, and delivers them well-formed",
  () => {
    fc.assert(
      fc.property(jsonEventBody, (body) => {
        const block = received([STRUCTURED, ["traceparent", "t"]], body);
        if (typeof block === "string") return;
        expect(storedFaults(linesOf(block), body)).toEqual([]);
        expectWellFormed(eventFrom(linesOf(block), body));
      }),
      fuzzParameters(1 / 4),
    );
  },
  fuzzTimeoutMs(3),
);

const anyBody = fc.oneof(
  jsonEventBody,
  fc.uint8Array({ maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
);
const anyHeaders = fc
  .tuple(attributeHeaders, fc.array(otherHeader, { maxLength: 3 }), fc.boolean())
  .map(([attributes, others, isStructured]): Header[] => [
    ...(isStructured ? [STRUCTURED] : attributes),
    ...others,
  ]);

it(
  "makes of any stored message, whoever wrote it, requests that are CloudEvents by the rules",
  () => {
    fc.assert(
      fc.property(anyHeaders, anyBody, (headers, body) => {
        expectWellFormed(eventFrom(headers, body));
      }),
      fuzzParameters(),
    );
  },
  fuzzTimeoutMs(3),
);

it(
  "reads of any answer nothing, an event that is one by the rules, or why it is none",
  () => {
    const seen = { events: 0, faults: 0 };
    fc.assert(
      fc.property(fc.oneof(sentHeaders, anyHeaders), anyBody, (headers, body) => {
        const reply = eventFromResponse(headers.flat(), body);
        if (reply === undefined || reply instanceof InvalidEventError) {
          seen.faults += 1;
          return;
        }
        seen.events += 1;
        expectWellFormed(reply);
      }),
      fuzzParameters(1 / 4),
    );
    expect(Math.min(seen.events, seen.faults)).toBeGreaterThan(fuzz.cases / 40);
  },
  fuzzTimeoutMs(3),
);
