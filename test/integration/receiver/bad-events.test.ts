import { afterAll, beforeAll, it } from "vitest";
import { aChannel } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type BadRequest, binary, EVENT, expectRefused, request } from "./raw-requests.ts";

const STRUCTURED = "Content-Type: application/cloudevents+json";
const REQUIRED = '"specversion":"1.0","id":"bad","source":"/bad","type":"t"';

let plane: DataPlane;

beforeAll(async () => {
  plane = await startDataPlane({ channels: [aChannel({ name: "bad" })] });
});

afterAll(async () => {
  await plane.stop();
});

function structured(body: string | Buffer, contentType = STRUCTURED): Buffer {
  return request([contentType, `Content-Length: ${Buffer.byteLength(body)}`], body);
}

function member(text: string): Buffer {
  return structured(`{${REQUIRED},${text}}`);
}

const HEADER_CASES: BadRequest[] = [
  [
    "no event at all",
    binary(EVENT.map((line) => `x-${line}`).concat("ce-specversion:")),
    400,
    /specversion/,
  ],
  [
    "JSON that is no event",
    request(["Content-Type: application/json", "Content-Length: 2"], "{}"),
    400,
    /not a CloudEvent/,
  ],
  ["another specversion", binary(["ce-specversion: 2.0"]), 400, /specversion is "2.0"/],
  ["an empty id", binary(["ce-id:"]), 400, /attribute id is empty/],
  ["an empty type", binary(["ce-type: "]), 400, /attribute type is empty/],
  ["an empty source", binary(["ce-source:"]), 400, /attribute source is empty/],
  [
    "no id",
    request(["ce-specversion: 1.0", "ce-source: /a", "ce-type: t"]),
    400,
    /attribute id is missing/,
  ],
  ["an attribute twice", binary(["ce-subject: a", "CE-Subject: a"]), 400, /subject is there twice/],
  ["an attribute with a hyphen", binary(["ce-my-attribute: a"]), 400, /"my-attribute"/],
  ["an attribute with an underscore", binary(["ce-my_attribute: a"]), 400, /"my_attribute"/],
  ["an attribute without a name", binary(["ce-: a"]), 400, /attribute name ""/],
  ["an encoded NUL", binary(["ce-subject: a%00b"]), 400, /attribute subject/],
  ["encoded line ends", binary(["ce-subject: a%0d%0aNats-Rollup: all"]), 400, /attribute subject/],
  ["encoded bytes that are no UTF-8", binary(["ce-subject: %FF%FE"]), 400, /attribute subject/],
  ["an overlong encoding", binary(["ce-subject: %C0%A0"]), 400, /attribute subject/],
  ["raw bytes that are no UTF-8", binary(["ce-subject: \xff\xfe"]), 400, /attribute subject/],
  ["a tab", binary(["ce-subject: a\tb"]), 400, /attribute subject/],
  ["a time that is none", binary(["ce-time: 2026-02-30T00:00:00Z"]), 400, /attribute time/],
  ["ce-datacontenttype", binary(["ce-datacontenttype: a/b"]), 400, /datacontenttype/],
  [
    "two Content-Types",
    binary(["Content-Type: a/b", "content-type: a/c"]),
    400,
    /content-type is there twice/,
  ],
  ["compressed data", binary(["Content-Encoding: gzip"]), 415, /Content-Encoding "gzip"/],
];

const BODY_CASES: BadRequest[] = [
  ["an empty body", structured(""), 400, /JSON/],
  ["JSON that ends too early", structured(`{${REQUIRED}`), 400, /JSON/],
  ["JSON with something behind it", structured(`{${REQUIRED}} x`), 400, /JSON/],
  [
    "bytes that are no UTF-8",
    structured(Buffer.from(`{${REQUIRED},"subject":"\xff"}`, "latin1")),
    400,
    /UTF-8/,
  ],
  ["JSON in UTF-16", structured(Buffer.from(`{${REQUIRED}}`, "utf16le")), 400, /JSON|UTF-8/],
  ["a batch", structured(`[{${REQUIRED}}]`), 400, /JSON object/],
  [
    "a batch that says so",
    structured(`[{${REQUIRED}}]`, "Content-Type: application/cloudevents-batch+json"),
    415,
    /one by one/,
  ],
  [
    "another event format",
    structured("x", "Content-Type: application/cloudevents+protobuf"),
    415,
    /cloudevents\+json/,
  ],
  ["another charset", structured(`{${REQUIRED}}`, `${STRUCTURED}; charset=utf-16`), 415, /UTF-8/],
  [
    "a Content-Type that is not printable",
    structured(`{${REQUIRED}}`, `${STRUCTURED}; x=\xe4`),
    400,
    /Content-Type/,
  ],
  [
    "an array nested 100,000 deep",
    member(`"data":${"[".repeat(100_000)}`),
    400,
    /nested|deep|levels/,
  ],
  [
    "an object nested 100,000 deep",
    member(`"data":${'{"a":'.repeat(100_000)}`),
    400,
    /nested|deep|levels/,
  ],
  ["data and data_base64", member('"data":1,"data_base64":"AA=="'), 400, /data_base64/],
  ["base64 that is none", member('"data_base64":"%%"'), 400, /base64/],
  ["a member twice", member('"id":"other"'), 400, /"id" is there twice/],
  ["a member twice, once in escapes", member('"\\u0069d":"other"'), 400, /"id" is there twice/],
  [
    "another specversion",
    structured('{"specversion":"0.2","id":"1","source":"/","type":"t"}'),
    400,
    /specversion is "0.2"/,
  ],
  [
    "an id that is a number",
    structured('{"specversion":"1.0","id":1,"source":"/","type":"t"}'),
    400,
    /attribute id/,
  ],
  [
    "an empty id",
    structured('{"specversion":"1.0","id":"","source":"/","type":"t"}'),
    400,
    /attribute id is empty/,
  ],
  ["no attributes", structured("{}"), 400, /attribute specversion is missing/],
  ["an attribute with a hyphen", member('"my-attribute":"a"'), 400, /"my-attribute"/],
  ["an attribute that is an object", member('"subject":{}'), 400, /attribute subject/],
  ["an escaped NUL", member('"subject":"a\\u0000b"'), 400, /attribute subject/],
  ["escaped line ends", member('"subject":"a\\r\\nb"'), 400, /attribute subject/],
  ["half of a surrogate pair", member('"subject":"\\ud800"'), 400, /attribute subject/],
];

it.each(HEADER_CASES)(
  "headers that are no event are refused with a reason and stored nowhere: %s",
  async (...bad) => {
    await expectRefused(plane, bad);
  },
);

it.each(BODY_CASES)(
  "a body that is no event is refused with a reason and stored nowhere: %s",
  async (...bad) => {
    await expectRefused(plane, bad);
  },
);
