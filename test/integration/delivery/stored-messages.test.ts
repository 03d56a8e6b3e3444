import { connect } from "node:net";
import { jetstream } from "@nats-io/jetstream";
import { headers as natsHeaders } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RecordedRequest } from "../../support/recorded-request.ts";
import { type Lanes, startLanes } from "./lanes.ts";

let world: Lanes<"native" | "native-json">;

beforeAll(async () => {
  world = await startLanes({
    native: { stream: { additionalSubjects: ["orders.>"] } },
    "native-json": {
      stream: { additionalSubjects: ["bills.>"] },
      delivery: { format: "json" },
    },
  });
});

afterAll(() => world.stop());

interface Stored {
  subject?: string;
  headers?: [name: string, value: string][];
  data?: string | Buffer;
}

/** Publishes a message with the JetStream API alone and gives the request that the subscriber got for it. */
async function deliveredFrom(stored: Stored, lane: keyof typeof world.lanes = "native") {
  const { subscriber, stream } = world.lanes[lane];
  const before = subscriber.requests.length;
  const headers = natsHeaders();
  for (const [name, value] of stored.headers ?? []) headers.append(name, value);
  const subject = stored.subject ?? (lane === "native" ? "orders.new" : "bills.new");
  const ack = await jetstream(world.dataPlane.nc).publish(subject, stored.data ?? "", { headers });
  expect(ack.stream).toBe(stream);
  await subscriber.waitFor(before + 1);
  return { request: subscriber.requests[before] as RecordedRequest, sequence: ack.seq };
}

const EVENT =
  '{"specversion":"1.0","id":"go-1","source":"/go","type":"t","data":{"n":12345678901234567890}}';

describe("an event that the Go implementation stored, structured and without headers", () => {
  it("is delivered in binary mode", async () => {
    const { request } = await deliveredFrom({ subject: "default.native._knative", data: EVENT });
    expect(request.headers).toMatchObject({
      "ce-specversion": "1.0",
      "ce-id": "go-1",
      "ce-source": "/go",
      "ce-type": "t",
    });
    expect(request.body.toString()).toBe('{"n":12345678901234567890}');
  });

  it("is delivered with format json as the very bytes that are stored", async () => {
    const { request } = await deliveredFrom({ data: EVENT }, "native-json");
    expect(request.headers["content-type"]).toBe("application/cloudevents+json");
    expect(request.body.toString()).toBe(EVENT);
  });
});

describe("an event of a producer that speaks the CloudEvents NATS binding", () => {
  it("is delivered with its attributes and its data, whatever the case of its headers", async () => {
    const { request } = await deliveredFrom({
      headers: [
        ["ce-specversion", "1.0"],
        ["CE-ID", "n-1"],
        ["ce-source", "/nats"],
        ["ce-type", "t"],
        ["content-type", "text/plain"],
        ["x-internal", "stays"],
      ],
      data: "text",
    });
    expect(request.headers).toMatchObject({ "ce-id": "n-1", "content-type": "text/plain" });
    expect(request.headers).not.toHaveProperty("x-internal");
    expect(request.body.toString()).toBe("text");
  });
});

describe("a message that is no CloudEvent", () => {
  it.each([
    ["JSON", '{"order":1.0}', "application/json"],
    ["bytes", Buffer.from([0, 255, 10, 13]), "application/octet-stream"],
    ["JSON that is nearly an event", '{"specversion":"1.0"}', "application/json"],
    ["nothing", "", undefined],
  ])("is delivered as one that says where it came from: %s", async (_, data, contentType) => {
    const { request, sequence } = await deliveredFrom({ subject: "orders.eu.new", data });
    const { lanes } = world;
    expect(request.headers).toMatchObject({
      "ce-specversion": "1.0",
      "ce-id": `${lanes.native.stream}-${sequence}`,
      "ce-type": "dev.knative.nats.message",
    });
    expect(request.headers["ce-source"]).toContain("orders.eu.new");
    expect(Date.parse(String(request.headers["ce-time"]))).toBeGreaterThan(Date.now() - 60_000);
    expect(request.headers["content-type"]).toBe(contentType);
    expect(request.body.equals(Buffer.from(data))).toBe(true);
  });

  it("is delivered with format json too", async () => {
    const data = Buffer.from([0, 255]);
    const { request } = await deliveredFrom({ data }, "native-json");
    expect(JSON.parse(request.body.toString())).toMatchObject({
      type: "dev.knative.nats.message",
      data_base64: data.toString("base64"),
    });
  });
});

