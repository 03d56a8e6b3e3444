import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aChannel } from "../../support/channels-file.ts";
import { binaryRequest, structuredRequest } from "../../support/cloud-event-client.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { sendRaw } from "../../support/send-raw.ts";
import { lastSequence } from "./stored-messages.ts";

const MAX_PAYLOAD = 200_000;
const MAX_MSG_SIZE = 5_000;
const MAX_EVENT_SIZE = 150_000;
const CHANNELS = [
  aChannel({ name: "wide" }),
  aChannel({ name: "narrow", spec: { stream: { config: { maxMsgSize: MAX_MSG_SIZE } } } }),
  aChannel({ name: "full", spec: { stream: { config: { maxMsgs: 2, discard: "New" } } } }),
];

let nats: NatsServer;
let plane: DataPlane;
let bounded: DataPlane;

beforeAll(async () => {
  nats = await startNatsServer({ config: `max_payload: ${MAX_PAYLOAD}` });
  const [first, second] = await Promise.all([
    startDataPlane({ channels: CHANNELS, nats }),
    startDataPlane({
      channels: [aChannel({ name: "bounded" })],
      nats,
      dispatch: { maxEventSize: MAX_EVENT_SIZE },
      env: { CLUSTER_ID: "another" },
    }),
  ]);
  plane = first;
  bounded = second;
});

afterAll(async () => {
  await Promise.all([plane.stop(), bounded.stop()]);
  await nats.stop();
});

/** Sends events of growing size; gives the largest data that were taken and the status of one byte more. */
async function edgeOf(dataPlane: DataPlane, channel: string, limit: number, isChunked: boolean) {
  const client = dataPlane.client(channel);
  const send = async (id: string, bytes: number) => {
    const { headers } = binaryRequest({ id, data: Buffer.alloc(bytes, "x") });
    if (isChunked) {
      delete headers["content-length"];
      headers["transfer-encoding"] = "chunked";
    }
    return await client.request({ headers, body: Buffer.alloc(bytes, "x") });
  };
  // NATS/1.0, Nats-Msg-Id and the four attributes, as they are stored.
  const headerBytes = Buffer.byteLength(
    `NATS/1.0\r\nNats-Msg-Id: ${"x".repeat(43)}\r\nce-specversion: 1.0\r\nce-id: a\r\nce-source: /test/source\r\nce-type: test.event\r\n\r\n`,
  );
  const largest = limit - headerBytes;
  return [await send("a", largest), await send("b", largest + 1)];
}

describe("an event that is too large", () => {
  it.each([
    ["the server's max_payload", "wide", MAX_PAYLOAD, false],
    ["the server's max_payload, chunked", "wide", MAX_PAYLOAD, true],
    ["the stream's maxMsgSize", "narrow", MAX_MSG_SIZE, false],
    ["the stream's maxMsgSize, chunked", "narrow", MAX_MSG_SIZE, true],
    ["dispatch.maxEventSize", "bounded", MAX_EVENT_SIZE, false],
    ["dispatch.maxEventSize, chunked", "bounded", MAX_EVENT_SIZE, true],
  ])("is refused, 413, one byte beyond %s", async (_what, channel, limit, isChunked) => {
    const dataPlane = channel === "bounded" ? bounded : plane;
    const [fits, exceeds] = await edgeOf(dataPlane, channel, limit, isChunked);
    expect(fits).toMatchObject({ status: 202 });
    expect(exceeds).toMatchObject({ status: 413 });
    expect(exceeds?.body).toBe(
      `The event may have ${limit} bytes at the most, headers and data together.\n`,
    );
  });

  it("is refused, 413, when a structured event and its headers are", async () => {
    const client = plane.client("narrow");
    const small = structuredRequest({ data: "1" });
    const padding = MAX_MSG_SIZE - small.body.length - 1;
    const { headers, body } = structuredRequest({ data: `"${"x".repeat(padding)}"` });
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(MAX_MSG_SIZE);
    expect(await client.request({ headers, body })).toMatchObject({ status: 413 });
  });

  it("is refused by its Content-Length, before a byte of it is read", async () => {
    const text = await sendRaw(
      plane.dispatcher.httpPort,
      "POST /default/wide HTTP/1.1\r\nHost: a\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /a\r\nce-type: t\r\nContent-Length: 100000000\r\n\r\n",
    );
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
  });

  it("lets a sender that only writes see the 413", async () => {
    const client = plane.client("wide");
    const body = Buffer.alloc(30_000_000, "x");
    const { headers } = binaryRequest({});
    delete headers["content-length"];
    for (const framing of [{ "content-length": "30000000" }, { "transfer-encoding": "chunked" }]) {
      const answer = await client.request({
        headers: { ...headers, ...framing } as Record<string, string>,
        body,
      });
      expect(answer.status).toBe(413);
    }
  });

  it("is refused, 431, when its headers alone are", async () => {
    const client = plane.client("narrow");
    const answer = await client.sendBinary({ myextension: "x".repeat(MAX_MSG_SIZE) });
    expect(answer).toMatchObject({ status: 431 });
    expect(answer.body).toMatch(/headers alone may have 5000 bytes/);
  });

  it("is refused, 431, when its headers are more than any event may have", async () => {
    const answer = await plane.client("wide").sendBinary({ myextension: "x".repeat(40_000) });
    expect(answer).toMatchObject({ status: 431, headers: { connection: "close" } });
    expect(answer.body).toMatch(/32768 bytes/);
  });
});

describe("a stream that is full and discards what is new", () => {
  it("answers 503 with Retry-After, and 202 again when there is room", async () => {
    const client = plane.client("full");
    for (const id of ["1", "2"])
      expect(await client.sendBinary({ id })).toMatchObject({ status: 202 });
    const refused = await client.sendBinary({ id: "3" });
    expect(refused).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
    expect(refused.body).toMatch(/^Not stored: maximum messages exceeded/);
    expect(await lastSequence(plane.nc, "KN_DEFAULT__FULL")).toBe(2);

    await plane.nc.request("$JS.API.STREAM.PURGE.KN_DEFAULT__FULL");
    expect(await client.sendBinary({ id: "3" })).toMatchObject({ status: 202 });
  });
});

describe("a stream that is deleted by hand", () => {
  it("is put back, and the event that nobody took is stored there", async () => {
    await plane.nc.request("$JS.API.STREAM.DELETE.KN_DEFAULT__WIDE");
    expect(await plane.client("wide").sendBinary({ id: "again" })).toMatchObject({ status: 202 });
    expect(await lastSequence(plane.nc, "KN_DEFAULT__WIDE")).toBe(1);
  });
});
