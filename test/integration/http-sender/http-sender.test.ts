import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { SendResult } from "../../../src/dispatcher/http-sender.ts";
import { makeCertificate } from "../../support/certificates.ts";
import { startEventSink } from "../../support/event-sink.ts";
import { aSenderForEachTest, peerThat, type Sending, sendWith, sinkWith, textOf } from "./peers.ts";

const sender = aSenderForEachTest();

function send(uri: string, sending: Sending = {}): Promise<SendResult> {
  return sendWith(sender.current, uri, sending);
}

describe("a destination", () => {
  it.each(["relative", "/path", "ftp://example.com", "mailto:someone@example.com", ""])(
    "has to be an http or https url: %j is refused",
    (uri) => {
      expect(() =>
        sender.current.destinationFor({ uri, caCerts: undefined, audience: undefined }),
      ).toThrow();
    },
  );

  it("keeps its uri to the letter, and is sent to with path and query", async () => {
    const sink = await sinkWith();
    const uri = `${sink.url}/a/b%20c?d=e&f=%C3%BC`;
    expect(
      sender.current.destinationFor({ uri, caCerts: undefined, audience: undefined }).uri,
    ).toBe(uri);
    await send(uri);
    expect(sink.requests[0]?.path).toBe("/a/b%20c?d=e&f=%C3%BC");
  });
});

describe("a request", () => {
  it("has its headers and its body, and says how long it is, be it nothing", async () => {
    const sink = await sinkWith();
    const headers = ["ce-id", "1", "content-type", "text/plain"];
    await send(sink.url, { headers, body: "grün" });
    await send(sink.url, { headers: [], body: "" });
    const [first, second] = sink.requests;
    expect(first?.headers).toMatchObject({
      "ce-id": "1",
      "content-type": "text/plain",
      "content-length": "5",
    });
    expect(first?.body.toString()).toBe("grün");
    expect(second?.headers["content-length"]).toBe("0");
    expect(second?.headers).not.toHaveProperty("content-type");
  });

  it("uses a connection that is there", async () => {
    const ports = new Set<number>();
    const uri = await peerThat((socket) => {
      ports.add(socket.remotePort ?? 0);
      socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    });
    for (let n = 0; n < 20; n++) {
      expect((await send(uri)).status).toBe(200);
      await turn();
    }
    expect(ports.size).toBe(1);
  });

  it("is sent again when the kept connection was closed in the meantime, and once only", async () => {
    // Answers the first request of a connection, and closes it when the second one is there.
    const received: number[] = [];
    const uri = await peerThat((socket, connection) => {
      let requests = 0;
      socket.on("data", () => {
        requests += 1;
        received.push(connection);
        if (requests === 2) socket.end();
        else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      });
    });
    expect((await send(uri)).status).toBe(200);
    await turn();
    expect((await send(uri)).status).toBe(200);
    expect(received).toEqual([1, 1, 2]);
  });

  it("is not sent again when a new connection is closed without an answer", async () => {
    let connections = 0;
    const uri = await peerThat((socket, connection) => {
      connections = connection;
      socket.on("data", () => socket.end());
    });
    const result = await send(uri);
    expect(result.status).toBeUndefined();
    expect(textOf(result)).toMatch(/closed/);
    expect(connections).toBe(1);
  });

  it("is not sent again when a kept connection is reset: the peer may have taken it", async () => {
    let requests = 0;
    const uri = await peerThat((socket) => {
      socket.on("data", () => {
        requests += 1;
        if (requests === 1) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        else socket.resetAndDestroy();
      });
    });
    expect((await send(uri)).status).toBe(200);
    await turn();
    expect((await send(uri)).status).toBeUndefined();
    expect(requests).toBe(2);
  });
});

describe("the deadline", () => {
  const head = "HTTP/1.1 200 OK\r\nce-specversion: 1.0\r\ncontent-length: 100\r\n\r\nhalf";

  it.each([
    ["before anything came", "", 0, undefined],
    ["in the middle of the headers", "HTTP/1.1 200 OK\r\nx", 0, undefined],
    ["in the middle of a reply", head, 1_000, undefined],
    ["in the middle of what nobody wants", head, 0, 200],
  ])("ends an attempt %s", async (_, bytes, maxReplyBytes, status) => {
    const ended: Promise<void>[] = [];
    const uri = await peerThat((socket) => {
      ended.push(new Promise((resolve) => socket.once("close", () => resolve())));
      socket.on("data", () => socket.write(bytes));
    });
    const startedAt = performance.now();
    const result = await send(uri, { timeoutMs: 300, maxReplyBytes });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(295);
    expect(result.status).toBe(status);
    if (status === undefined) expect(textOf(result)).toBe("no answer within 300 ms");
    // The connection is closed too.
    await Promise.all(ended);
    expect(ended).toHaveLength(1);
  });

  it("ends an attempt whose connection is not there yet", async () => {
    // TLS to a server that accepts and stays silent: the handshake does not come to an end.
    const uri = await peerThat(() => undefined);
    const result = await send(uri.replace("http:", "https:"), { timeoutMs: 300 });
    expect(textOf(result)).toBe("no answer within 300 ms");
  });
});

describe("no connection", () => {
  it("says who was not there", async () => {
    const sink = await startEventSink();
    await sink.close();
    expect(textOf(await send(sink.url))).toContain(`ECONNREFUSED 127.0.0.1:${sink.port}`);
  });

  it("says which name is unknown", async () => {
    expect(textOf(await send("http://nobody.invalid/"))).toContain("nobody.invalid");
  });
});

describe("https", () => {
  const authority = makeCertificate({ commonName: "authority" });
  const tls = makeCertificate({ issuer: authority });

  it("is spoken with a server that the certificates vouch for, over kept connections", async () => {
    const sink = await sinkWith({ tls });
    for (let n = 0; n < 3; n++) {
      expect((await send(sink.url, { caCerts: authority.cert })).status).toBe(200);
    }
  });

  it("is refused to one that they do not vouch for, though others trust it", async () => {
    const sink = await sinkWith({ tls });
    expect((await send(sink.url, { caCerts: authority.cert })).status).toBe(200);
    const stranger = makeCertificate({ commonName: "stranger" });
    for (const caCerts of [stranger.cert, undefined]) {
      const result = await send(sink.url, caCerts === undefined ? {} : { caCerts });
      expect(result.status).toBeUndefined();
      expect(textOf(result)).toMatch(/certificate/);
    }
    expect(sink.requests).toHaveLength(1);
  });
});

describe("the end", () => {
  it("breaks off what is under way, as no answer", async () => {
    const sink = await sinkWith({ respond: () => "hang" });
    const results = Promise.all([send(sink.url), send(sink.url), send(sink.url)]);
    await sink.waitFor(3);
    await sender.current.close();
    expect((await results).map(({ status }) => status)).toEqual([undefined, undefined, undefined]);
  });

  it("leaves a request that comes later without an answer", async () => {
    const sink = await sinkWith();
    const destination = sender.current.destinationFor({
      uri: sink.url,
      caCerts: undefined,
      audience: undefined,
    });
    await sender.current.close();
    const body = Buffer.from("x");
    const request = { destination, headers: [], body, timeoutMs: 1_000, maxReplyBytes: 0 };
    expect((await sender.current.send(request)).status).toBeUndefined();
    expect(sink.requests).toHaveLength(0);
  });
});