const COMPLETE: [string, string][] = [
  ["ce-specversion", "1.0"],
  ["ce-id", "h"],
  ["ce-source", "/h"],
  ["ce-type", "t"],
];

describe("a hostile message", () => {
  // The NATS client refuses such headers, a server does not: they are written to the socket as bytes.
  it.each<[name: string, lines: string[]]>([
    ["a bare line feed in an attribute", ["ce-subject: a\nx-injected: 1"]],
    ["a bare carriage return in an attribute", ["ce-subject: a\rx-injected: 1"]],
    ["a NUL in an attribute", ["ce-subject: a\u0000b"]],
    ["raw UTF-8 in an attribute", ["ce-subject: gr\u00fc\u00df"]],
    ["a line feed in the content type", ["content-type: text/plain\nx-injected: 1"]],
    ["a line feed in a pass-through header", ["knative-x: a\nx-injected: 1"]],
    ["a pass-through name that is no header name", ["knative-a b(c): 1"]],
    ["an attribute name that is none", ["ce-a b: 1", "ce-: 1", "ce-\u00fc: 1"]],
    ["headers that would change the request", ["content-length: 5", "transfer-encoding: chunked"]],
    ["a connection header", ["connection: close", "upgrade: websocket", "expect: 100-continue"]],
    ["a host of its own", ["host: elsewhere", "kn-namespace: other", "prefer: nothing"]],
  ])("never breaks the request: %s", async (_, lines) => {
    const { subscriber } = world.lanes.native;
    const before = subscriber.requests.length;
    const headerLines = [...COMPLETE.map(([name, value]) => `${name}: ${value}`), ...lines];
    await publishRaw("orders.hostile", headerLines, "data");
    await subscriber.waitFor(before + 1, 3_000);
    const request = subscriber.requests[before] as RecordedRequest;
    expect(request.headers["ce-id"]).toBe("h");
    expect(request.headers).not.toHaveProperty("x-injected");
    expect(request.headers["kn-namespace"]).toBe("default");
    expect(request.headers.prefer).toBe("reply");
    expect(request.headers.host).toBe(`127.0.0.1:${subscriber.port}`);
    expect(request.body.toString()).toBe("data");
    expect(request.rawHeaders.join("")).toMatch(/^[\x20-\x7e]*$/);
  });

  it("leaves nothing behind that would disturb the next one", async () => {
    const { native } = world.lanes;
    await native.send({ data: "after" });
    await native.settled();
    expect(native.subscriber.requests.at(-1)?.body.toString()).toBe("after");
    expect(await native.deliveries("given_up")).toBe(0);
    expect(await native.deliveries("retried")).toBe(0);
  });
});

/** Publishes a message whose header block is made of these lines, which no client library would take. */
async function publishRaw(subject: string, lines: string[], data: string): Promise<void> {
  const block = `NATS/1.0\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
  const bytes = Buffer.byteLength(block);
  const socket = connect(world.dataPlane.nats.port, "127.0.0.1");
  const command = `HPUB ${subject} ${bytes} ${bytes + data.length}\r\n${block}${data}\r\n`;
  socket.write(`CONNECT {"verbose":false,"headers":true}\r\n${command}PING\r\n`);
  await new Promise<void>((resolve, reject) => {
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString();
      if (received.includes("-ERR")) reject(new Error(received));
      if (received.includes("PONG")) resolve();
    });
    socket.on("error", reject);
  });
  socket.destroy();
}
