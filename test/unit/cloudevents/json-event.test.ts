import { describe, expect, it } from "vitest";
import { InvalidEventError } from "../../../src/cloudevents/attributes.ts";
import { looksLikeJsonEvent, scanJsonEvent } from "../../../src/cloudevents/json-event.ts";

const CORE = '"specversion":"1.0","id":"1","source":"/a","type":"t"';

function eventWith(members: string, core = CORE): Buffer {
  return Buffer.from(`{${core}${members === "" ? "" : `,${members}`}}`);
}

function dataFor(members: string, core = CORE): string {
  return Buffer.from(scanJsonEvent(eventWith(members, core)).data).toString("latin1");
}

describe("JSON data", () => {
  it.each([
    "12345678901234567890",
    "1.0",
    "1e400",
    "-0",
    "null",
    "true",
    '""',
    '"text"',
    '"\\u00e9\\ud83d\\ude00 \\/ \\ud800"',
    "[]",
    "{}",
    '{ "a" : [ 1.50 , { "b" : [ ] } ] ,\t"a" : 2 }',
    '{"specversion":"9","data":{"data":1}}',
  ])("%s are cut out byte for byte", (json) => {
    expect(dataFor(`"data": ${json} `)).toBe(json);
    expect(dataFor(`"data":${json},"datacontenttype":"application/json; charset=utf-8"`)).toBe(
      json,
    );
    expect(dataFor(`"datacontenttype":"Text/JSON","data":${json}`)).toBe(json);
    expect(dataFor(`"datacontenttype":"application/vnd.a+json","data":${json}`)).toBe(json);
  });

  it("of 900 kB are a slice of the scanned bytes, not a copy", () => {
    const json = JSON.stringify({ list: Array.from({ length: 90_000 }, (_, i) => `item${i}`) });
    const bytes = eventWith(`"data":${json}`);
    expect(bytes.length).toBeGreaterThan(900_000);

    const { data } = scanJsonEvent(bytes);

    expect(data.buffer).toBe(bytes.buffer);
    expect(Buffer.from(data).equals(Buffer.from(json))).toBe(true);
  });

  it("are cut out of text that is not ASCII", () => {
    const bytes = eventWith('"subject":"Grüße","data":{"é":"😀"}');
    const event = scanJsonEvent(new Uint8Array(bytes));
    expect(Buffer.from(event.data).toString()).toBe('{"é":"😀"}');
    expect(event.attributes).toContainEqual(["subject", "Grüße"]);
  });

  it("without a content type are delivered as application/json, which its absence means", () => {
    expect(scanJsonEvent(eventWith('"data":"a"'))).toMatchObject({
      dataContentType: undefined,
      deliveredContentType: "application/json",
    });
    expect(scanJsonEvent(eventWith(""))).toMatchObject({ deliveredContentType: undefined });
    expect(scanJsonEvent(eventWith('"data_base64":"AA=="'))).toMatchObject({
      deliveredContentType: undefined,
    });
  });
});

