import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestEvent } from "../../support/cloud-event-client.ts";
import type { RecordedRequest } from "../../support/recorded-request.ts";
import { eventAnswer, type Lanes, startLanes } from "./lanes.ts";

let world: Lanes<"binary" | "json" | "all" | "all-json" | "version">;

beforeAll(async () => {
  const refuse = () => ({ status: 422, body: "no" });
  const reply = () => eventAnswer("reply", { headers: { "knative-from": "subscriber" } });
  world = await startLanes({
    binary: {},
    json: { delivery: { format: "json" } },
    version: {},
    all: { subscriber: reply, reply: refuse, deadLetter: () => ({ status: 200 }) },
    "all-json": {
      subscriber: reply,
      reply: refuse,
      deadLetter: () => ({ status: 200 }),
      delivery: { format: "json" },
    },
  });
});

afterAll(() => world.stop());

/** Sends one event and gives the request that its subscriber got for it. */
async function delivered(
  lane: keyof typeof world.lanes,
  event: TestEvent,
  mode: "binary" | "structured" = "binary",
): Promise<RecordedRequest> {
  const { client, subscriber } = world.lanes[lane];
  const before = subscriber.requests.length;
  const send = mode === "binary" ? client.sendBinary : client.sendStructured;
  const answer = await send(event);
  expect(answer.status, answer.body).toBe(202);
  await subscriber.waitFor(before + 1);
  return subscriber.requests[before] as RecordedRequest;
}

