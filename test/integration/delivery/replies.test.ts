import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Respond } from "../../support/event-sink.ts";
import { eventAnswer, type Lanes, startLanes } from "./lanes.ts";

const MAX_EVENT_BYTES = 100_000;
const ok: Respond = () => ({ status: 200 });
const replying: Respond = () => eventAnswer("reply");
/** Fails as often as said, then accepts. */
const failing =
  (times: number): Respond =>
  (_, attempt) => ({ status: attempt > times ? 202 : 503, body: "later" });

const QUICK = { backoffPolicy: "linear", backoffDelay: "PT0.01S" };

let world: Lanes<
  | "none"
  | "binary"
  | "structured"
  | "dropped"
  | "later"
  | "fails"
  | "refused"
  | "gives-up"
  | "invalid"
  | "batch"
  | "large"
  | "broken"
  | "reply-only"
  | "reply-only-fails"
>;

beforeAll(async () => {
  world = await startLanes(
    {
      none: { reply: ok, subscriber: () => ({ status: 200, body: '{"not":"an event"}' }) },
      binary: {
        reply: ok,
        subscriber: ({ headers }) =>
          eventAnswer("reply", { status: Number(headers["ce-subject"]), data: '{"n":1.0,"ü":""}' }),
      },
      structured: {
        reply: ok,
        subscriber: ({ headers }) => structured(Number(headers["ce-subject"])),
      },
      dropped: { subscriber: replying },
      later: { subscriber: replying, reply: failing(2), delivery: { retry: 2, ...QUICK } },
      fails: {
        subscriber: replying,
        reply: failing(9),
        deadLetter: ok,
        delivery: { retry: 2, ...QUICK },
      },
      refused: {
        subscriber: replying,
        reply: () => ({ status: 403 }),
        deadLetter: ok,
        delivery: { retry: 2, ...QUICK },
      },
      "gives-up": { subscriber: replying, reply: () => ({ status: 400 }), delivery: { retry: 2 } },
      invalid: {
        subscriber: () => ({ status: 200, headers: { "ce-specversion": "1.0", "ce-id": "only" } }),
        reply: ok,
        deadLetter: ok,
        delivery: { retry: 3 },
      },
      batch: {
        subscriber: () => ({
          status: 200,
          headers: { "content-type": "application/cloudevents-batch+json" },
          body: "[]",
        }),
        reply: ok,
        deadLetter: ok,
      },
      large: {
        subscriber: ({ headers }) =>
          eventAnswer("reply", { data: "x".repeat(Number(headers["ce-subject"])) }),
        reply: ok,
        deadLetter: ok,
      },
      broken: {
        // The first answer ends in the middle of its event.
        subscriber: (_, attempt) =>
          attempt === 1
            ? eventAnswer("cut", { headers: { "content-length": "999", connection: "close" } })
            : eventAnswer("whole"),
        reply: ok,
        delivery: { retry: 3, timeout: "PT0.3S", ...QUICK },
      },
      "reply-only": { subscriber: "none", reply: replying },
      "reply-only-fails": {
        subscriber: "none",
        reply: failing(9),
        deadLetter: ok,
        delivery: { retry: 1, ...QUICK },
      },
    },
    { dispatch: { maxEventSize: String(MAX_EVENT_BYTES) } },
  );
});

afterAll(() => world.stop());

function structured(status: number) {
  const event = { specversion: "1.0", id: "reply", source: "/s", type: "t", data: { n: 1 } };
  const headers = { "content-type": "application/cloudevents+json; charset=utf-8" };
  return { status, headers, body: JSON.stringify(event) };
}

describe("a success", () => {
  it("without an event is acknowledged, and nothing goes to the reply destination", async () => {
    const { none } = world.lanes;
    await none.send();
    await none.settled();
    expect(none.subscriber.requests).toHaveLength(1);
    expect(none.reply.requests).toHaveLength(0);
    expect(await none.deliveries("acked")).toBe(1);
  });

  it.each([200, 201, 202])("%d with an event in binary mode is a reply", async (status) => {
    const { binary } = world.lanes;
    const before = binary.reply.requests.length;
    await binary.send({ subject: String(status) });
    await binary.settled();
    expect(binary.reply.requests).toHaveLength(before + 1);
    const reply = binary.reply.requests[before];
    expect(reply?.headers).toMatchObject({
      "ce-id": "reply",
      "ce-source": "/subscriber",
      "ce-type": "test.reply",
      "content-type": "application/json",
    });
    expect(reply?.body.toString()).toBe('{"n":1.0,"ü":""}');
  });

  it.each([200, 201, 202])("%d with an event in structured mode is a reply", async (status) => {
    const lane = world.lanes.structured;
    const before = lane.reply.requests.length;
    await lane.send({ subject: String(status) });
    await lane.settled();
    expect(lane.reply.requests).toHaveLength(before + 1);
    const reply = lane.reply.requests[before];
    expect(reply?.headers["ce-id"]).toBe("reply");
    expect(reply?.body.toString()).toBe('{"n":1}');
  });

  it("with an event and no reply destination is acknowledged, the reply dropped", async () => {
    const { dropped } = world.lanes;
    await dropped.send();
    await dropped.settled();
    expect(dropped.subscriber.requests).toHaveLength(1);
    expect(await dropped.deliveries("acked")).toBe(1);
  });
});

