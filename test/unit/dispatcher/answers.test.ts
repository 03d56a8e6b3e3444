import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import {
  answer,
  answerOptions,
  answerProbe,
  isKubeletProbe,
  LINGER_MS,
  Refusal,
  refuse,
} from "../../../src/dispatcher/answers.ts";
import { sendRaw } from "../../support/send-raw.ts";

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Serves real requests with a handler; gives the port. */
async function serve(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<number> {
  const server = createServer(handler);
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const CLOSE = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";

describe("an answer", () => {
  it("has a status and an empty body of a known length", async () => {
    const port = await serve((_request, response) => answer(response, 202));
    const text = await sendRaw(port, `${CLOSE}\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 202 Accepted\r\ncontent-length: 0\r\n.*\r\n\r\n$/s);
  });

  it("to a WebHook's OPTIONS allows any origin and any rate", async () => {
    const port = await serve((_request, response) => answerOptions(response, "POST, OPTIONS"));
    const text = await sendRaw(port, `${CLOSE}\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).toContain("\r\nallow: POST, OPTIONS\r\n");
    expect(text).toContain("\r\nwebhook-allowed-origin: *\r\n");
    expect(text).toContain("\r\nwebhook-allowed-rate: *\r\n");
  });

  it.each([
    ["abc", /^HTTP\/1\.1 200 OK\r\n.*k-network-hash: abc\r\n/s],
    ["", /^HTTP\/1\.1 400 .*K-Network-Hash/s],
    [undefined, /^HTTP\/1\.1 400 .*K-Network-Hash/s],
  ])(
    "to a network probe gives the hash %j back, or says that there is none",
    async (hash, wanted) => {
      const port = await serve((_request, response) => answerProbe(response, hash));
      expect(await sendRaw(port, `${CLOSE}\r\n`)).toMatch(wanted);
    },
  );

  it.each([
    ["User-Agent: kube-probe/1.34", true],
    ["K-Kubelet-Probe: queue", true],
    ["User-Agent: curl/8", false],
    ["X-Other: kube-probe/1.34", false],
  ])("knows a kubelet's probe by %s: %s", async (header, isProbe) => {
    const port = await serve((request, response) =>
      answer(response, isKubeletProbe(request) ? 200 : 405),
    );
    const text = await sendRaw(port, `${CLOSE}${header}\r\n\r\n`);
    expect(text.slice(9, 12)).toBe(isProbe ? "200" : "405");
  });
});

describe("a refusal", () => {
  it("is a status, its headers and one sentence as text", async () => {
    const refusal = new Refusal(405, "invalid", "Events come with POST, €.", { allow: "POST" });
    const port = await serve((_request, response) => refuse(response, refusal));
    const text = await sendRaw(port, `${CLOSE}\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 405 Method Not Allowed\r\nallow: POST\r\n/);
    expect(text).toContain("\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 28\r\n");
    expect(Buffer.from(text, "latin1").toString()).toMatch(/\r\n\r\nEvents come with POST, €\.\n$/);
  });

  it.each([
    [503, "1"],
    [413, undefined],
  ])("of %i has Retry-After %s", (status, retryAfter) => {
    expect(new Refusal(status, "unavailable", "").headers["retry-after"]).toBe(retryAfter);
  });

  it("is not said when the request has its answer already", async () => {
    const port = await serve((_request, response) => {
      answer(response, 202);
      refuse(response, new Refusal(500, "failed", "late"));
    });
    expect(await sendRaw(port, `${CLOSE}\r\n`)).toMatch(/^HTTP\/1\.1 202 .*\r\n\r\n$/s);
  });

  it("of a short body leaves the connection for the next request", async () => {
    const statuses = [400, 202];
    const port = await serve((_request, response) => {
      const status = statuses.shift() ?? 500;
      if (status === 202) answer(response, status);
      else refuse(response, new Refusal(status, "invalid", "no"));
    });
    const text = await sendRaw(
      port,
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde${CLOSE}\r\n`,
    );
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 400", "HTTP/1.1 202"]);
  });

  it.each([
    ["a long body", "Content-Length: 100000000\r\n\r\nabc"],
    ["a body without a length", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"],
    ["a body that waits for 100 Continue", "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"],
  ])(
    "of %s closes the connection, after a time in which the answer can be read",
    async (_what, rest) => {
      const port = await serve(() => undefined);
      servers[0]?.removeAllListeners("request");
      const handler = (_request: IncomingMessage, response: ServerResponse) =>
        refuse(response, new Refusal(413, "too_large", "Too large."));
      servers[0]?.on("request", handler).on("checkContinue", handler);
      const startedAt = performance.now();
      const text = await sendRaw(port, `POST / HTTP/1.1\r\nHost: a\r\n${rest}`);
      expect(performance.now() - startedAt).toBeGreaterThan(LINGER_MS - 10);
      expect(text).toMatch(/^HTTP\/1\.1 413 /);
      expect(text.toLowerCase()).toContain("\r\nconnection: close\r\n");
      expect(text).toMatch(/\r\n\r\nToo large\.\n$/);
    },
  );
});
