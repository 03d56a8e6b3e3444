/**
 * Judges whether something is a CloudEvent by the words of the specification (CloudEvents 1.0.2 and 0.3: core, HTTP and
 * NATS protocol bindings, JSON format), without a line of the code that is tested: JSON is read by JSON.parse, UTF-8 by
 * TextDecoder, dates by Date. Each function lists what is wrong; an empty list is praise.
 */
import { Buffer } from "node:buffer";

/** One header: its name in lower case, and its value. */
export type Header = readonly [name: string, value: string];

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const REQUIRED = ["specversion", "id", "source", "type"];
const NOT_EMPTY = [...REQUIRED, "subject", "dataschema"];
// Core specification, type String: no U+0000-U+001F, U+007F-U+009F, and no code point that is no character.
const FORBIDDEN = /\p{Control}|\p{Surrogate}/u;

/** Reads UTF-8; undefined when it is none. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Judges an event in binary mode by its headers: those of an HTTP message, or of a stored one without its `NATS/1.0`. */
export function binaryFaults(headers: readonly Header[]): string[] {
  const faults: string[] = [];
  const attributes = new Map<string, string>();
  for (const [name, value] of headers) {
    if (!/^[\x20-\x7e]*$/.test(value)) faults.push(`${name} is not printable ASCII`);
    if (!name.startsWith("ce-")) continue;
    // It is the Content-Type as it came, which nobody percent-encodes.
    const text = name === "ce-datacontenttype" ? value : headerText(value);
    if (text === undefined) faults.push(`${name} is not percent-encoded UTF-8`);
    if (attributes.has(name.slice(3))) faults.push(`${name} is there twice`);
    attributes.set(name.slice(3), text ?? value);
    // As it came: the %20 of a URI is no space.
    if (name === "ce-source" && /\s/.test(value)) faults.push("source is no URI-reference");
  }
  return [...faults, ...attributeFaults(attributes)];
}

/** Judges an event in structured mode by its body. */
export function structuredFaults(body: Uint8Array): string[] {
  const text = textOf(body);
  const members = text === undefined ? undefined : membersOf(text);
  if (text === undefined || members === undefined)
    return ["the body is not a JSON object in UTF-8"];
  const names = memberNames(text);
  const { data, data_base64: base64, ...rest } = members;
  const attributes = new Map<string, string>();
  const faults = dataFaults(members);
  if (names.length > new Set(names).size) faults.push("a member is there twice");
  for (const [name, member] of Object.entries(rest)) {
    if (!isName(name)) faults.push(`the name ${name}`);
    // "null": the attribute is not set (JSON format §2.2).
    if (member.value === null) continue;
    if (!isAttributeValue(name, member)) faults.push(`${name} has a wrong type`);
    attributes.set(name, attributeValue(member));
  }
  // There are producers that write an unset content type so, and it is read so.
  if (attributes.get("datacontenttype") === "") attributes.delete("datacontenttype");
  if (/\s/.test(attributes.get("source") ?? "")) faults.push("source is no URI-reference");
  return [...faults, ...attributeFaults(attributes)];
}

function dataFaults(members: Record<string, Member>): string[] {
  const { data, data_base64: base64 } = members;
  const both = data !== undefined && typeof base64?.value === "string";
  return [
    ...(both ? ["data and data_base64"] : []),
    ...(base64 === undefined || base64.value === null ? [] : base64Faults(base64.value)),
    ...(isBase64Data(members) ? base64Faults(data?.value) : []),
  ];
}

/** Holds a member's value, and for a number, boolean or null at the top level how it is written. */
export interface Member {
  value: unknown;
  source: string | undefined;
}

type Reviver = (this: object, key: string, value: unknown, context: { source?: string }) => unknown;

/** Reads the members of a JSON object; undefined when the text is none. */
export function membersOf(text: string): Record<string, Member> | undefined {
  const sources = new WeakMap<object, Map<string, string | undefined>>();
  const note: Reviver = function (key, value, { source }) {
    const known = sources.get(this) ?? new Map<string, string | undefined>();
    sources.set(this, known.set(key, source));
    return value;
  };
  let object: unknown;
  try {
    object = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof object !== "object" || object === null || Array.isArray(object)) return undefined;
  const deepest = 2_000;
  // What a reviver recurses into is bounded; such a text is refused for its depth, whatever its numbers.
  const isDeep = (text.match(/[[{]/g) ?? []).length > deepest;
  const value = isDeep
    ? object
    : (JSON.parse(text, note as (key: string, value: unknown) => unknown) as object);
  const ofValue = sources.get(value);
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      { value: each, source: ofValue?.get(name) },
    ]),
  );
}

/** Writes an attribute as text: a number as it is written. */
export function attributeValue({ value, source }: Member): string {
  return typeof value === "number" ? (source ?? String(value)) : String(value);
}

/** Tells whether the data of an event of 0.3 are a string in base64. */
export function isBase64Data(members: Record<string, Member>): boolean {
  const { specversion, datacontentencoding: encoding, data } = members;
  const isOld = specversion?.value === "0.3" && typeof data?.value === "string";
  return isOld && String(encoding?.value).toLowerCase() === "base64";
}