describe("data of another kind", () => {
  it.each([
    ["text", '"datacontenttype":"text/plain","data":"a\\n\\u20ac"', "a\n€"],
    ["text without escapes", '"datacontenttype":"text/plain","data":"<a>"', "<a>"],
    ["text in UTF-8", '"datacontenttype":"text/plain","data":"é"', "é"],
    ["empty text", '"datacontenttype":"text/plain","data":""', ""],
    [
      "an object that claims to be text",
      '"datacontenttype":"text/plain","data":{"a":1.0}',
      '{"a":1.0}',
    ],
    ["no data", '"datacontenttype":"text/plain"', ""],
    ["base64", '"data_base64":"aGVsbG8="', "hello"],
    ["base64 of JSON", '"datacontenttype":"application/json","data_base64":"e30="', "{}"],
    ["base64 without padding", '"data_base64":"aGVsbG8"', "hello"],
    ["base64 with an escaped slash", '"data_base64":"Pz8\\/"', "???"],
    ["empty base64", '"data_base64":""', ""],
    ["base64 that is null", '"data_base64":null,"data":1', "1"],
  ])("%s is decoded", (_, members, text) => {
    expect(dataFor(members)).toBe(Buffer.from(text).toString("latin1"));
  });

  it("in base64 gives every byte back", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const base64 = Buffer.from(bytes).toString("base64");
    const { data } = scanJsonEvent(eventWith(`"data_base64":"${base64}"`));
    expect(Buffer.from(data).equals(bytes)).toBe(true);
  });

  it("is decoded as CloudEvents 0.3 says it: datacontentencoding base64", () => {
    const core = CORE.replace("1.0", "0.3");
    const encoding = '"datacontentencoding":"Base64"';
    const event = scanJsonEvent(eventWith(`${encoding},"data":"aGVsbG8="`, core));
    expect(Buffer.from(event.data).toString()).toBe("hello");
    expect(event.attributes.map(([name]) => name)).not.toContain("datacontentencoding");
    expect(dataFor(`${encoding},"data":{"a":1}`, core)).toBe('{"a":1}');
  });

  it("keeps datacontentencoding as an extension in 1.0, where it means nothing", () => {
    const event = scanJsonEvent(eventWith('"datacontentencoding":"base64","data":"aGVsbG8="'));
    expect(event.attributes).toContainEqual(["datacontentencoding", "base64"]);
    expect(Buffer.from(event.data).toString()).toBe('"aGVsbG8="');
  });
});

describe("attributes", () => {
  it("come decoded and in order, without the data content type and what is null", () => {
    const bytes = Buffer.from(
      ' {"id":"\\u0031","specversion":"1.0","type":"t","source":"/a","flag":true,"count":-5,"none":null,"datacontenttype":"text/plain","time":"2018-04-05T17:31:00Z"} \n',
    );
    expect(scanJsonEvent(bytes)).toMatchObject({
      specversion: "1.0",
      dataContentType: "text/plain",
      attributes: [
        ["id", "1"],
        ["specversion", "1.0"],
        ["type", "t"],
        ["source", "/a"],
        ["flag", "true"],
        ["count", "-5"],
        ["time", "2018-04-05T17:31:00Z"],
      ],
    });
  });

  it.each(["2147483647", "-2147483648", "0", "-0", "false", '""'])("take the value %s", (json) => {
    const { attributes } = scanJsonEvent(eventWith(`"ext":${json}`));
    expect(attributes).toContainEqual(["ext", json.replaceAll('"', "")]);
  });

  it.each(["1.0", "1e3", "2147483648", "-2147483649", "99999999999999999999", "{}", "[]", '["a"]'])(
    "refuse the value %s and name the attribute",
    (json) => {
      expect(() => scanJsonEvent(eventWith(`"ext":${json}`))).toThrow(InvalidEventError);
      expect(() => scanJsonEvent(eventWith(`"ext":${json}`))).toThrow("attribute ext ");
    },
  );
});