describe("every request", () => {
  it("is a POST; the subscriber's asks for a reply, the others do not; all name the channel's namespace", async () => {
    const { all } = world.lanes;
    const before = all.deadLetter.requests.length;
    await all.send();
    await all.settled();
    const requests = [all.subscriber, all.reply, all.deadLetter].map(
      (sink) => sink.requests[before],
    );
    expect(requests.map((request) => request?.method)).toEqual(["POST", "POST", "POST"]);
    expect(requests.map((request) => request?.headers.prefer)).toEqual([
      "reply",
      undefined,
      undefined,
    ]);
    expect(requests.map((request) => request?.headers["kn-namespace"])).toEqual([
      "default",
      "default",
      "default",
    ]);
    expect(requests.map((request) => request?.headers["transfer-encoding"])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("has the headers that came with the event; the reply has those of the subscriber's answer", async () => {
    const { all } = world.lanes;
    const before = all.deadLetter.requests.length;
    const sent = {
      "x-request-id": "abc",
      "x-b3-traceid": "1",
      "knative-history": "x;  y",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      tracestate: "a=b",
    };
    await all.send({}, { ...sent, authorization: "secret", "x-other": "stays", cookie: "c" });
    await all.settled();
    const [toSubscriber, toReply, toDeadLetter] = [all.subscriber, all.reply, all.deadLetter].map(
      (sink) => sink.requests[before]?.headers ?? {},
    );
    expect(toSubscriber).toMatchObject(sent);
    expect(toDeadLetter).toMatchObject(sent);
    expect(toReply).toMatchObject({ "knative-from": "subscriber" });
    for (const name of Object.keys(sent)) expect(toReply).not.toHaveProperty(name);
    for (const headers of [toSubscriber, toReply, toDeadLetter]) {
      for (const name of ["authorization", "x-other", "cookie"]) {
        expect(headers).not.toHaveProperty(name);
      }
    }
  });
});

const DATA: [name: string, event: TestEvent][] = [
  ["a big integer", { data: '{"n":12345678901234567890}', datacontenttype: "application/json" }],
  ["1.0", { data: "[1.0, 1e2,-0]", datacontenttype: "application/json" }],
  ["JSON with white space", { data: '\n{ "a" :\t1 }', datacontenttype: "application/json" }],
  ["unicode", { data: '{"ü":"\u{1f600} \\u00e9"}', datacontenttype: "application/json" }],
  ["text", { data: "line 1\nline 2 ü", datacontenttype: "text/plain; charset=utf-8" }],
  [
    "every byte there is",
    {
      data: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
      datacontenttype: "application/octet-stream",
    },
  ],
  ["900 kB", { data: Buffer.alloc(900_000, "0123456789"), datacontenttype: "image/png" }],
  ["nothing", {}],
];

describe("data", () => {
  it.each(DATA)("of a binary event leave in binary mode byte for byte: %s", async (_, event) => {
    const request = await delivered("binary", event);
    expect(request.body.equals(bytesOf(event))).toBe(true);
    expect(request.headers["content-type"]).toBe(event.datacontenttype);
    expect(request.headers["ce-datacontenttype"]).toBeUndefined();
    expect(request.headers["content-length"]).toBe(String(bytesOf(event).length));
  });

  it.each(DATA.filter(([name]) => name !== "900 kB"))(
    "of a structured event leave in binary mode byte for byte: %s",
    async (_, event) => {
      const request = await delivered("binary", event, "structured");
      const expected = typeof event.data === "string" ? event.data.trim() : bytesOf(event);
      expect(request.body.toString("latin1")).toBe(Buffer.from(expected).toString("latin1"));
      expect(request.headers["content-type"]).toBe(event.datacontenttype);
    },
  );

  it("of 600 kB in base64 leave in binary mode as the bytes they are", async () => {
    const data = Buffer.alloc(600_000, "\u0000\u0001ÿ", "latin1");
    const event = { data, datacontenttype: "image/png" };
    const request = await delivered("binary", event, "structured");
    expect(request.body.equals(data)).toBe(true);
  });

  it.each(DATA)("of a binary event leave with format json unchanged: %s", async (_, event) => {
    const request = await delivered("json", event);
    expect(request.headers["content-type"]).toMatch(/^application\/cloudevents\+json/);
    expect(request.rawHeaders.filter((name) => name.startsWith("ce-"))).toEqual([]);
    const text = request.body.toString();
    const { data, data_base64, datacontenttype } = JSON.parse(text) as Record<string, string>;
    expect(datacontenttype).toBe(event.datacontenttype);
    const isJson = event.datacontenttype === "application/json";
    if (isJson) expect(text).toContain(`"data":${String(event.data)}`);
    else if (data_base64 !== undefined) {
      expect(Buffer.from(data_base64, "base64").equals(bytesOf(event))).toBe(true);
    } else expect(data).toBe(event.data);
  });

  it("of a structured event leave with format json as the very bytes that came", async () => {
    const id = "as-it-came";
    const body = `{ "specversion":"1.0","id":"${id}",\n"source":"/s","type":"t","data":{"n":1.0},"later":"x" }`;
    const { json } = world.lanes;
    const before = json.subscriber.requests.length;
    const headers = { "content-type": "application/cloudevents+json" };
    const answer = await json.client.request({ headers, body });
    expect(answer.status, answer.body).toBe(202);
    await json.subscriber.waitFor(before + 1);
    expect(json.subscriber.requests[before]?.body.toString()).toBe(body);
  });
});

describe("format json", () => {
  it("is the mode of the event, of its reply and of its dead letter", async () => {
    const lane = world.lanes["all-json"];
    const id = await lane.send({ data: '{"n":1.0}', datacontenttype: "application/json" });
    await lane.settled();
    const bodies = [lane.subscriber, lane.reply, lane.deadLetter].map((sink) => {
      expect(sink.requests[0]?.headers["content-type"]).toMatch(/^application\/cloudevents\+json/);
      return JSON.parse(String(sink.requests[0]?.body)) as Record<string, unknown>;
    });
    expect(bodies.map((body) => body.id)).toEqual([id, "reply", id]);
    expect(bodies[1]?.data).toEqual({ re: 1 });
    expect(bodies[2]).toMatchObject({
      knativeerrordest: lane.reply.url,
      knativeerrorcode: "422",
      knativeerrordata: Buffer.from("no").toString("base64"),
      data: { n: 1 },
    });
  });
});

describe("attributes", () => {
  it.each(["0.3", "1.0"])(
    "of CloudEvents %s are never raised to another version",
    async (specversion) => {
      const binary = await delivered("version", { specversion, subject: "s" });
      const structured = await delivered("version", { specversion, subject: "s" }, "structured");
      for (const { headers } of [binary, structured]) {
        expect(headers["ce-specversion"]).toBe(specversion);
        expect(headers["ce-subject"]).toBe("s");
      }
    },
  );

  it("stay as they were encoded, extensions too", async () => {
    const { headers } = await delivered("version", {
      subject: "a%20b%C3%BC%22",
      myextension: "x%25y",
      time: "2026-01-02T03:04:05.123456789Z",
    });
    expect(headers).toMatchObject({
      "ce-subject": "a%20b%C3%BC%22",
      "ce-myextension": "x%25y",
      "ce-time": "2026-01-02T03:04:05.123456789Z",
    });
  });

  it("of a structured event are encoded for headers", async () => {
    const { headers } = await delivered("version", { subject: 'ü "%', number: "5" }, "structured");
    expect(headers["ce-subject"]).toBe("%C3%BC%20%22%25");
    expect(headers["ce-number"]).toBe("5");
  });
});

function bytesOf({ data = "" }: TestEvent): Buffer {
  return typeof data === "string" ? Buffer.from(data) : data;
}
