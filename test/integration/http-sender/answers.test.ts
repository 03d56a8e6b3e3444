import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { SendResult } from "../../../src/dispatcher/http-sender.ts";
import type { EventSinkOptions } from "../../support/event-sink.ts";
import { aSenderForEachTest, peerThat, type Sending, sendWith, sinkWith, textOf } from "./peers.ts";

const sender = aSenderForEachTest();

function send(uri: string, sending: Sending = {}): Promise<SendResult> {
  return sendWith(sender.current, uri, sending);
}

const EVENT_HEADERS = {
  "ce-specversion": "1.0",
  "ce-id": "1",
  "ce-source": "/s",
  "ce-type": "t",
};

describe("an answer", () => {
  it.each([301, 302, 303, 307, 308])("%d is not followed", async (status) => {
    const sink = await sinkWith({ respond: () => ({ status, headers: { location: "/other" } }) });
    expect((await send(sink.url)).status).toBe(status);
    expect(sink.requests).toHaveLength(1);
  });

  it("comes after any number of informational ones", async () => {
    const hint = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
    const uri = await peerThat((socket) => {
      const answer = "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
      socket.on("data", () =>
        socket.write(`${hint}HTTP/1.1 102 Processing\r\n\r\n${hint}${answer}`),
      );
    });
    expect((await send(uri)).status).toBe(202);
  });

  it("that switches to another protocol is not asked for again", async () => {
    let connections = 0;
    const uri = await peerThat((socket, connection) => {
      connections = connection;
      const answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n";
      socket.on("data", () => socket.write(answer));
    });
    expect((await send(uri)).status).toBeUndefined();
    expect(connections).toBe(1);
  });

  it.each([
    ["no HTTP", "SSH-2.0-OpenSSH_9\r\n"],
    [
      "a protocol that nobody asked for",
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n",
    ],
    ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"],
    ["headers without end", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(1_000_000)}`],
  ])("that cannot be read is none: %s", async (_, bytes) => {
    const uri = await peerThat((socket) => socket.on("data", () => socket.write(bytes)));
    const result = await send(uri, { timeoutMs: 5_000 });
    expect(result.status).toBeUndefined();
    expect(textOf(result)).not.toBe("");
  });

  it("with an error keeps the first 768 bytes of its body", async () => {
    const sink = await sinkWith({ respond: () => ({ status: 400, body: "e".repeat(10_000) }) });
    const result = await send(sink.url);
    expect(textOf(result)).toBe("e".repeat(768));
    expect(result).toMatchObject({ status: 400, truncated: true });
  });

  it("that goes on for ever is broken off, and counts by its status", async () => {
    const uri = await peerThat((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n");
        const more = setInterval(() => socket.write(`2000\r\n${"z".repeat(8_192)}\r\n`), 1);
        socket.on("close", () => clearInterval(more));
      });
    });
    const result = await send(uri);
    expect(result).toMatchObject({ status: 503, truncated: true });
    expect(textOf(result)).toBe("z".repeat(768));
  });

  it("with a body that nobody wants leaves the connection for the next request", async () => {
    const ports = new Set<number>();
    const body = "n".repeat(30_000);
    const uri = await peerThat((socket) => {
      ports.add(socket.remotePort ?? 0);
      const answer = `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
      socket.on("data", () => socket.write(answer));
    });
    for (let n = 0; n < 5; n++) {
      const result = await send(uri);
      expect([result.status, textOf(result)]).toEqual([200, ""]);
      await turn();
    }
    expect(ports.size).toBe(1);
  });
});

describe("a reply", () => {
  const replying = (body: string): EventSinkOptions => ({
    respond: () => ({ status: 200, headers: EVENT_HEADERS, body }),
  });

  it.each([
    ["ce-specversion", EVENT_HEADERS],
    ["a structured event's content type", { "content-type": "Application/CloudEvents+JSON" }],
    ["a batch's content type", { "content-type": "application/cloudevents-batch+json" }],
  ])("is kept whole when it has %s", async (_, headers) => {
    const sink = await sinkWith({ respond: () => ({ status: 200, headers, body: "the reply" }) });
    const result = await send(sink.url, { maxReplyBytes: 100 });
    expect(textOf(result)).toBe("the reply");
    expect(result).toMatchObject({ truncated: false, headers });
  });

  it.each([
    ["is no event", { "content-type": "application/json" }, 100],
    ["is not awaited", EVENT_HEADERS, 0],
  ])("is not kept when it %s", async (_, headers, maxReplyBytes) => {
    const sink = await sinkWith({ respond: () => ({ status: 200, headers, body: "unread" }) });
    expect(textOf(await send(sink.url, { maxReplyBytes }))).toBe("");
  });

  it("may be as long as is said, and is marked when it is longer", async () => {
    const fits = await sinkWith(replying("r".repeat(100_000)));
    const longer = await sinkWith(replying("r".repeat(100_001)));
    const endless = await sinkWith(replying("r".repeat(3_000_000)));
    const options = { maxReplyBytes: 100_000 };
    const whole = await send(fits.url, options);
    expect(whole).toMatchObject({ status: 200, truncated: false });
    expect(textOf(whole)).toHaveLength(100_000);
    for (const sink of [longer, endless]) {
      const cut = await send(sink.url, options);
      expect(cut).toMatchObject({ status: 200, truncated: true });
      expect(textOf(cut)).toHaveLength(100_000);
    }
  });

  it("that ends in its middle is no answer", async () => {
    const head = "HTTP/1.1 200 OK\r\nce-specversion: 1.0\r\ncontent-length: 100\r\n\r\nhalf";
    const uri = await peerThat((socket) => socket.on("data", () => socket.end(head)));
    expect((await send(uri, { maxReplyBytes: 1_000 })).status).toBeUndefined();
    expect((await send(uri, { maxReplyBytes: 0 })).status).toBe(200);
  });
});