describe("a reply", () => {
  it("with raw UTF-8 in an attribute is passed on percent-encoded", async () => {
    const { binary } = world.lanes;
    const subject = Buffer.from("grün").toString("latin1");
    const { respond } = binary.subscriber;
    binary.subscriber.respond = () => eventAnswer("utf-8", { headers: { "ce-subject": subject } });
    await binary.send();
    await binary.settled();
    binary.subscriber.respond = respond;
    expect(binary.reply.requests.at(-1)?.headers).toMatchObject({
      "ce-id": "utf-8",
      "ce-subject": "gr%C3%BCn",
    });
  });
});

describe("a reply that cannot be delivered", () => {
  it("is tried again by itself; the subscriber is called once", async () => {
    const { later } = world.lanes;
    await later.send();
    await later.settled();
    expect(later.subscriber.requests).toHaveLength(1);
    expect(later.reply.requests.map(({ headers }) => headers["ce-id"])).toEqual([
      "reply",
      "reply",
      "reply",
    ]);
    expect(await later.deliveries("acked")).toBe(1);
  });

  it("after its last retry sends the original event to the dead-letter sink, and names the reply destination", async () => {
    const { fails } = world.lanes;
    const id = await fails.send({ data: "original", datacontenttype: "text/plain" });
    await fails.settled();
    expect(fails.subscriber.requests).toHaveLength(1);
    expect(fails.reply.requests).toHaveLength(3);
    expect(fails.deadLetter.requests).toHaveLength(1);
    const [letter] = fails.deadLetter.requests;
    expect(letter?.body.toString()).toBe("original");
    expect(letter?.headers).toMatchObject({
      "ce-id": id,
      "ce-knativeerrordest": fails.reply.url,
      "ce-knativeerrorcode": "503",
      "ce-knativeerrordata": Buffer.from("later").toString("base64"),
    });
  });

  it("for good goes to the dead-letter sink without a retry", async () => {
    const { refused } = world.lanes;
    await refused.send();
    await refused.settled();
    expect(refused.reply.requests).toHaveLength(1);
    expect(refused.deadLetter.requests[0]?.headers["ce-knativeerrorcode"]).toBe("403");
  });

  it("is given up without a dead-letter sink, and the log says so with the stream's sequence", async () => {
    const lane = world.lanes["gives-up"];
    await lane.send();
    await lane.settled();
    expect(await lane.deliveries("given_up")).toBe(1);
    const line = world.dataPlane.dispatcher.logs.find(
      ({ msg, channel }) => msg?.includes("given up") && channel === "default/gives-up",
    );
    expect(line).toMatchObject({ sequence: 1, reason: `${lane.reply.url}: status 400` });
  });
});

describe("an answer that is meant as an event and is none", () => {
  it.each([
    ["invalid", "The attribute"],
    ["batch", "application/cloudevents-batch+json"],
  ] as const)("sends the original event to the dead-letter sink: %s", async (name, reason) => {
    const lane = world.lanes[name];
    const id = await lane.send();
    await lane.settled();
    expect(lane.subscriber.requests).toHaveLength(1);
    expect(lane.reply.requests).toHaveLength(0);
    const [letter] = lane.deadLetter.requests;
    expect(letter?.headers).toMatchObject({
      "ce-id": id,
      "ce-knativeerrordest": lane.subscriber.url,
      "ce-knativeerrorcode": "500",
    });
    const data = Buffer.from(String(letter?.headers["ce-knativeerrordata"]), "base64").toString();
    expect(data).toContain("the reply is not a CloudEvent");
    expect(data).toContain(reason);
  });

  it("because it is larger than an event may be sends the original to the dead-letter sink", async () => {
    const { large } = world.lanes;
    await large.send({ id: "fits", subject: String(MAX_EVENT_BYTES) });
    await large.settled();
    expect(large.reply.requests[0]?.body).toHaveLength(MAX_EVENT_BYTES);
    await large.send({ id: "too-large", subject: String(MAX_EVENT_BYTES + 1) });
    await large.settled();
    expect(large.reply.requests).toHaveLength(1);
    const [letter] = large.deadLetter.requests;
    expect(letter?.headers["ce-id"]).toBe("too-large");
    const data = Buffer.from(String(letter?.headers["ce-knativeerrordata"]), "base64").toString();
    expect(data).toContain(`larger than ${MAX_EVENT_BYTES} bytes`);
  });

  it("because it broke off is asked for again, since nobody knows the reply", async () => {
    const { broken } = world.lanes;
    await broken.send();
    await broken.settled();
    expect(broken.subscriber.requests).toHaveLength(2);
    expect(broken.reply.requests.map(({ headers }) => headers["ce-id"])).toEqual(["whole"]);
  });
});

describe("a subscriber with a reply destination only", () => {
  it("gets the event itself there, unasked for a reply, and what it answers goes nowhere", async () => {
    const lane = world.lanes["reply-only"];
    const id = await lane.send({ data: "d" });
    await lane.settled();
    expect(lane.reply.requests).toHaveLength(1);
    const [request] = lane.reply.requests;
    expect(request?.headers["ce-id"]).toBe(id);
    expect(request?.headers).not.toHaveProperty("prefer");
    expect(lane.subscriber.requests).toHaveLength(0);
  });

  it("has the attempts of its delivery and then the dead-letter sink", async () => {
    const lane = world.lanes["reply-only-fails"];
    await lane.send();
    await lane.settled();
    expect(lane.reply.requests).toHaveLength(2);
    expect(lane.deadLetter.requests[0]?.headers["ce-knativeerrordest"]).toBe(lane.reply.url);
  });
});
