import { describe, expect, it } from "vitest";
import { ACK, deliveredIn, GIVE_BACK, headersOf, type Row, type World } from "./delivery-world.ts";

describe("a shutdown", () => {
  it.each<Row>([
    [
      "that breaks off the last attempt gives the message back, uncounted",
      { subscriber: ["nobody"], deadLetter: [200], stopAtRequest: 1 },
      GIVE_BACK,
      ["subscriber"],
    ],
    [
      "that breaks off a reply gives the message back",
      { subscriber: ["reply"], reply: ["nobody"], deadLetter: [200], stopAtRequest: 2 },
      GIVE_BACK,
      ["subscriber", "reply"],
    ],
    [
      "that breaks off a dead letter gives the message back",
      { subscriber: [400], deadLetter: ["nobody"], stopAtRequest: 2 },
      GIVE_BACK,
      ["subscriber", "dead-letter"],
    ],
    [
      "while a reply waits for its next attempt gives the message back",
      { subscriber: ["reply"], reply: [500], delivery: { retry: 5 }, stopAtPause: 1 },
      GIVE_BACK,
      ["subscriber", "reply"],
    ],
    [
      "while a dead letter waits for its next attempt gives the message back",
      { subscriber: [400], deadLetter: [500], delivery: { retry: 5 }, stopAtPause: 2 },
      GIVE_BACK,
      ["subscriber", "dead-letter", "dead-letter"],
    ],
    [
      "does not undo an answer that came",
      { subscriber: [200], stopAtRequest: 1 },
      ACK,
      ["subscriber"],
    ],
    [
      "does not keep an answered failure from its sink",
      { subscriber: [400], deadLetter: [200], stopAtRequest: 1 },
      ACK,
      ["subscriber", "dead-letter"],
    ],
  ])("%s", async (_, world, verdict, requests) => {
    const seen = await deliveredIn(world);
    expect(seen.verdict).toEqual(verdict);
    expect(seen.requests).toEqual(requests);
  });

  it("is not alone: other settings end a series of re-attempts that has no end, too", async () => {
    const world: World = { subscriber: ["reply"], reply: [500], outdatedAtPause: 2 };
    const seen = await deliveredIn(world);
    expect(seen.verdict).toEqual(GIVE_BACK);
    expect(seen.requests).toEqual(["subscriber", "reply", "reply"]);
    expect(seen.keptBytes).toBe(0);
  });

  it("that breaks off an attempt is nobody's failure", async () => {
    const { observed } = await deliveredIn({ subscriber: ["nobody"], stopAtRequest: 1 });
    expect(observed).toEqual([]);
  });
});

describe("the requests", () => {
  it("ask a subscriber for a reply, and nobody else", async () => {
    const world: World = {
      subscriber: ["reply"],
      reply: [400],
      deadLetter: [200],
    };
    const { sent } = await deliveredIn(world);
    expect(sent.map((request) => headersOf(request).prefer)).toEqual([
      "reply",
      undefined,
      undefined,
    ]);
    expect(sent.map((request) => headersOf(request)["kn-namespace"])).toEqual(["ns", "ns", "ns"]);
  });

  it("read a reply only where it can be passed on", async () => {
    const withReply = await deliveredIn({ subscriber: ["reply"], reply: [200] });
    const without = await deliveredIn({ subscriber: ["reply"] });
    expect(withReply.sent.map(({ maxReplyBytes }) => maxReplyBytes)).toEqual([1_000, 0]);
    expect(without.sent.map(({ maxReplyBytes }) => maxReplyBytes)).toEqual([0]);
  });

  it("are all reported, with what went wrong", async () => {
    const world: World = { subscriber: ["reply"], reply: [500, 400], deadLetter: [202] };
    const { observed, dispatched } = await deliveredIn({ ...world, delivery: { retry: 3 } });
    expect(dispatched, "those to the subscriber alone are timed").toEqual([200]);
    expect(observed).toEqual([
      "subscriber: success",
      "reply: retriable: status 500",
      "reply: final: status 400",
      "dead-letter: success",
    ]);
  });
});
