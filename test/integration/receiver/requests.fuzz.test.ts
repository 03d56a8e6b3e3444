import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { CloudEvent, HTTP } from "cloudevents";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { aChannel } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type Header, storedFaults } from "../../support/event-rules.ts";
import { fuzz, fuzzCases, fuzzTimeoutMs, mutationsOf, tryInBatches } from "../../support/fuzz.ts";
import { attributeHeaders, jsonEventBody, otherHeader } from "../../support/fuzz-events.ts";
import { lastSequence, type StoredBytes, storedAt } from "./stored-messages.ts";

const STREAM = "KN_DEFAULT__FUZZ";
const AT_ONCE = 200;
/** A request whose end is missing gets no answer; its connection is given up so long after a good one's answer. */
const PATIENCE_MS = 25;

const JSON_TYPE = "Content-Type: application/cloudevents+json";
const TOKENS = [
  "\r\n",
  "\n",
  "\0",
  "\r",
  " ",
  "\t",
  ":",
  "%",
  "%00",
  "%0d%0a",
  "%FF",
  '"',
  "\\",
  "\\u0000",
  "\xff",
  "ä",
  "{",
  "[",
  "]",
  "}",
  ",",
  "0",
  "ffffffff",
  "-1",
  "\r\nContent-Length: 0",
  "\r\nContent-Length: 4\r\n",
  "\r\nTransfer-Encoding: chunked",
  "\r\nTransfer-Encoding:\x0bchunked",
  "\r\nce-id: other",
  "\r\nce-x-y: z",
  "\r\n\r\n",
  "\r\nNats-Rollup: all",
  "\r\nHost: fuzz-kn-jsm-channel.default",
  "\r\nExpect: 100-continue",
  "\r\nUpgrade: h2c\r\nConnection: upgrade",
  "0\r\n\r\n",
  '"data":1,',
  '"id":"other",',
  "HTTP/1.0",
  "GET ",
  "POST http://fuzz-kn-jsm-channel.default/ HTTP/1.1\r\n",
  "\r\nx: ".concat("y".repeat(9_000)),
];

const target = fc.oneof(
  { weight: 20, arbitrary: fc.constant("POST /default/fuzz HTTP/1.1") },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "POST http://fuzz-kn-jsm-channel.default/ HTTP/1.1",
      "POST /default/fuzz?a=b HTTP/1.0",
      "PUT /default/fuzz HTTP/1.1",
      "OPTIONS * HTTP/1.1",
      "POST /default%2ffuzz HTTP/1.1",
      "POST //default/fuzz HTTP/1.1",
      "HEAD / HTTP/1.1",
    ),
  },
);
const framing = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom("length", "chunked", "chunks") },
  { weight: 1, arbitrary: fc.constantFrom("short", "long", "both") },
);
/** Puts a body behind its length, into one chunk, into many, or lies about it. */
function framed(body: Buffer, kind: string): Buffer {
  const { length } = body;
  const told =
    length + { short: -1, long: 1 }[kind === "short" || kind === "long" ? kind : "short"];
  switch (kind) {
    case "chunked":
    case "chunks":
      return Buffer.concat([
        Buffer.from("Transfer-Encoding: chunked\r\n\r\n"),
        ...(kind === "chunks" ? [body.subarray(0, 1), body.subarray(1)] : [body])
          .filter((chunk) => chunk.length > 0)
          .flatMap((chunk) => [
            Buffer.from(`${chunk.length.toString(16)};x=y\r\n`),
            chunk,
            Buffer.from("\r\n"),
          ]),
        Buffer.from("0\r\n\r\n"),
      ]);
    case "both":
      return Buffer.concat([
        Buffer.from(`Content-Length: ${length}\r\nTransfer-Encoding: chunked\r\n\r\n`),
        body,
      ]);
    case "length":
      return Buffer.concat([Buffer.from(`Content-Length: ${length}\r\n\r\n`), body]);
    default:
      return Buffer.concat([Buffer.from(`Content-Length: ${told}\r\n\r\n`), body]);
  }
}

/** Requests by the grammar of HTTP and CloudEvents, with values that are none. */
const request = fc
  .record({
    target,
    attributes: attributeHeaders,
    others: fc.oneof(fc.constant<[string, string][]>([]), fc.array(otherHeader, { maxLength: 2 })),
    isStructured: fc.boolean(),
    encoding: fc.constantFrom("latin1" as const, "utf8" as const),
    // What breaks HTTP itself hides what is wrong with the event.
    isHttp: fc.oneof(...[true, true, true, false].map((each) => fc.constant(each))),
    json: jsonEventBody,
    bytes: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    framing,
  })
  .map(({ attributes, others, isStructured, encoding, isHttp, json, bytes, ...parts }) => {
    const event = isStructured ? [JSON_TYPE] : attributes.map((pair) => pair.join(": "));
    const more = [...event, ...others.map((pair) => pair.join(": "))];
    const printable = isHttp ? more.map((line) => line.replace(/\p{Control}/gu, "")) : more;
    const lines = [parts.target, "Host: a", "Connection: close", ...printable];
    const head = Buffer.from(`${lines.join("\r\n")}\r\n`, encoding);
    return Buffer.concat([head, framed(isStructured ? json : bytes, parts.framing)]);
  });

