import { connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Header, requestFaults } from "../../support/event-rules.ts";
import { fuzz, fuzzCases, fuzzTimeoutMs, mutationsOf, tryInBatches } from "../../support/fuzz.ts";
import { attributeHeaders, jsonEventBody, otherHeader } from "../../support/fuzz-events.ts";
import type { RecordedRequest } from "../../support/recorded-request.ts";
import { type Lanes, startLanes } from "./lanes.ts";

const AT_ONCE = 250;
/** As many as of the others are read and made requests in unit/cloudevents/messages.fuzz.test.ts. */
const SHARE = 1 / 4;
const CRLF = Buffer.from("\r\n");
const FORMATS = ["binary", "json"] as const;

const header = fc
  .tuple(
    attributeHeaders,
    fc.array(otherHeader, { maxLength: 3 }),
    fc.constantFrom("latin1" as const, "utf8" as const),
  )
  .map(([attributes, others, encoding]) => {
    // What begins with Nats- is for JetStream, which would refuse or drop the message.
    const pairs = [...attributes, ...others].filter(([name]) => !/^nats-/i.test(name));
    return Buffer.from(
      `NATS/1.0\r\n${pairs.map((pair) => `${pair.join(": ")}\r\n`).join("")}\r\n`,
      encoding,
    );
  });
const TOKENS = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  ":",
  " ",
  "ce-id: 2\r\n",
  "content-type: application/cloudevents+json\r\n",
  "\r\nhost: x",
  "%FF",
  '"',
];
const block = fc.oneof(
  header,
  mutationsOf(header, TOKENS),
  fc.constant(Buffer.from("NATS/1.0\r\nContent-Type: application/cloudevents+json\r\n\r\n")),
);
const data = fc.oneof(
  jsonEventBody,
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
);

/** Messages as the server takes them from a socket: the length of the header block in two bytes, the block, the data. */
const stored = fc.tuple(block, data).map(([headers, body]) => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(headers.length);
  return Buffer.concat([length, headers, body]);
});

let world: Lanes<(typeof FORMATS)[number]>;
const judged = { binary: 0, json: 0 };

beforeAll(async () => {
  world = await startLanes({
    binary: { stream: { additionalSubjects: ["binary.>"] } },
    json: { stream: { additionalSubjects: ["json.>"] }, delivery: { format: "json" } },
  });
});

afterAll(() => world.stop());

/** Publishes messages to one or the other channel as bytes, since no client library would take them. */
async function publish(batch: readonly Uint8Array[]): Promise<void> {
  const commands = batch.map((message) => {
    const bytes = Buffer.from(message);
    const head = `.x ${bytes.readUInt16BE(0)} ${bytes.length - 2}\r\n`;
    // Half of them for each, and the same one when a message is tried again.
    const format = FORMATS[bytes.length % 2];
    return Buffer.concat([Buffer.from(`HPUB ${format}${head}`), bytes.subarray(2), CRLF]);
  });
  const start = Buffer.from('CONNECT {"verbose":false,"headers":true}\r\n');
  const socket = connect(world.dataPlane.nats.port, "127.0.0.1");
  socket.write(Buffer.concat([start, ...commands, Buffer.from("PING\r\n")]));
  await new Promise<void>((resolve, reject) => {
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString();
      if (received.includes("-ERR")) reject(new Error(received.slice(-200)));
      if (received.includes("PONG")) resolve();
    });
    socket.on("error", reject);
  });
  socket.destroy();
}

function judge(request: RecordedRequest): string[] {
  const headers: Header[] = [];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    headers.push([String(request.rawHeaders[i]), String(request.rawHeaders[i + 1])]);
  }
  const values = (name: string): string[] =>
    headers.filter(([each]) => each === name).map(([, value]) => value);
  const ours = [values("kn-namespace"), values("prefer"), values("content-length")];
  expect(ours).toEqual([["default"], ["reply"], [String(request.body.length)]]);
  return requestFaults(headers, request.body);
}

async function attempt(batch: readonly Uint8Array[]): Promise<void> {
  await publish(batch);
  for (const format of FORMATS) {
    const lane = world.lanes[format];
    // A good one after the others; when it is settled with them, they were all delivered.
    const id = await lane.send();
    await lane.settled();
    const { state } = await world.jsm.streams.info(lane.stream);
    const requests = lane.subscriber.requests;
    expect(requests).toHaveLength(state.last_seq);
    expect(requests.some((request) => request.event?.id === id)).toBe(true);
    const faults = requests
      .slice(judged[format])
      .flatMap((request) =>
        judge(request).map((fault) => [fault, request.rawHeaders, request.body.toString("base64")]),
      );
    expect(faults).toEqual([]);
    judged[format] = requests.length;
  }
}

it(
  `${fuzz.cases * SHARE} stored messages that no receiver would make (seed ${fuzz.seed}) are each delivered once, as a CloudEvent`,
  async () => {
    await tryInBatches(fuzzCases(stored, SHARE), AT_ONCE, attempt);
    if (fuzz.path === undefined) {
      expect(judged.binary + judged.json).toBeGreaterThan(fuzz.cases * SHARE);
      expect(Math.min(judged.binary, judged.json)).toBeGreaterThan((fuzz.cases * SHARE) / 3);
    }
    for (const format of FORMATS) {
      expect(await world.lanes[format].deliveries("retried")).toBe(0);
      expect(await world.lanes[format].deliveries("given_up")).toBe(0);
    }
    const errors = world.dataPlane.dispatcher.logs.filter(
      ({ level }) => level === "error" || level === "fatal",
    );
    expect(errors).toEqual([]);
  },
  fuzzTimeoutMs(6),
);
