import { connect } from "node:net";
import { CloudEvent, HTTP } from "cloudevents";
import { expect, it } from "vitest";
import { aChannel } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { allStored, type StoredBytes } from "./stored-messages.ts";

const REQUESTS = 2_000;
const AT_ONCE = 32;
const SEED = 20_261_121;
/** A request whose end was mutated away gets no answer; its connection is given up. */
const PATIENCE_MS = 150;

const HEAD = "POST /default/fuzz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
const JSON_TYPE = "Content-Type: application/cloudevents+json\r\n";
const BINARY =
  "ce-source: /f%C3%A4\r\nce-type: t\r\nce-time: 2026-01-02T03:04:05Z\r\ntraceparent: p\r\n";
const TEMPLATES: ((id: string) => { head: string; body: string })[] = [
  (id) => ({ head: `${HEAD}ce-specversion: 1.0\r\nce-id: ${id}\r\n${BINARY}`, body: '{"a":1}' }),
  (id) => ({ head: `${HEAD}ce-specversion: 0.3\r\nce-id: ${id}\r\n${BINARY}`, body: "" }),
  (id) => ({ head: HEAD + JSON_TYPE, body: jsonEvent(id, '"data":{"a":[1.0,"ä"]}') }),
  (id) => ({ head: HEAD + JSON_TYPE, body: jsonEvent(id, '"data_base64":"AAECAw=="') }),
];
const TOKENS = [
  "\r\n",
  "\n",
  "\0",
  "\r",
  " ",
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
  "\r\nTransfer-Encoding: chunked",
  "\r\nce-id: other",
  "\r\nce-x-y: z",
  "\r\n\r\n",
  "\r\nNats-Rollup: all",
  '"data":1,',
  '"id":"other",',
];

function jsonEvent(id: string, data: string): string {
  return `{"specversion":"1.0","id":"${id}","source":"/fuzz","type":"t","subject":"s",${data}}`;
}

/** Puts a body behind its length, or into one chunk. */
function framed(body: Buffer, isChunked: boolean): Buffer {
  const { length } = body;
  const [before, after] = isChunked
    ? [`Transfer-Encoding: chunked\r\n\r\n${length.toString(16)}\r\n`, "\r\n0\r\n\r\n"]
    : [`Content-Length: ${length}\r\n\r\n`, ""];
  return Buffer.concat([Buffer.from(before), body, Buffer.from(after)]);
}

/** Makes a request with faults: in its body under a right length, in the headers of the event, or anywhere. */
function faulty(index: number, random: () => number): Buffer {
  const template = TEMPLATES[index % TEMPLATES.length] ?? TEMPLATES[0];
  const { head = "", body = "" } = template?.(`e${index}`) ?? {};
  const [start, more] = [Buffer.from(HEAD), Buffer.from(head.slice(HEAD.length))];
  const isChunked = random() < 0.5;
  const place = random();
  if (place < 0.4) {
    return Buffer.concat([start, more, framed(mutated(Buffer.from(body), random), isChunked)]);
  }
  const rest = framed(Buffer.from(body), isChunked);
  if (place < 0.7) return Buffer.concat([start, mutated(more, random), rest]);
  return mutated(Buffer.concat([start, more, rest]), random);
}

/** Makes numbers from 0 to 1 that are the same in every run (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Changes a request in one to three places: a byte, a token, a cut, a repetition, an exchange. */
function mutated(request: Buffer, random: () => number): Buffer {
  let bytes = request;
  const below = (bound: number): number => Math.floor(random() * bound);
  for (let left = 1 + below(3); left > 0; left--) {
    const at = below(bytes.length);
    const end = Math.min(bytes.length, at + 1 + below(24));
    const [before, piece, after] = [
      bytes.subarray(0, at),
      bytes.subarray(at, end),
      bytes.subarray(end),
    ];
    const token = Buffer.from(
      TOKENS[below(TOKENS.length)] as string,
      random() < 0.5 ? "latin1" : "utf8",
    );
    const kinds = [
      () => [before, Buffer.from([below(256)]), bytes.subarray(at + 1)],
      () => [before, token, bytes.subarray(at)],
      () => [before, token, after],
      () => [before, after],
      () => [before, piece, piece, after],
      () => [before, Buffer.from(piece).reverse(), after],
      () => [before],
    ];
    bytes = Buffer.concat((kinds[below(kinds.length)] ?? kinds[0])?.() ?? []);
    if (bytes.length === 0) return bytes;
  }
  return bytes;
}

