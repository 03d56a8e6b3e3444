import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Respond } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { type Lanes, startLanes } from "./lanes.ts";

const ok: Respond = () => ({ status: 202 });
const RETRY_NONE = { retry: 0 };

let world: Lanes<"plain" | "json" | "slash" | "away" | "refuses" | "again">;

beforeAll(async () => {
  world = await startLanes({
    plain: {
      subscriber: ({ headers }) => answerFor(String(headers["ce-subject"])),
      deadLetter: ok,
      delivery: RETRY_NONE,
    },
    json: {
      subscriber: () => ({ status: 400, body: "ü" }),
      deadLetter: ok,
      delivery: { ...RETRY_NONE, format: "json" },
    },
    slash: { subscriber: () => ({ status: 410 }), deadLetter: ok, delivery: RETRY_NONE },
    away: {
      subscriber: () => ({ status: 400 }),
      deadLetter: () => ({ status: 503 }),
      delivery: { retry: 1, backoffDelay: "PT0.05S", backoffMax: "PT0.1S" },
    },
    refuses: {
      subscriber: () => ({ status: 400 }),
      deadLetter: () => ({ status: 403 }),
      delivery: { retry: 3 },
    },
    again: { subscriber: () => ({ status: 409 }), deadLetter: ok, delivery: RETRY_NONE },
  });
});

afterAll(() => world.stop());

const BODIES: Record<string, Buffer> = {
  short: Buffer.from("sorry"),
  "one-byte": Buffer.from([0xff]),
  "exactly-768": Buffer.alloc(768, "a"),
  "one-more": Buffer.alloc(769, "b"),
  "very-long": Buffer.alloc(300_000, "c"),
  "no-text": Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
};

function answerFor(subject: string) {
  const body = BODIES[subject];
  return body === undefined ? { status: 422 } : { status: 422, body };
}

describe("a dead letter", () => {
  it("is the original event with the destination to the letter, the code and the answer", async () => {
    const { plain } = world.lanes;
    const id = await plain.send(
      { subject: "short", data: '{"n":1.0}', datacontenttype: "application/json", myext: "kept" },
      { "x-request-id": "r" },
    );
    await plain.settled();
    const letter = plain.deadLetter.requests.at(-1);
    expect(letter?.headers).toMatchObject({
      "ce-specversion": "1.0",
      "ce-id": id,
      "ce-source": "/test/source",
      "ce-type": "test.event",
      "ce-myext": "kept",
      "ce-knativeerrordest": plain.subscriber.url,
      "ce-knativeerrorcode": "422",
      "ce-knativeerrordata": Buffer.from("sorry").toString("base64"),
      "content-type": "application/json",
      "x-request-id": "r",
    });
    expect(letter?.headers).not.toHaveProperty("prefer");
    expect(letter?.body.toString()).toBe('{"n":1.0}');
    expect(await plain.deliveries("acked")).toBeGreaterThan(0);
  });

  it.each(Object.keys(BODIES))(
    "has at most 1,024 characters of the answer in valid base64: %s",
    async (subject) => {
      const { plain } = world.lanes;
      await plain.send({ subject });
      await plain.settled();
      const data = String(plain.deadLetter.requests.at(-1)?.headers["ce-knativeerrordata"]);
      expect(data).toBe(BODIES[subject]?.subarray(0, 768).toString("base64"));
      expect(data.length).toBeLessThanOrEqual(1_024);
    },
  );

  it("has no knativeerrordata when the answer has no body", async () => {
    const { plain } = world.lanes;
    await plain.send({ subject: "nothing" });
    await plain.settled();
    const headers = plain.deadLetter.requests.at(-1)?.headers;
    expect(headers).toMatchObject({
      "ce-knativeerrordest": plain.subscriber.url,
      "ce-knativeerrorcode": "422",
    });
    expect(headers).not.toHaveProperty("ce-knativeerrordata");
  });

  it("leaves in structured mode with format json", async () => {
    const { json } = world.lanes;
    const id = await json.send({ data: '{"n":1.0}', datacontenttype: "application/json" });
    await json.settled();
    const [letter] = json.deadLetter.requests;
    expect(letter?.headers["content-type"]).toMatch(/^application\/cloudevents\+json/);
    expect(letter?.headers).not.toHaveProperty("ce-id");
    expect(JSON.parse(String(letter?.body))).toMatchObject({
      id,
      knativeerrordest: json.subscriber.url,
      knativeerrorcode: "400",
      knativeerrordata: Buffer.from("ü").toString("base64"),
    });
    expect(String(letter?.body)).toContain('"data":{"n":1.0}');
  });

  it("of a dead letter has the newest error alone", async () => {
    const { again } = world.lanes;
    await again.send({
      knativeerrordest: "http://earlier.example",
      knativeerrorcode: "599",
      knativeerrordata: "ZWFybGllcg==",
    });
    await again.settled();
    const [letter] = again.deadLetter.requests;
    expect(letter?.headers).toMatchObject({
      "ce-knativeerrordest": again.subscriber.url,
      "ce-knativeerrorcode": "409",
    });
    expect(letter?.headers).not.toHaveProperty("ce-knativeerrordata");
    const names = letter?.rawHeaders.filter((name) => name.startsWith("ce-knativeerror"));
    expect(names).toHaveLength(2);
  });

  it("of a structured dead letter has the newest error alone too", async () => {
    const { again } = world.lanes;
    const before = again.deadLetter.requests.length;
    const answer = await again.client.sendStructured({
      knativeerrordest: "http://earlier.example",
      knativeerrordata: "ZWFybGllcg==",
    });
    expect(answer.status).toBe(202);
    await again.settled();
    const letter = again.deadLetter.requests[before];
    expect(letter?.headers["ce-knativeerrordest"]).toBe(again.subscriber.url);
    expect(letter?.headers).not.toHaveProperty("ce-knativeerrordata");
  });
});

describe("a dead-letter sink", () => {
  it("that is away keeps the event: not acknowledged, and it starts over until the sink is back", async () => {
    const { away } = world.lanes;
    const id = await away.send();
    // Two attempts at the sink in each round, one at the subscriber.
    await away.deadLetter.waitFor(6);
    expect((await away.consumer()).ack_floor.stream_seq).toBe(0);
    expect(await away.deliveries("dead_letter_retried")).toBeGreaterThanOrEqual(2);
    const rounds = away.subscriber.requests.length;
    expect(rounds).toBeGreaterThanOrEqual(3);
    away.deadLetter.respond = ok;
    await away.settled();
    expect(new Set(away.deadLetter.ids)).toEqual(new Set([id]));
    expect(await away.deliveries("acked")).toBe(1);
    expect(await away.deliveries("given_up")).toBe(0);
  });

  it("that refuses gets it once; it is given up, counted, and said in the log with the stream's sequence", async () => {
    const { refuses } = world.lanes;
    await refuses.send();
    await refuses.send();
    await refuses.settled();
    expect(refuses.deadLetter.requests).toHaveLength(2);
    expect(refuses.subscriber.requests).toHaveLength(2);
    expect(await refuses.deliveries("given_up")).toBe(2);
    const lines = await eventually(
      () => {
        const found = world.dataPlane.dispatcher.logs.filter(
          ({ msg, channel }) => msg?.includes("given up") && channel === "default/refuses",
        );
        return found.length === 2 && found;
      },
      { within: 5_000, what: "both lines of the log" },
    );
    expect(lines.map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect(lines[0]?.reason).toBe(
      `the dead-letter sink refused it: ${refuses.deadLetter.url}: status 403`,
    );
  });
});
