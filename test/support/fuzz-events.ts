/** Makes events, right and wrong: texts, JSON, attributes and headers, each in the forms that parsers stumble over. */
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { mutationsOf, shownBytes } from "./fuzz.ts";

/** Makes JSON texts of any value: spaces anywhere, numbers of any size, escapes of all kinds, members twice. */
export const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => {
  const space = fc.constantFrom("", "", "", " ", "\n\t", "\r");
  const listOf = (item: fc.Arbitrary<string>) =>
    fc.array(item, { maxLength: 4 }).map((items) => items.join(","));
  const spaced = (item: fc.Arbitrary<string>) =>
    fc.tuple(space, item, space).map((parts) => parts.join(""));
  const member = fc
    .tuple(spaced(fc.oneof(jsonString(), fc.constant('"__proto__"'))), spaced(tie("value")))
    .map((parts) => parts.join(":"));
  return {
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      jsonString(),
      fc.constantFrom("null", "true", "false", "{}", "[ ]", "-0", "1.0", "1e400", "-1E-7"),
      fc.bigInt().map(String),
      fc.double().map((number) => JSON.stringify(number)),
      listOf(spaced(tie("value"))).map((items) => `[${items}]`),
      listOf(member).map((members) => `{${members}}`),
    ),
  };
}).value;

const jsonOf = (text: string): string => JSON.stringify(text);

/** Makes the texts of JSON strings, quotes included. */
function jsonString(): fc.Arbitrary<string> {
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.string({ maxLength: 6 }).map(inner) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4 }).map(inner) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        "\\u0000",
        "\\ud800",
        "\\udc00",
        "\\ud83d\\ude00",
        "\\uD83D",
        "\\/",
        "\\b\\f\\n\\r\\t",
        "\\\\",
        '\\"',
        "\u2028",
        "\u007f",
        "\u0085",
        "\ufeff",
        "\\u0069",
        "😀",
      ),
    },
  );
  return fc.array(piece, { maxLength: 3 }).map((pieces) => `"${pieces.join("")}"`);
}

function inner(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** Makes values of attributes: ordinary ones, and what no attribute may be. */
export const attributeText: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 6 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "",
      "1.0",
      "0.3",
      "t",
      "/s",
      "a b",
      "a%20b",
      "%",
      "%FF",
      "%C3%A4",
      "%00",
      "ä",
      "\u0085",
      '"',
      "\\",
      '"%"FF',
      "2026-01-02T03:04:05Z",
      "2026-02-30T00:00:00Z",
      "2026-01-02 03:04:05",
      "text/plain",
      "application/json",
      "application/cloudevents+json",
      "application/xml; charset=utf-16",
      "base64",
      "https://a.example/b?c#d",
      "\ud800",
      "x".repeat(300),
    ),
  },
);

/** Makes names of attributes, most of them allowed. */
export const attributeName: fc.Arbitrary<string> = fc.oneof(
  { weight: 2, arbitrary: fc.stringMatching(/^[a-z0-9]{1,20}$/) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      "specversion",
      "id",
      "source",
      "type",
      "subject",
      "time",
      "dataschema",
      "datacontenttype",
      "datacontentencoding",
      "knativeerrordest",
      "knativebrokerttl",
      "traceparent",
      "partitionkey",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "",
      "data",
      "data_base64",
      "a-b",
      "a_b",
      "Subject",
      "ä",
      "__proto__",
      "a b",
      "id ",
    ),
  },
);

const SPECVERSION = fc.constantFrom("1.0", "1.0", "1.0", "0.3", "2.0");

/** Makes members of a JSON event: name and value as JSON texts. */
const jsonMember: fc.Arbitrary<[name: string, value: string]> = fc.oneof(
  fc.tuple(attributeName.map(jsonOf), attributeText.map(jsonOf)),
  fc.tuple(attributeName.map(jsonOf), jsonText),
  fc.tuple(fc.constant('"data"'), jsonText),
  fc.tuple(fc.constant('"data_base64"'), fc.base64String({ maxLength: 12 }).map(jsonOf)),
  fc.tuple(
    fc.constant('"datacontenttype"'),
    fc.constantFrom(
      '"text/plain"',
      '"application/json"',
      '"a/b+json; c=d"',
      '"application/xml"',
      '""',
      "null",
    ),
  ),
);

