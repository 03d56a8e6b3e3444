import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aChannel } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { eventually } from "../../support/eventually.ts";
import { sendRaw } from "../../support/send-raw.ts";
import {
  type BadRequest,
  binary,
  EVENT,
  expectRefused,
  HOST,
  LINE,
  request,
} from "./raw-requests.ts";
import { lastSequence } from "./stored-messages.ts";

const STREAM = "KN_DEFAULT__BAD";
const STRUCTURED = "Content-Type: application/cloudevents+json";

let plane: DataPlane;

beforeAll(async () => {
  plane = await startDataPlane({ channels: [aChannel({ name: "bad" })] });
});

afterAll(async () => {
  await plane.stop();
});

function chunked(body: string): Buffer {
  return request([...EVENT, "Transfer-Encoding: chunked"], body);
}

const HTTP_CASES: BadRequest[] = [
  ["a chunk size that is no number", chunked("zz\r\n{}\r\n0\r\n\r\n"), 400, /HTTP/],
  ["a chunk size beyond any number", chunked("fffffffffffffffff\r\n{}\r\n0\r\n\r\n"), 400, /HTTP/],
  ["a negative chunk size", chunked("-1\r\n{}\r\n0\r\n\r\n"), 400, /HTTP/],
  ["a chunk longer than it says", chunked("2\r\n{}{}\r\n0\r\n\r\n"), 400, /HTTP/],
  [
    "a chunk extension of 20 kB",
    chunked(`2;${"x".repeat(20_000)}\r\n{}\r\n0\r\n\r\n`),
    413,
    /extension/,
  ],
  [
    "Content-Length and Transfer-Encoding",
    binary(["Transfer-Encoding: chunked"], "0\r\n\r\n"),
    400,
    /HTTP/,
  ],
  [
    "Transfer-Encoding and Content-Length",
    request([...EVENT, "Transfer-Encoding: chunked", "Content-Length: 5"], "0\r\n\r\n"),
    400,
    /HTTP/,
  ],
  [
    "chunked that is not the last coding",
    request([...EVENT, "Transfer-Encoding: chunked, identity"], "0\r\n\r\n"),
    400,
    /HTTP/,
  ],
  [
    "a coding that nobody knows",
    request([...EVENT, "Transfer-Encoding: xchunked"], "0\r\n\r\n"),
    400,
    /HTTP/,
  ],
  ["two Content-Lengths", binary(["Content-Length: 3"]), 400, /HTTP/],
  ["a list of Content-Lengths", request([...EVENT, "Content-Length: 2, 2"], "{}"), 400, /HTTP/],
  ["a negative Content-Length", request([...EVENT, "Content-Length: -2"], "{}"), 400, /HTTP/],
  ["a Content-Length with a plus", request([...EVENT, "Content-Length: +2"], "{}"), 400, /HTTP/],
  [
    "a Content-Length beyond any number",
    request([...EVENT, "Content-Length: 99999999999999999999"], "{}"),
    400,
    /HTTP/,
  ],
  [
    "100 MB announced",
    request([...EVENT, "Content-Length: 104857600"], "{}"),
    413,
    /1048576 bytes at the most/,
  ],
  [
    "100 MB announced, structured",
    request([STRUCTURED, "Content-Length: 104857600"], "{}"),
    413,
    /at the most/,
  ],
  ["a header of 40 kB", binary([`x: ${"x".repeat(40_000)}`]), 431, /32768 bytes/],
  [
    "5,000 headers",
    binary(Array.from({ length: 5_000 }, (_, i) => `x-${i}: ${i}`)),
    431,
    /32768 bytes/,
  ],
  [
    "5,000 attributes",
    binary(Array.from({ length: 5_000 }, (_, i) => `ce-x${i}: ${i}`)),
    431,
    /32768 bytes/,
  ],
  ["a raw NUL in an attribute", binary(["ce-subject: a\0b"]), 400, /HTTP/],
  ["a raw CR in an attribute", binary(["ce-subject: a\rb"]), 400, /HTTP/],
  ["a folded header", binary(["ce-subject: a\r\n b"]), 400, /HTTP/],
  ["a space before the colon", binary(["ce-subject : a"]), 400, /HTTP/],
  ["a header without a name", binary([": a"]), 400, /HTTP/],
  ["a NUL in the target", Buffer.from(`POST /\0 HTTP/1.1\r\n${HOST}\r\n\r\n`), 400, /HTTP/],
  ["a version that is none", Buffer.from(`POST / HTTP/9.9\r\n${HOST}\r\n\r\n`), 400, /HTTP/],
  ["HTTP/2 without an upgrade", Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400, /HTTP/],
  ["TLS", Buffer.from("16030100c8010000c40303", "hex"), 400, /HTTP/],
  ["a method that nobody knows", Buffer.from(`FOO / HTTP/1.1\r\n${HOST}\r\n\r\n`), 400, /HTTP/],
  [
    "no Host",
    Buffer.from(`${LINE}\r\nConnection: close\r\n${EVENT.join("\r\n")}\r\n\r\n`),
    400,
    /Host header is missing/,
  ],
  ["two Hosts", binary([HOST]), 400, /host is there twice/],
];

it.each(HTTP_CASES)(
  "HTTP that is broken is refused with a reason and stored nowhere: %s",
  async (...bad) => {
    await expectRefused(plane, bad);
  },
);

describe("a connection with more than one request", () => {
  const good = (id: string): string =>
    [
      LINE,
      HOST,
      "ce-specversion: 1.0",
      `ce-id: ${id}`,
      "ce-source: /a",
      "ce-type: t",
      "Content-Length: 0",
      "\r\n",
    ].join("\r\n");

  it("never takes a broken request's refusal for the answer to the good one before it", async () => {
    const before = await lastSequence(plane.nc, STREAM);
    const answer = await sendRaw(plane.dispatcher.httpPort, `${good("pipelined")}BROKEN\r\n\r\n`);
    expect(["", "HTTP/1.1 202"]).toContain(answer.slice(0, 12));
    await eventually(async () => (await lastSequence(plane.nc, STREAM)) === before + 1, {
      within: 10_000,
      what: "the good event to be stored",
    });
  });

  it("does not take what follows a refused body's end for a part of it", async () => {
    const before = await lastSequence(plane.nc, STREAM);
    const smuggled = good("smuggled");
    const outer = request([...EVENT, `Content-Length: ${smuggled.length}`, "ce-x-y: 1"], smuggled);
    const answer = await sendRaw(plane.dispatcher.httpPort, outer);
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 400"]);
    expect(await lastSequence(plane.nc, STREAM)).toBe(before);
  });
});
