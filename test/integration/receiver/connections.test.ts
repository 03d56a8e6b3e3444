import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aChannel } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { eventually } from "../../support/eventually.ts";
import { sendRaw } from "../../support/send-raw.ts";
import { lastSequence } from "./stored-messages.ts";

const STREAM = "KN_DEFAULT__WIRE";

let plane: DataPlane;

beforeAll(async () => {
  plane = await startDataPlane({
    channels: [aChannel({ name: "wire" }), aChannel({ name: "slow" })],
    dispatch: { headersTimeout: "PT1S", requestTimeout: "PT2S", keepAliveTimeout: "PT1S" },
  });
});

afterAll(async () => {
  await plane.stop();
});

/** Holds a connection on which a test writes piece by piece, and all that has come back. */
interface Wire {
  socket: Socket;
  received: () => string;
  until(what: RegExp): Promise<void>;
  /** Resolves to all that came when the server has closed. */
  closed: Promise<string>;
}

async function open(): Promise<Wire> {
  const socket = connect(plane.dispatcher.httpPort, "127.0.0.1");
  let text = "";
  socket.setEncoding("latin1").on("data", (piece) => {
    text += String(piece);
  });
  socket.on("error", () => undefined);
  const closed = once(socket, "close").then(() => text);
  await once(socket, "connect");
  return {
    socket,
    received: () => text,
    closed,
    async until(what) {
      await eventually(() => what.test(text), { within: 10_000, what: `${what} from the server` });
    },
  };
}

async function untilMetric(what: RegExp): Promise<void> {
  await eventually(async () => what.test(await plane.dispatcher.metrics()), {
    within: 10_000,
    what: `the metric ${what}`,
  });
}

function head(id: string, ...more: string[]): string {
  return [
    "POST /default/wire HTTP/1.1",
    "Host: a",
    "ce-specversion: 1.0",
    `ce-id: ${id}`,
    "ce-source: /a",
    "ce-type: t",
    ...more,
    "\r\n",
  ].join("\r\n");
}

describe("a connection", () => {
  it("takes one event after the other, and some before the earlier ones are answered", async () => {
    const before = await lastSequence(plane.nc, STREAM);
    const wire = await open();
    wire.socket.write(`${head("k1", "Content-Length: 2")}{}`);
    await wire.until(/ 202 /);
    wire.socket.write(`${head("k2", "Content-Length: 2")}{}${head("k3", "Content-Length: 0")}`);
    await wire.until(/( 202 .*){3}/s);
    expect(await lastSequence(plane.nc, STREAM)).toBe(before + 3);
    wire.socket.destroy();
  });

  it("goes on after a refused event", async () => {
    const wire = await open();
    wire.socket.write(`${head("", "Content-Length: 2")}{}${head("k4", "Content-Length: 2")}{}`);
    await wire.until(/ 400 .* 202 /s);
    wire.socket.destroy();
  });

  it("is closed when it idles", async () => {
    const wire = await open();
    wire.socket.write(head("k5", "Content-Length: 0"));
    expect(await wire.closed).toMatch(/^HTTP\/1\.1 202 /);
  });

  it("of HTTP/1.0 is answered and closed", async () => {
    const request = head("k6", "Content-Length: 2").replace("HTTP/1.1", "HTTP/1.0");
    expect(await sendRaw(plane.dispatcher.httpPort, `${request}{}`)).toMatch(/^HTTP\/1\.1 202 /);
  });

  it("is not upgraded: the event counts", async () => {
    const request = head("k7", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 2");
    const wire = await open();
    wire.socket.write(`${request}{}`);
    await wire.until(/^HTTP\/1\.1 202 /);
    wire.socket.destroy();
  });

  it("that is cut in the middle of an event leaves nothing behind", async () => {
    const before = await lastSequence(plane.nc, STREAM);
    const wire = await open();
    wire.socket.write(`${head("cut", "Content-Length: 1000")}${"x".repeat(500)}`);
    await untilMetric(/receiving_bytes 500\b/);
    wire.socket.resetAndDestroy();
    await untilMetric(/receiving_bytes 0\b/);
    expect(await lastSequence(plane.nc, STREAM)).toBe(before);
    expect(await plane.dispatcher.metrics()).toMatch(/outcome="aborted"\} 1\b/);
  });

  it("that is cut while its event is stored leaves nothing behind but the event", async () => {
    const before = await lastSequence(plane.nc, STREAM);
    const wire = await open();
    await plane.nats.pause();
    wire.socket.write(`${head("gone", "Content-Length: 2")}{}`);
    await untilMetric(/publishes_in_flight 1\b/).finally(() => {
      wire.socket.resetAndDestroy();
      plane.nats.resume();
    });
    await untilMetric(/publishes_in_flight 0\b/);
    await untilMetric(/receiving_bytes 0\b/);
    expect(await lastSequence(plane.nc, STREAM)).toBe(before + 1);
    const faults = plane.dispatcher.logs.filter(({ level }) => level === "error");
    expect(faults).toEqual([]);
  });
});

describe.concurrent("Expect: 100-continue", () => {
  it("is told to go on when the event may come", async () => {
    const wire = await open();
    wire.socket.write(head("e1", "Content-Length: 2", "Expect: 100-continue"));
    await wire.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    wire.socket.write("{}");
    await wire.until(/\r\n\r\nHTTP\/1\.1 202 /);
    wire.socket.destroy();
  });

  it.each([
    ["it is too large", head("e2", "Content-Length: 100000000", "Expect: 100-continue"), 413],
    ["it is no event", head("", "Content-Length: 2", "Expect: 100-continue"), 400],
    [
      "nobody is there",
      head("e3", "Content-Length: 2", "Expect: 100-continue").replace("wire", "none"),
      404,
    ],
  ])("is refused without it when %s, and the connection ends", async (_what, request, status) => {
    const text = await sendRaw(plane.dispatcher.httpPort, request);
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(text.toLowerCase()).toContain("connection: close");
  });

  it("of anything else is refused, 417", async () => {
    const text = await sendRaw(
      plane.dispatcher.httpPort,
      head("e4", "Connection: close", "Expect: tea"),
    );
    expect(text).toMatch(/^HTTP\/1\.1 417 /);
  });
});

function slow(id: string, ...more: string[]): string {
  return head(id, ...more).replace("wire", "slow");
}

describe.concurrent("a sender that is too slow", () => {
  it.each([
    ["says nothing", ""],
    ["does not end its headers", "POST /default/slow HTTP/1.1\r\nHost: a\r\nce-id: "],
    ["does not end its body", `${slow("s1", "Content-Length: 10")}abc`],
    ["does not end its chunks", `${slow("s2", "Transfer-Encoding: chunked")}3\r\nabc\r\n`],
    ["does not end a body that is refused", `${slow("", "Content-Length: 10")}abc`],
  ])("is cut off within the limits when it %s", async (_what, bytes) => {
    const startedAt = performance.now();
    const text = await sendRaw(plane.dispatcher.httpPort, bytes, 20_000);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(["", "HTTP/1.1 408", "HTTP/1.1 400"]).toContain(text.slice(0, 12));
    expect(await lastSequence(plane.nc, "KN_DEFAULT__SLOW")).toBe(0);
  });

  it("is cut off when it trickles, byte by byte", async () => {
    const wire = await open();
    const trickle = setInterval(() => wire.socket.write("x"), 100);
    wire.socket.write(slow("s3", "Content-Length: 1000"));
    const text = await wire.closed;
    clearInterval(trickle);
    expect(text).toMatch(/^HTTP\/1\.1 408 .*too long/s);
  });
});
