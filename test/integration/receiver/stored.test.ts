import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aChannel } from "../../support/channels-file.ts";
import {
  binaryRequest,
  type CloudEventClient,
  structuredRequest,
} from "../../support/cloud-event-client.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { headerOf, lastSequence, lastStored } from "./stored-messages.ts";

const STREAM = "KN_DEFAULT__STORED";
const VERSIONS = ["1.0", "0.3"];

let plane: DataPlane;
let client: CloudEventClient;

beforeAll(async () => {
  plane = await startDataPlane({ channels: [aChannel({ name: "stored" })] });
  client = plane.client("stored");
});

afterAll(async () => {
  await plane.stop();
});

const BINARY_DATA = Buffer.from([0, 1, 2, 255, 254, 13, 10, 0]);
const BIG = Buffer.alloc(900_000, "x");

describe("a binary event in JetStream", () => {
  it.each(VERSIONS)(
    "has its attributes as headers, byte for byte (CloudEvents %s)",
    async (specversion) => {
      const event = {
        specversion,
        id: `headers-${specversion}`,
        source: "/a%20b/%C3%A4",
        type: "t",
        subject: "100%25",
        myextension: 'x, y; z="q"',
        datacontenttype: "application/json; charset=utf-8",
        data: '{"n":12345678901234567890, "f": 1.0}',
      };
      const answer = await client.sendBinary(event, {
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "X-Request-Id": "r1",
        "x-b3-traceid": "b",
        "Knative-Foo": "k",
        authorization: "Bearer secret",
        cookie: "c=1",
        "x-forwarded-for": "10.0.0.1",
        "nats-msg-id": "forged",
        "nats-ttl": "1s",
        "nats-rollup": "all",
      });
      expect(answer).toMatchObject({ status: 202, body: "" });
      const stored = await lastStored(plane.nc, STREAM);
      expect(stored.subject).toBe("default.stored._knative");
      expect(stored.data.toString()).toBe(event.data);
      const id = headerOf(stored, "Nats-Msg-Id");
      expect(id).toMatch(/^[\w-]{43}$/);
      expect(stored.headers).toBe(
        [
          "NATS/1.0",
          `Nats-Msg-Id: ${id}`,
          `ce-specversion: ${specversion}`,
          `ce-id: headers-${specversion}`,
          "ce-source: /a%20b/%C3%A4",
          "ce-type: t",
          "ce-subject: 100%25",
          'ce-myextension: x, y; z="q"',
          "ce-datacontenttype: application/json; charset=utf-8",
          "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
          "x-request-id: r1",
          "x-b3-traceid: b",
          "knative-foo: k",
          "\r\n",
        ].join("\r\n"),
      );
    },
  );

  it.each<[string, string | Buffer, string | undefined]>([
    ["no JSON under a JSON type", '{"broken', "application/json"],
    ["NULs and line ends", BINARY_DATA, "application/octet-stream"],
    ["nothing", "", undefined],
    ["nothing, under a type", "", "application/json"],
    ["900 kB", BIG, "text/plain"],
  ])("has its data as they came: %s", async (what, data, datacontenttype) => {
    const answer = await client.sendBinary({
      id: what,
      data,
      ...(datacontenttype === undefined ? {} : { datacontenttype }),
    });
    expect(answer.status).toBe(202);
    const stored = await lastStored(plane.nc, STREAM);
    expect(stored.data.equals(Buffer.from(data))).toBe(true);
    expect(headerOf(stored, "ce-datacontenttype")).toBe(datacontenttype);
    expect(stored.headers.toLowerCase()).not.toContain("\r\ncontent-type:");
  });

  it("has chunked data as they came", async () => {
    const { headers } = binaryRequest({ id: "chunked" });
    delete headers["content-length"];
    const answer = await client.request({
      headers: { ...headers, "transfer-encoding": "chunked" },
      body: BIG,
    });
    expect(answer.status).toBe(202);
    const stored = await lastStored(plane.nc, STREAM);
    expect(stored.data.equals(BIG)).toBe(true);
    expect(headerOf(stored, "ce-id")).toBe("chunked");
  });
});