/** Sends a request and gives the status of its first answer; undefined when the connection ended, or nothing came. */
function statusOf(port: number, bytes: Buffer): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    const done = (text?: string): void => {
      clearTimeout(timer);
      socket.destroy();
      const status = /^HTTP\/1\.1 (\d+) /.exec(text ?? "")?.[1];
      resolve(status === undefined ? undefined : Number(status));
    };
    const timer = setTimeout(done, PATIENCE_MS);
    socket.setEncoding("latin1").on("data", (text) => done(String(text)));
    socket.on("error", () => done()).on("close", () => done());
  });
}

/** Reads a stored message as the CloudEvents SDK reads a request, which throws for what is no event. */
function readBySdk({ headers, data }: StoredBytes): void {
  const lines = headers
    .split("\r\n")
    .slice(1, -2)
    .map((line) => {
      const colon = line.indexOf(": ");
      expect(line).toMatch(/^[\x20-\x7e]+$/);
      return [line.slice(0, colon), line.slice(colon + 2)] as const;
    });
  const names = lines.map(([name]) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names[0]).toBe("Nats-Msg-Id");
  for (const name of names.slice(1)) {
    expect(name).toMatch(/^(ce-[a-z0-9]+|content-type|traceparent)$/);
  }
  const { "ce-datacontenttype": dataType, ...rest } = Object.fromEntries(lines);
  if (names.includes("content-type")) {
    const {
      data: _data,
      data_base64: _base64,
      ...attributes
    } = JSON.parse(data.toString()) as Record<string, unknown>;
    expect(new CloudEvent(attributes).id).not.toBe("");
    return;
  }
  const request = { headers: { ...rest, "content-type": "text/plain" }, body: data.toString() };
  expect(HTTP.toEvent(request)).toMatchObject({
    id: expect.stringMatching(/./),
    type: expect.stringMatching(/./),
  });
  expect(dataType ?? "").not.toMatch(/[^\x20-\x7e]/);
}

async function fuzz(plane: DataPlane): Promise<Map<number | undefined, number>> {
  const random = randomFrom(SEED);
  const requests = Array.from({ length: REQUESTS }, (_, i) => faulty(i, random));
  const statuses = new Map<number | undefined, number>();
  const next = requests.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const bytes of next) {
        const status = await statusOf(plane.dispatcher.httpPort, bytes);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    }),
  );
  return statuses;
}

it(`${REQUESTS} requests with random faults end no process, get no 5xx, and store nothing that is no event`, async () => {
  const plane = await startDataPlane({ channels: [aChannel({ name: "fuzz" })] });
  try {
    const statuses = await fuzz(plane);
    const unexpected = [...statuses.keys()].filter(
      (status) => status !== undefined && status >= 500,
    );
    expect(unexpected).toEqual([]);
    // Enough of both, or the mutations would miss the point.
    expect(statuses.get(400)).toBeGreaterThan(REQUESTS / 10);
    expect(statuses.get(202)).toBeGreaterThan(REQUESTS / 20);
    const stored = await allStored(plane.nc, "KN_DEFAULT__FUZZ");
    expect(stored.length).toBeGreaterThan(REQUESTS / 20);
    for (const message of stored) readBySdk(message);
    expect(await plane.client("fuzz").sendBinary({ id: "after" })).toMatchObject({ status: 202 });
    expect(
      plane.dispatcher.logs.filter(({ level }) => level === "error" || level === "fatal"),
    ).toEqual([]);
  } finally {
    await plane.stop();
  }
});