describe("an event is refused", () => {
  const deep = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;

  it.each([
    ["not UTF-8", Buffer.from(eventWith('"subject":"é"').toString(), "latin1"), "UTF-8"],
    ["a byte order mark", Buffer.from(`\ufeff{${CORE}}`), "JSON object"],
    ["an array", Buffer.from(`[{${CORE}}]`), "JSON object"],
    ["nothing", Buffer.alloc(0), "JSON object"],
    ["a number", Buffer.from("1"), "JSON object"],
    ["something behind the object", Buffer.from(`{${CORE}}x`), "offset"],
    ["two objects", Buffer.from(`{${CORE}}{}`), "offset"],
    ["a NUL behind the object", Buffer.from(`{${CORE}}\u0000`), "offset"],
    ["a trailing comma", Buffer.from(`{${CORE},}`), "offset"],
    ["an open end", Buffer.from(`{${CORE}`), "too early"],
    ["1,001 levels", eventWith(`"data":${deep(1000)}`), "1,000 levels"],
    ["a million levels", eventWith(`"data":${"[".repeat(1_000_000)}`), "1,000 levels"],
    ["an attribute twice", eventWith('"id":"2"'), '"id"'],
    ["an attribute twice, once escaped", eventWith('"\\u0069d":"2"'), '"id"'],
    ["an attribute twice, once null", eventWith('"x":null,"x":null'), '"x"'],
    ["data twice", eventWith('"data":1,"data":1'), '"data"'],
    ["data beside data_base64", eventWith('"data":1,"data_base64":"AA=="'), "data_base64"],
    ["an upper-case name", eventWith('"Ext":"a"'), '"Ext"'],
    ["an empty name", eventWith('"":"a"'), '""'],
    ["a name with a line end", eventWith('"a\\r\\nb":"a"'), "name"],
    ["__proto__", eventWith('"__proto__":"a"'), "__proto__"],
    ["a line end in an attribute", eventWith('"subject":"a\\r\\nb"'), "attribute subject"],
    ["NUL in an attribute", eventWith('"subject":"\\u0000"'), "attribute subject"],
    ["a lone surrogate in an attribute", eventWith('"subject":"\\ud83d"'), "attribute subject"],
    [
      "a lone surrogate in text data",
      eventWith('"datacontenttype":"text/plain","data":"\\ud83d"'),
      "member data ",
    ],
    [
      "a line end in the content type",
      eventWith('"datacontenttype":"a/b\\r\\nx: y"'),
      "attribute datacontenttype",
    ],
    ["an id that is no string", Buffer.from(`{${CORE.replace('"1"', "1")}}`), "attribute id"],
    [
      "a version that is no string",
      Buffer.from(`{${CORE.replace('"1.0"', "1.0")}}`),
      "specversion",
    ],
    ["a version of another age", Buffer.from(`{${CORE.replace("1.0", "0.2")}}`), "specversion"],
    [
      "a missing source",
      Buffer.from('{"specversion":"1.0","id":"1","type":"t"}'),
      "attribute source",
    ],
    ["an id that is null", Buffer.from(`{${CORE.replace('"1"', "null")}}`), "attribute id"],
    ["a wrong time", eventWith('"time":"now"'), "attribute time"],
    ["an empty subject", eventWith('"subject":""'), "attribute subject is empty"],
    ["an empty dataschema", eventWith('"dataschema":""'), "attribute dataschema is empty"],
    ["base64 that is a number", eventWith('"data_base64":1'), "data_base64"],
  ])("for %s", (_, bytes, named) => {
    expect(() => scanJsonEvent(bytes)).toThrow(InvalidEventError);
    expect(() => scanJsonEvent(bytes)).toThrow(named);
  });

  it.each([
    "A",
    "AAAAA",
    "AA=",
    "A===",
    "AA==A",
    "=AAA",
    "AA AA",
    "AA\\nAA",
    "-_-_",
    "AAA\\u0141",
    "A*AA",
    "AA===",
  ])("for the base64 %s", (base64) => {
    expect(() => scanJsonEvent(eventWith(`"data_base64":"${base64}"`))).toThrow("data_base64");
  });

  it("but not for 1,000 levels", () => {
    expect(dataFor(`"data":${deep(999)}`)).toBe(deep(999));
  });

  it("in time linear in its size, however many members it has", () => {
    const members = Array.from({ length: 100_000 }, (_, i) => `"a${i}":"b"`).join(",");
    const startedAtMs = performance.now();
    expect(scanJsonEvent(eventWith(members)).attributes).toHaveLength(100_004);
    expect(performance.now() - startedAtMs).toBeLessThan(20_000);
  });
});

describe("a body without headers looks like an event", () => {
  it.each([
    [`{${CORE}}`, true],
    [' {"data":{"a":[1]},"specversion":"0.3"', true],
    ['{"data":{"specversion":"1.0"}}', false],
    ['{"a":"\\"specversion\\""}', false],
    ['["specversion"]', false],
    ['{"a":,"specversion":"1.0"}', false],
    ["", false],
    ["{", false],
    ["\u0000\u00ff", false],
  ])("%s: %s", (text, looks) => {
    expect(looksLikeJsonEvent(Buffer.from(text))).toBe(looks);
  });
});
