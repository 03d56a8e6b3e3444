import { describe, expect, it } from "vitest";
import {
  ACK,
  again,
  deliveredIn,
  EVENT,
  headersOf,
  type Row,
  term,
  URIS,
  type World,
} from "./delivery-world.ts";

describe("the subscriber", () => {
  it.each<Row>([
    ["success is acknowledged", { subscriber: [204] }, ACK, ["subscriber"]],
    [
      "a retriable outcome comes again after the first wait",
      { subscriber: [503] },
      again(10),
      ["subscriber"],
    ],
    [
      "the third attempt waits three times as long",
      { subscriber: ["nobody"], attempt: 3 },
      again(30),
      ["subscriber"],
    ],
    [
      "retry 2 comes again after the second attempt",
      { subscriber: [500], delivery: { retry: 2 }, attempt: 2 },
      again(20),
      ["subscriber"],
    ],
    [
      "retry 2 is given up after the third attempt without a sink",
      { subscriber: [500], delivery: { retry: 2 }, attempt: 3 },
      term("http://subscriber.example: status 500"),
      ["subscriber"],
    ],
    [
      "retry 2 goes to the sink after the third attempt",
      { subscriber: [500], deadLetter: [202], delivery: { retry: 2 }, attempt: 3 },
      ACK,
      ["subscriber", "dead-letter"],
    ],
    [
      "a message that came too often has one attempt all the same, and it may succeed",
      { subscriber: [200], deadLetter: [202], delivery: { retry: 2 }, attempt: 9 },
      ACK,
      ["subscriber"],
    ],
    [
      "a message that came too often has one attempt all the same before it goes to the sink",
      { subscriber: [500], deadLetter: [202], delivery: { retry: 2 }, attempt: 9 },
      ACK,
      ["subscriber", "dead-letter"],
    ],
    [
      "without retry, a sink gets it after one attempt",
      { subscriber: ["nobody"], deadLetter: [200] },
      ACK,
      ["subscriber", "dead-letter"],
    ],
    [
      "without retry and sink it comes again for ever",
      { subscriber: [500], attempt: 1_000 },
      again(10_000),
      ["subscriber"],
    ],
    [
      "maxDeliver ends what would go on for ever",
      { subscriber: [500], maxDeliver: 3, attempt: 3 },
      term("http://subscriber.example: status 500"),
      ["subscriber"],
    ],
    [
      "a final outcome is given up at once without a sink",
      { subscriber: [400], delivery: { retry: 9 } },
      term("http://subscriber.example: status 400"),
      ["subscriber"],
    ],
    [
      "a final outcome goes to the sink at once",
      { subscriber: [301], deadLetter: [200], delivery: { retry: 9 } },
      ACK,
      ["subscriber", "dead-letter"],
    ],
    [
      "Retry-After raises the wait",
      {
        subscriber: [{ status: 429, retryAfter: "2" }],
        delivery: { retry: 1, retryAfterMaxMs: 1_500 },
      },
      again(1_500),
      ["subscriber"],
    ],
    [
      "Retry-After counts on 429 and 503 only",
      {
        subscriber: [{ status: 500, retryAfter: "2" }],
        delivery: { retry: 1, retryAfterMaxMs: 1_500 },
      },
      again(10),
      ["subscriber"],
    ],
    ["nobody to deliver to is given up", {}, term("the subscriber has no destination"), []],
  ])("%s", async (_, world, verdict, requests) => {
    const seen = await deliveredIn(world);
    expect(seen.verdict).toEqual(verdict);
    expect(seen.keptBytes).toBe(0);
    expect(seen.requests).toEqual(requests);
  });
});