/** Makes the texts of JSON events; some lack something or have it twice, most are right. */
const jsonEventText: fc.Arbitrary<string> = fc
  .record({
    specversion: SPECVERSION,
    id: fc.oneof(
      { weight: 5, arbitrary: fc.nat().map(String) },
      { weight: 1, arbitrary: attributeText },
    ),
    source: fc.oneof(
      { weight: 5, arbitrary: fc.constant("/s") },
      { weight: 1, arbitrary: attributeText },
    ),
    members: fc.array(jsonMember, { maxLength: 4 }),
    turn: fc.nat(8),
    space: fc.constantFrom("", "", " ", "\r\n\t"),
  })
  .map(({ specversion, id, source, members, turn, space }) => {
    const all = [
      ['"specversion"', jsonOf(specversion)],
      ['"id"', jsonOf(id)],
      ['"source"', jsonOf(source)],
      ['"type"', '"t"'],
      ...members,
    ].map((pair) => pair.join(`${space}:${space}`));
    const turned = [...all.slice(turn), ...all.slice(0, turn)];
    return `${space}{${turned.join(`${space},`)}${space}}${space}`;
  });

const JSON_TOKENS = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "\\u12g4",
  "\\x",
  "/",
  "0",
  "-",
  "+",
  ".",
  "e",
  "9",
  "true",
  "nul",
  "NaN",
  " ",
  "\t",
  "\n",
  "\f",
  "\u0000",
  "\u001f",
  "\u2028",
  "\ufeff",
  "\u00e9",
  "\u00ff",
  "01",
  "5.",
  "1e+",
  "'",
  "//",
  '"a":',
  '"id":"1",',
  '"data":1,',
  '"data_base64":"AA==",',
  '"\\u0069d":1,',
  "[".repeat(1_100),
  '{"a":'.repeat(998),
];

/** Makes bodies of structured events: JSON events, half of them with faults in their bytes. */
export const jsonEventBody: fc.Arbitrary<Buffer> = fc.oneof(
  jsonEventText.map((text) => shownBytes(Buffer.from(text))),
  mutationsOf(
    jsonEventText.map((text) => Buffer.from(text)),
    JSON_TOKENS,
  ),
);

/** Makes headers with attributes, as name and value; most of the events they make are right. */
export const attributeHeaders: fc.Arbitrary<[name: string, value: string][]> = fc
  .record({
    core: fc.constantFrom(
      ["specversion", "id", "source", "type"],
      ["specversion", "id", "source", "type"],
      ["specversion", "id", "source", "type"],
      ["id", "source", "type"],
      ["specversion", "source", "type"],
      [],
    ),
    specversion: SPECVERSION,
    odd: fc.option(fc.tuple(fc.constantFrom("id", "source", "type"), attributeText), { freq: 4 }),
    more: fc.oneof(
      fc.constant<[string, string][]>([]),
      fc.array(fc.tuple(attributeName, attributeText), { maxLength: 3 }),
    ),
    id: fc.nat().map(String),
    prefix: fc.constantFrom("ce-", "ce-", "Ce-", "CE-"),
  })
  .map(({ core, specversion, id, odd, more, prefix }) => {
    const values: Record<string, string> = { specversion, id, source: "/s", type: "t" };
    if (odd !== null) values[odd[0]] = odd[1];
    return [...core.map((name): [string, string] => [name, values[name] ?? ""]), ...more].map(
      ([name, value]) => [`${prefix}${name}`, value],
    );
  });

/** Makes other headers that receivers and senders of events look at, or must not hand on. */
export const otherHeader: fc.Arbitrary<[name: string, value: string]> = fc.tuple(
  fc.constantFrom(
    "content-type",
    "Content-Type",
    "traceparent",
    "tracestate",
    "baggage",
    "x-request-id",
    "X-B3-TraceId",
    "knative-x",
    "knative-a b",
    "retry-after",
    "Nats-Rollup",
    "Nats-Msg-Id",
    "content-length",
    "transfer-encoding",
    "connection",
    "host",
    "prefer",
    "kn-namespace",
    "expect",
    "authorization",
    "",
    "x\u0000",
    ":path",
  ),
  attributeText,
);
