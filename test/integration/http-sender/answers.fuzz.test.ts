import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { InvalidEventError } from "../../../src/cloudevents/attributes.ts";
import { eventFromResponse } from "../../../src/cloudevents/event-from-response.ts";
import { httpMessageFor } from "../../../src/cloudevents/http-message.ts";
import { HttpSender, type SendResult } from "../../../src/dispatcher/http-sender.ts";
import { outcomeFor, retryAfterMsFor } from "../../../src/dispatcher/retry.ts";
import { type Header, requestFaults } from "../../support/event-rules.ts";
import { fuzz, fuzzCases, fuzzTimeoutMs, mutationsOf, tryInBatches } from "../../support/fuzz.ts";
import { attributeHeaders, jsonEventBody, otherHeader } from "../../support/fuzz-events.ts";

const AT_ONCE = 100;
/** A connection for each takes its time. */
const SHARE = 1 / 4;
const MAX_REPLY_BYTES = 2_000;

const TOKENS = [
  "\r\n",
  "\n",
  "\0",
  ":",
  "%",
  "\xff",
  "HTTP/1.1 100 Continue\r\n\r\n",
  "HTTP/1.1 200 OK\r\n\r\n",
  "HTTP/1.1 101 S\r\n\r\n",
  "999",
  "0",
  "\r\nContent-Length: 1",
  "\r\nTransfer-Encoding: chunked",
  "\r\nContent-Encoding: gzip",
  "\r\nRetry-After: -1",
  "fffffffff\r\n",
  "\r\nConnection: keep-alive",
  "\r\nce-specversion: 1.0",
  "\r\nSet-Cookie: a",
  "x".repeat(20_000),
];
const status = fc.constantFrom(
  "200 OK",
  "202 Accepted",
  "204 No Content",
  "299 ",
  "200",
  "301 M",
  "400 B",
  "429 T",
  "503 S",
  "600 X",
  "099 X",
);
const answer = fc
  .record({
    status,
    attributes: attributeHeaders,
    others: fc.array(otherHeader, { maxLength: 2 }),
    kind: fc.constantFrom("binary", "structured", "batch"),
    isHttp: fc.boolean(),
    framing: fc.constantFrom("length", "close", "chunked"),
    body: jsonEventBody,
  })
  .map(({ attributes, others, kind, isHttp, framing, body, ...parts }) => {
    const type = `Content-Type: application/cloudevents${kind === "batch" ? "-batch" : ""}+json`;
    const event = kind === "binary" ? attributes.map((pair) => pair.join(": ")) : [type];
    const more = [...event, ...others.map((pair) => pair.join(": "))];
    const frames = {
      length: [`Content-Length: ${body.length}`],
      close: [],
      chunked: ["Transfer-Encoding: chunked"],
    };
    const lines = [
      ...more.map((line) => (isHttp ? line.replace(/\p{Control}/gu, "") : line)),
      ...frames[framing],
    ];
    const head = Buffer.from(`HTTP/1.1 ${parts.status}\r\n${lines.join("\r\n")}\r\n\r\n`);
    const size = Buffer.from(`${body.length.toString(16)}\r\n`);
    const chunks = body.length === 0 ? [] : [size, body, Buffer.from("\r\n")];
    return Buffer.concat([
      head,
      ...(framing === "chunked" ? [...chunks, Buffer.from("0\r\n\r\n")] : [body]),
    ]);
  });

let sender: HttpSender;
let server: Server;
let uri: string;
const answers = new Map<string, Buffer>();
const seen = { none: 0, answered: 0, events: 0 };

beforeAll(async () => {
  sender = new HttpSender();
  // Answers each request with the bytes that its path names, and ends.
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (request) => {
      const path = request.toString("latin1").split(" ")[1] ?? "";
      socket.end(answers.get(path) ?? "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await sender.close();
  await new Promise((resolve) => server.close(resolve));
});

function send(path: string): Promise<SendResult> {
  const destination = sender.destinationFor({
    uri: `${uri}${path}`,
    caCerts: undefined,
    audience: undefined,
  });
  const [headers, body] = [["prefer", "reply"], Buffer.from("x")];
  return sender.send({
    destination,
    headers,
    body,
    timeoutMs: 10_000,
    maxReplyBytes: MAX_REPLY_BYTES,
  });
}

function judge(result: SendResult): void {
  expect(["success", "retriable", "final"]).toContain(outcomeFor(result.status));
  if (result.status === undefined) {
    expect(result.reason).not.toBe("");
    // It would have been the deadline, which nothing here needs.
    expect(result.reason).not.toContain("no answer within");
    seen.none += 1;
    return;
  }
  seen.answered += 1;
  expect(result.body.length).toBeLessThanOrEqual(MAX_REPLY_BYTES);
  const flat = Object.entries(result.headers).flatMap(([name, value]) =>
    [value ?? ""].flat().flatMap((each) => [name, each]),
  );
  const waitMs = retryAfterMsFor([result.headers["retry-after"]].flat()[0], Date.now());
  expect(waitMs === undefined || waitMs >= 0).toBe(true);
  const reply = eventFromResponse(flat, result.body);
  if (reply === undefined || reply instanceof InvalidEventError) return;
  seen.events += 1;
  for (const format of ["binary", "json"] as const) {
    const { headers, body } = httpMessageFor(reply, format);
    const pairs = headers.flatMap((name, i): Header[] =>
      i % 2 === 0 ? [[name, headers[i + 1] ?? ""]] : [],
    );
    expect(requestFaults(pairs, body)).toEqual([]);
  }
}

async function attempt(batch: readonly Uint8Array[]): Promise<void> {
  answers.clear();
  for (const [index, bytes] of batch.entries()) answers.set(`/${index}`, Buffer.from(bytes));
  const results = await Promise.all(batch.map((_, index) => send(`/${index}`)));
  for (const result of results) judge(result);
  expect(await send("/good")).toMatchObject({ status: 202 });
}

it(
  `${fuzz.cases * SHARE} hostile answers (seed ${fuzz.seed}) each have an outcome, pass on nothing that is no event, and stop no good one`,
  async () => {
    await tryInBatches(
      fuzzCases(fc.oneof(answer, mutationsOf(answer, TOKENS)), SHARE),
      AT_ONCE,
      attempt,
    );
    if (fuzz.path === undefined) {
      expect(Math.min(seen.none, seen.answered)).toBeGreaterThan((fuzz.cases * SHARE) / 10);
      expect(seen.events).toBeGreaterThan((fuzz.cases * SHARE) / 50);
    }
  },
  fuzzTimeoutMs(4),
);