/** Right requests, to be damaged anywhere. */
const rightRequest = fc
  .tuple(fc.nat(), fc.constantFrom("length", "chunked"), fc.nat(3))
  .map(([id, kind, which]) => {
    const core = `ce-source: /f%C3%A4\r\nce-type: t\r\nce-time: 2026-01-02T03:04:05Z\r\ntraceparent: p\r\n`;
    const json = (data: string): string =>
      `{"specversion":"1.0","id":"${id}","source":"/fuzz","type":"t","subject":"s",${data}}`;
    const [head, body] = [
      [`ce-specversion: 1.0\r\nce-id: ${id}\r\n${core}`, '{"a":1}'],
      [`ce-specversion: 0.3\r\nce-id: ${id}\r\n${core}`, ""],
      [`${JSON_TYPE}\r\n`, json('"data":{"a":[1.0,"ä"]}')],
      [`${JSON_TYPE}\r\n`, json('"data_base64":"AAECAw=="')],
    ][which] as [string, string];
    const start = "POST /default/fuzz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
    return Buffer.concat([Buffer.from(start + head), framed(Buffer.from(body), kind)]);
  });

const hostile = fc.oneof(
  { weight: 5, arbitrary: request },
  { weight: 2, arbitrary: mutationsOf(rightRequest, TOKENS) },
  { weight: 1, arbitrary: mutationsOf(request, TOKENS) },
  // Two on one connection, one of which may eat the other.
  {
    weight: 1,
    arbitrary: fc
      .tuple(mutationsOf(rightRequest, TOKENS), request)
      .map((two) => Buffer.concat(two)),
  },
);

let plane: DataPlane;
const statuses = new Map<number | undefined, number>();
let judged = 0;

beforeAll(async () => {
  // Short, so that a case that is tried again is stored again.
  const stream = { config: { duplicateWindow: "100ms" } };
  plane = await startDataPlane({ channels: [aChannel({ name: "fuzz", spec: { stream } })] });
});

afterAll(() => plane.stop());

/** Sends a request and gives the status of its first answer; undefined when the connection ended, or was given up. */
function statusOf(bytes: Uint8Array, givenUp: AbortSignal): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect(plane.dispatcher.httpPort, "127.0.0.1", () => socket.write(bytes));
    const done = (text?: string): void => {
      givenUp.removeEventListener("abort", giveUp);
      socket.destroy();
      const status = /^HTTP\/1\.1 (\d+) /.exec(text ?? "")?.[1];
      resolve(status === undefined ? undefined : Number(status));
    };
    const giveUp = (): void => done();
    givenUp.addEventListener("abort", giveUp);
    socket.setEncoding("latin1").on("data", (text) => done(String(text)));
    socket.on("error", giveUp).on("close", giveUp);
  });
}

/** Sends requests at once, then a good event; tells what they were answered. */
async function send(batch: readonly Uint8Array[]): Promise<(number | undefined)[]> {
  const patience = new AbortController();
  const answers = Promise.all(batch.map((bytes) => statusOf(bytes, patience.signal)));
  expect(await plane.client("fuzz").sendBinary({ id: randomUUID() })).toMatchObject({
    status: 202,
  });
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
  const got = await answers;
  clearTimeout(timer);
  return got;
}

function linesOf({ headers }: StoredBytes): Header[] {
  expect(headers).toMatch(/^NATS\/1\.0\r\n(?:[^\r\n]*: [^\r\n]*\r\n)+\r\n$/);
  return headers
    .split("\r\n")
    .slice(1, -2)
    .map((line): Header => {
      const colon = line.indexOf(": ");
      return [line.slice(0, colon), line.slice(colon + 2)];
    });
}

/** Reads a stored message as the CloudEvents SDK does, which throws for what is no event. */
function readBySdk(lines: readonly Header[], data: Buffer): void {
  const { "ce-datacontenttype": _type, ...headers } = Object.fromEntries(lines);
  // The SDK takes this name for one of its own properties in 0.3, where it is an extension.
  if (headers["ce-specversion"] === "0.3") delete headers["ce-dataschema"];
  if (headers["content-type"] === undefined) {
    HTTP.toEvent({ headers: { ...headers, "content-type": "text/plain" }, body: "text" });
    return;
  }
  const members = JSON.parse(data.toString()) as Record<string, unknown>;
  const { data: _data, data_base64: _base64, dataschema: _schema, ...attributes } = members;
  expect(new CloudEvent(attributes, false).id).not.toBe("");
}

/** Judges all that was stored since the last time. */
async function judgeStored(): Promise<void> {
  const last = await lastSequence(plane.nc, STREAM);
  const sequences = Array.from({ length: last - judged }, (_, i) => judged + 1 + i);
  judged = last;
  const messages = await Promise.all(sequences.map((each) => storedAt(plane.nc, STREAM, each)));
  for (const message of messages) {
    const lines = linesOf(message);
    expect(
      storedFaults(lines, message.data),
      message.headers + message.data.toString("latin1"),
    ).toEqual([]);
    readBySdk(lines, message.data);
  }
}

async function attempt(batch: readonly Uint8Array[]): Promise<void> {
  const answers = await send(batch);
  for (const status of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  expect(answers.filter((status) => status !== undefined && status >= 500)).toEqual([]);
  await judgeStored();
}

it(
  `${fuzz.cases} hostile requests (seed ${fuzz.seed}) end no process, get no 5xx, store nothing that is no event, and stop no good event`,
  async () => {
    await tryInBatches(fuzzCases(hostile), AT_ONCE, attempt);
    await judgeStored();
    console.log(`answers: ${JSON.stringify([...statuses])}; stored and judged: ${judged}`);
    const errors = plane.dispatcher.logs.filter(
      ({ level }) => level === "error" || level === "fatal",
    );
    expect(errors).toEqual([]);
    // Enough of both, or the cases would miss the point.
    if (fuzz.path === undefined) {
      expect(statuses.get(400)).toBeGreaterThan(fuzz.cases / 10);
      expect(statuses.get(202)).toBeGreaterThan(fuzz.cases / 20);
    }
  },
  fuzzTimeoutMs(6),
);