/** Lists the names of an object's members, at its top level and decoded; the text must be a JSON object. */
export function memberNames(text: string): string[] {
  const names: string[] = [];
  let depth = 0;
  for (const [token, string] of text.matchAll(
    /("(?:[^"\\]|\\.)*"(?=\s*:))|"(?:[^"\\]|\\.)*"|[{}[\]]/g,
  )) {
    if (token === "{" || token === "[") depth += 1;
    else if (token === "}" || token === "]") depth -= 1;
    else if (depth === 1 && string !== undefined) names.push(JSON.parse(string));
  }
  return names;
}

/** Reads a header's value as the HTTP binding says (§3.1.3.2); undefined when it is no UTF-8. A `%` that begins no escape is one. */
export function headerText(value: string): string | undefined {
  const unquoted = value.replace(/"((?:[^"\\]|\\.)*)"/gs, (_, inner: string) =>
    inner.replace(/\\(.)/gs, "$1"),
  );
  const pieces = unquoted.split(/((?:%[0-9a-f]{2})+)/i);
  const bytes = pieces.map((piece, index) =>
    index % 2 === 1 ? Buffer.from(piece.replaceAll("%", ""), "hex") : Buffer.from(piece),
  );
  return textOf(Buffer.concat(bytes));
}

function attributeFaults(attributes: ReadonlyMap<string, string>): string[] {
  const faults: string[] = [];
  for (const [name, text] of attributes) {
    if (!isName(name)) faults.push(`the name ${name}`);
    if (FORBIDDEN.test(text)) faults.push(`${name} has a forbidden character`);
  }
  for (const name of NOT_EMPTY) {
    if (attributes.get(name) === "") faults.push(`${name} is empty`);
  }
  for (const name of REQUIRED) {
    if (!attributes.has(name)) faults.push(`${name} is missing`);
  }
  const version = attributes.get("specversion");
  if (version !== undefined && version !== "1.0" && version !== "0.3") faults.push("specversion");
  const time = attributes.get("time");
  if (time !== undefined && !isTimestamp(time)) faults.push("time is no RFC 3339 timestamp");
  return faults;
}

function isName(name: string): boolean {
  return /^[a-z0-9]+$/.test(name) && name !== "data";
}

function isAttributeValue(name: string, { value, source = "" }: Member): boolean {
  if (typeof value === "string") return true;
  if ([...NOT_EMPTY, "time", "datacontenttype"].includes(name)) return false;
  // Integer: the integer component of a number, within 32 bits (JSON format §2.2).
  const isInteger = /^-?\d+$/.test(source) && (Number(value) | 0) === Number(value);
  return typeof value === "boolean" || isInteger;
}

function base64Faults(value: unknown): string[] {
  if (typeof value !== "string") return ["the base64 is no string"];
  const unpadded = value.replace(/={1,2}$/, "");
  const isBase64 =
    /^[A-Za-z0-9+/]*$/.test(unpadded) &&
    unpadded.length % 4 !== 1 &&
    (unpadded === value || value.length % 4 === 0);
  return isBase64 ? [] : ["the base64 is none"];
}

function isTimestamp(text: string): boolean {
  const parts =
    /^(\d{4})-(\d\d)-(\d\d)t(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:z|[+-](\d\d):(\d\d))$/i.exec(text);
  if (parts === null) return false;
  const [
    year = 0,
    month = 0,
    day = 0,
    hour = 0,
    minute = 0,
    second = 0,
    offsetHours = 0,
    offsetMinutes = 0,
  ] = parts.slice(1).map((part) => Number(part ?? 0));
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isDay =
    month >= 1 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day && day > 0;
  return (
    isDay && hour < 24 && minute < 60 && second <= 60 && offsetHours < 24 && offsetMinutes < 60
  );
}

/** Judges an HTTP request with an event: its content mode by the binding (§3), then the event; header names in lower case. */
export function requestFaults(headers: readonly Header[], body: Uint8Array): string[] {
  const [, contentType = ""] = headers.find(([name]) => name === "content-type") ?? [];
  const isStructured = /^application\/cloudevents/i.test(contentType);
  const hasAttributes = headers.some(([name]) => name.startsWith("ce-"));
  return [
    ...headerFaults(headers),
    ...(isStructured && hasAttributes ? ["attributes in headers beside a structured event"] : []),
    ...(isStructured ? structuredFaults(body) : binaryFaults(headers)),
  ];
}

/** Judges a message as the receiver stores it: the lines of its header block behind `NATS/1.0`, and its data. */
export function storedFaults(lines: readonly Header[], data: Uint8Array): string[] {
  const [[first, id] = ["", ""], ...rest] = lines;
  const isStructured = rest.some(([name]) => name === "content-type");
  const allowed = isStructured ? /^content-type$/ : /^ce-/;
  const strange = rest.filter(([name]) => !allowed.test(name) && !PASSED_THROUGH.test(name));
  const types = rest.filter(([name]) => name === "ce-datacontenttype").map(([, type]) => type);
  return [
    ...(first === "Nats-Msg-Id" && /^[\w-]{43}$/.test(id) ? [] : ["no Nats-Msg-Id at the front"]),
    ...strange.map(([name]) => `a header ${name}`),
    ...(types.some((type) => /^application\/cloudevents/i.test(type))
      ? ["an event as data type"]
      : []),
    ...headerFaults(rest),
    ...(isStructured ? structuredFaults(data) : binaryFaults(rest)),
  ];
}

const PASSED_THROUGH =
  /^(x-request-id|x-b3-[^ ]*|knative-[^ ]*|traceparent|tracestate|baggage|retry-after)$/;

function headerFaults(headers: readonly Header[]): string[] {
  const faults: string[] = [];
  for (const [name, value] of headers) {
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) faults.push(`${name} is no header name`);
    if (!/^[\x20-\x7e]*$/.test(value)) faults.push(`${name} is not printable ASCII`);
  }
  if (headers.filter(([name]) => name === "content-type").length > 1) faults.push("two types");
  return faults;
}