describe("the reply", () => {
  it.each<Row>([
    [
      "goes to the reply destination",
      { subscriber: ["reply"], reply: [202] },
      ACK,
      ["subscriber", "reply"],
    ],
    ["is dropped without a destination", { subscriber: ["reply"] }, ACK, ["subscriber"]],
    [
      "that is no event goes nowhere, the original to the sink",
      { subscriber: ["no event"], reply: [202], deadLetter: [200] },
      ACK,
      ["subscriber", "dead-letter"],
    ],
    [
      "has retries of its own, and the subscriber is not called again",
      { subscriber: ["reply"], reply: [500, "nobody", 202], delivery: { retry: 2 }, attempt: 3 },
      ACK,
      ["subscriber", "reply", "reply", "reply"],
    ],
    [
      "that fails to the last goes nowhere, the original to the sink",
      { subscriber: ["reply"], reply: [500], deadLetter: [200], delivery: { retry: 1 } },
      ACK,
      ["subscriber", "reply", "reply", "dead-letter"],
    ],
    [
      "that is refused is not sent again",
      { subscriber: ["reply"], reply: [403], deadLetter: [200], delivery: { retry: 5 } },
      ACK,
      ["subscriber", "reply", "dead-letter"],
    ],
    [
      "that fails without a sink is given up",
      { subscriber: ["reply"], reply: [500], delivery: { retry: 0 } },
      term("http://reply.example/path?a=b: status 500"),
      ["subscriber", "reply"],
    ],
    [
      "is not looked for in what a subscriber-less reply destination answers",
      { reply: ["reply"] },
      ACK,
      ["reply"],
    ],
    [
      "destination takes the event itself when there is no subscriber, with the attempts of one",
      { reply: [500], delivery: { retry: 1 } },
      again(10),
      ["reply"],
    ],
    [
      "destination alone: after the last attempt the sink gets it",
      { reply: [500], deadLetter: [200], delivery: { retry: 1 }, attempt: 2 },
      ACK,
      ["reply", "dead-letter"],
    ],
  ])("%s", async (_, world, verdict, requests) => {
    const seen = await deliveredIn(world);
    expect(seen.verdict).toEqual(verdict);
    expect(seen.keptBytes).toBe(0);
    expect(seen.requests).toEqual(requests);
  });

  it("waits by the back-off between its attempts", async () => {
    const world: World = {
      subscriber: ["reply"],
      reply: [500, { status: 503, retryAfter: "1" }, 500, 200],
      delivery: { retry: 5, retryAfterMaxMs: 9_000 },
    };
    expect((await deliveredIn(world)).pausesMs).toEqual([10, 1_000, 30]);
  });
});

describe("the dead letter", () => {
  it.each<Row>([
    [
      "has the retries of the delivery",
      { subscriber: [400], deadLetter: [500, 500, 202], delivery: { retry: 2 } },
      ACK,
      ["subscriber", "dead-letter", "dead-letter", "dead-letter"],
    ],
    [
      "is kept while the sink is away, and starts over after 5 minutes",
      { subscriber: [400], deadLetter: ["nobody"] },
      { do: "nak", afterMs: 300_000, because: "dead-letter-failed" },
      ["subscriber", "dead-letter"],
    ],
    [
      "is kept while the sink is away, and starts over after backoffMax",
      { subscriber: [400], deadLetter: [503], delivery: { backoffMaxMs: 700 } },
      { do: "nak", afterMs: 700, because: "dead-letter-failed" },
      ["subscriber", "dead-letter"],
    ],
    [
      "is given up when the sink refuses it",
      { subscriber: [500], deadLetter: [403], delivery: { retry: 0 } },
      term("the dead-letter sink refused it: http://sink.example: status 403"),
      ["subscriber", "dead-letter"],
    ],
  ])("%s", async (_, world, verdict, requests) => {
    const seen = await deliveredIn(world);
    expect(seen.verdict).toEqual(verdict);
    expect(seen.keptBytes).toBe(0);
    expect(seen.requests).toEqual(requests);
  });

  it.each([
    [
      "of a refusal",
      { subscriber: [400], deadLetter: [200] } satisfies World,
      [URIS.subscriber, "400", Buffer.from("says 400").toString("base64")],
    ],
    [
      "of a failed reply",
      { subscriber: ["reply"], reply: [500], deadLetter: [200] } satisfies World,
      [URIS.reply, "500", Buffer.from("says 500").toString("base64")],
    ],
    [
      "of no answer",
      { subscriber: ["nobody"], deadLetter: [200] } satisfies World,
      [
        URIS.subscriber,
        "500",
        Buffer.from("dispatch error: connect ECONNREFUSED").toString("base64"),
      ],
    ],
    [
      "of what Knative's broker filter could not deliver on our behalf",
      {
        subscriberUri: "http://broker-filter.knative-eventing.svc.cluster.local/triggers/ns/t",
        subscriber: [
          {
            status: 418,
            body: '{"errdestination":"http://trigger.example","errresponsebody":"dGVhcG90"}',
          },
        ],
        deadLetter: [200],
      } satisfies World,
      ["http://trigger.example", "418", "dGVhcG90"],
    ],
  ])("says what happened: %s", async (_, world, [dest, code, data]) => {
    const { sent } = await deliveredIn(world);
    const letter = headersOf(sent.at(-1));
    expect(decodeURIComponent(letter["ce-knativeerrordest"] ?? "")).toBe(dest);
    expect(letter["ce-knativeerrorcode"]).toBe(code);
    expect(decodeURIComponent(letter["ce-knativeerrordata"] ?? "")).toBe(data);
    expect(letter["ce-id"]).toBe("1");
    expect(sent.at(-1)?.body).toEqual(EVENT.data);
  });
});
