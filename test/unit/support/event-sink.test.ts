import { request as secureRequest } from "node:https";
import { afterEach, expect, it } from "vitest";
import { makeCertificate } from "../../support/certificates.ts";
import { type CloudEventClient, createCloudEventClient } from "../../support/cloud-event-client.ts";
import { type EventSink, type EventSinkOptions, startEventSink } from "../../support/event-sink.ts";
import { sendRaw } from "../../support/send-raw.ts";

const closing: Array<() => unknown> = [];

afterEach(async () => {
  for (const close of closing.splice(0)) {
    await close();
  }
});

async function sinkAndClient(
  options: EventSinkOptions = {},
): Promise<{ sink: EventSink; client: CloudEventClient }> {
  const sink = await startEventSink(options);
  const client = createCloudEventClient({ port: sink.port, host: "orders.test", path: "/in?a=1" });
  closing.push(() => client.close(), sink.close);
  return { sink, client };
}

it("records a binary event as it came", async () => {
  const { sink, client } = await sinkAndClient();
  const data = Buffer.from([0, 255, 13, 10]);
  const answer = await client.sendBinary(
    { id: "1", source: "/s", datacontenttype: "application/octet-stream", data },
    { "X-Request-Id": "r1" },
  );
  expect(answer.status).toBe(200);
  expect(sink.requests).toHaveLength(1);
  const [request] = sink.requests;
  expect(request).toMatchObject({
    method: "POST",
    path: "/in?a=1",
    body: data,
    event: { source: "/s", id: "1" },
    headers: {
      host: "orders.test",
      "ce-specversion": "1.0",
      "content-type": "application/octet-stream",
    },
  });
  expect(request?.rawHeaders).toContain("X-Request-Id");
});

it("knows a structured event by its body, and the client keeps the digits of its data", async () => {
  const { sink, client } = await sinkAndClient();
  await client.sendStructured({ id: "2", source: "/s", data: "12345678901234567890" });
  expect(sink.requests[0]?.event).toEqual({ source: "/s", id: "2" });
  expect(sink.requests[0]?.body.toString()).toContain('"data":12345678901234567890}');
});

it("counts the attempts of each event and answers as it is told", async () => {
  const { client, sink } = await sinkAndClient({
    respond: (_, attempt) =>
      attempt < 3
        ? { status: 503, headers: { "retry-after": "1" }, body: `attempt ${attempt}` }
        : { status: 202 },
  });
  const answers = [];
  for (const id of ["a", "a", "b", "a"]) {
    const { status, body } = await client.sendBinary({ id, source: "/s" });
    answers.push([status, body]);
  }
  expect(answers).toEqual([
    [503, "attempt 1"],
    [503, "attempt 2"],
    [503, "attempt 1"],
    [202, ""],
  ]);
  expect(sink.ids).toEqual(["a", "a", "b", "a"]);
});

it("resets the connection when told so", async () => {
  const { client } = await sinkAndClient({ respond: () => "reset" });
  await expect(client.sendBinary({})).rejects.toThrow("ECONNRESET");
});

it("hangs until it is closed", async () => {
  const { sink, client } = await sinkAndClient({ respond: () => "hang" });
  const sending = client.sendBinary({});
  const failing = expect(sending).rejects.toThrow("hang up");
  await sink.waitFor(1);
  await sink.close();
  await failing;
});

it("answers after a while when told so", async () => {
  const { client } = await sinkAndClient({ respond: () => ({ status: 200, afterMs: 50 }) });
  const before = performance.now();
  expect((await client.sendBinary({})).status).toBe(200);
  expect(performance.now() - before).toBeGreaterThan(45);
});

it("takes ten thousand events while it records only their ids", async () => {
  const { sink, client } = await sinkAndClient({ record: "ids" });
  const count = 10_000;
  const sending = Array.from({ length: count }, (_, n) => client.sendBinary({ id: String(n) }));
  await Promise.all(sending);
  expect(new Set(sink.ids).size).toBe(count);
  expect(sink.requests).toEqual([]);
});

it("tells how many requests have come when more were awaited", async () => {
  const { sink, client } = await sinkAndClient();
  await client.sendBinary({});
  await expect(sink.waitFor(2, 20)).rejects.toThrow("waited 20 ms for 2 requests: 1 have come");
});

it("serves https with a certificate made for it", async () => {
  const tls = makeCertificate();
  const { sink } = await sinkAndClient({ tls });
  const status = await new Promise((resolve, reject) => {
    const request = secureRequest(`${sink.url}/`, { method: "POST", ca: tls.cert }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on("error", reject);
    request.end("hello");
  });
  expect(status).toBe(200);
  expect(sink.requests[0]?.body.toString()).toBe("hello");
});

it("can be spoken to in raw bytes", async () => {
  const { sink } = await sinkAndClient({ respond: () => ({ status: 418 }) });
  const answer = await sendRaw(
    sink.port,
    "POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
  );
  expect(answer).toMatch(/^HTTP\/1\.1 418 /);
  expect(sink.requests[0]?.body.toString()).toBe("hi");
});

it("says that a server keeps the connection when raw bytes were to end it", async () => {
  const { sink } = await sinkAndClient({ respond: () => "hang" });
  await expect(sendRaw(sink.port, "POST / HTTP/1.1\r\n", 30)).rejects.toThrow(
    "the server has not closed within 30 ms",
  );
});