describe("a structured event in JetStream", () => {
  it.each(VERSIONS)(
    "is the body that came, byte for byte, below its content type (CloudEvents %s)",
    async (specversion) => {
      const body = ` {"data" : {"n": 12345678901234567890, "f":1.0, "u":"\\u00e4ä"},\r\n"specversion":"${specversion}", "id":"s-${specversion}","source":"/s","type":"t","comexampleflag":true,"subject":null}\n`;
      const answer = await client.request({
        headers: {
          "content-type": "Application/CloudEvents+json;charset=UTF-8",
          "ce-id": "another",
          traceparent: "p",
          authorization: "Bearer secret",
        },
        body,
      });
      expect(answer).toMatchObject({ status: 202 });
      const stored = await lastStored(plane.nc, STREAM);
      expect(stored.data.toString()).toBe(body);
      expect(stored.headers).toBe(
        `NATS/1.0\r\nNats-Msg-Id: ${headerOf(stored, "Nats-Msg-Id")}\r\ncontent-type: Application/CloudEvents+json;charset=UTF-8\r\ntraceparent: p\r\n\r\n`,
      );
    },
  );

  it.each([
    ["1.0", `"data_base64":"${BINARY_DATA.toString("base64")}"`],
    ["0.3", `"datacontentencoding":"base64","data":"${BINARY_DATA.toString("base64")}"`],
  ])("keeps base64 as it is (CloudEvents %s)", async (specversion, member) => {
    const body = `{"specversion":"${specversion}","id":"b64-${specversion}","source":"/s","type":"t",${member}}`;
    const headers = { "content-type": "application/cloudevents+json" };
    expect(await client.request({ headers, body })).toMatchObject({ status: 202 });
    expect((await lastStored(plane.nc, STREAM)).data.toString()).toBe(body);
  });
});

describe("the message id", () => {
  it.each(VERSIONS)(
    "is one for both forms of one event, so that JetStream keeps one of them (CloudEvents %s)",
    async (specversion) => {
      const event = { specversion, id: `both-${specversion}`, source: "/a", type: "t", data: "1" };
      expect(await client.sendBinary(event)).toMatchObject({ status: 202 });
      const first = await lastStored(plane.nc, STREAM);
      expect(await client.sendStructured(event)).toMatchObject({ status: 202 });
      expect(await lastSequence(plane.nc, STREAM)).toBe(first.sequence);
    },
  );

  it("is one for an attribute in percent-encoded and in raw UTF-8", async () => {
    const { headers } = binaryRequest({ id: "%C3%A4" });
    expect(await client.request({ headers })).toMatchObject({ status: 202 });
    const first = await lastStored(plane.nc, STREAM);
    const raw = Buffer.from("ä").toString("latin1");
    expect(await client.request({ headers: { ...headers, "ce-id": raw } })).toMatchObject({
      status: 202,
    });
    expect(await lastSequence(plane.nc, STREAM)).toBe(first.sequence);
  });

  it.each([
    ["another source", { source: "/other" }],
    ["a dead letter", { knativeerrordest: "http://x" }],
    ["a Broker hop", { knativebrokerttl: "254" }],
    ["the next hop", { knativebrokerttl: "253" }],
  ])("is another for %s of the same event, in either form", async (what, change) => {
    const event = { id: `hop of ${what}`.replaceAll(" ", "-"), source: "/a" };
    expect(await client.sendBinary(event)).toMatchObject({ status: 202 });
    const first = await lastStored(plane.nc, STREAM);
    expect(await client.sendBinary({ ...event, ...change })).toMatchObject({ status: 202 });
    const second = await lastStored(plane.nc, STREAM);
    expect(second.sequence).toBe(first.sequence + 1);
    const structured = structuredRequest({ ...event, ...change });
    expect(await client.request(structured)).toMatchObject({ status: 202 });
    expect(await lastSequence(plane.nc, STREAM)).toBe(second.sequence);
  });

  it("counts a duplicate as one, answered 202 like the first", async () => {
    const count = async (): Promise<string | undefined> =>
      /_received_total\{channel="default\/stored",outcome="duplicate"\} (\d+)/.exec(
        await plane.dispatcher.metrics(),
      )?.[1];
    const before = Number((await count()) ?? 0);
    const event = { id: "twice" };
    const answers = [await client.sendBinary(event), await client.sendBinary(event)];
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    expect(Number(await count())).toBe(before + 1);
  });
});
