import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type EventIdentity, messageIdFor } from "../../../src/cloudevents/message-id.ts";

function identity(parts: Partial<EventIdentity>): EventIdentity {
  return {
    source: "/a",
    id: "1",
    knativeerrordest: undefined,
    knativebrokerttl: undefined,
    ...parts,
  };
}

describe("an event's message id", () => {
  it("is the SHA-256 of the length-prefixed source and id, which must not change between versions", () => {
    const expected = createHash("sha256").update("2:/a1:1").digest("base64url");
    expect(messageIdFor(identity({}))).toBe(expected);
    expect(messageIdFor(identity({}))).toBe("qOYnJKkeGTGq26LxZAHDatcCOgYEH8_XN091IjhjsZ8");
  });

  it("hashes the further attributes with a letter and a length before each", () => {
    const expected = createHash("sha256").update("2:/a1:1d8:http://xt3:254").digest("base64url");
    const event = identity({ knativeerrordest: "http://x", knativebrokerttl: "254" });
    expect(messageIdFor(event)).toBe(expected);
  });

  it("has 43 characters that may stand in a header, however long the event's own id is", () => {
    const event = identity({ source: "ä/€/😀", id: "x".repeat(20_000) });
    expect(messageIdFor(event)).toMatch(/^[\w-]{43}$/);
  });

  it.each<[string, Partial<EventIdentity>, Partial<EventIdentity>]>([
    [
      "source and id that only together are equal",
      { source: "/a", id: "b1" },
      { source: "/ab", id: "1" },
    ],
    ["digits that could be a length", { source: "/a1:1", id: "" }, { source: "/a", id: "1" }],
    ["an event and its dead letter", {}, { knativeerrordest: "http://x" }],
    [
      "dead letters of two destinations",
      { knativeerrordest: "http://x" },
      { knativeerrordest: "http://y" },
    ],
    ["an event and its Broker's hop", {}, { knativebrokerttl: "254" }],
    ["two hops", { knativebrokerttl: "254" }, { knativebrokerttl: "253" }],
    ["a dead letter and a hop of one text", { knativeerrordest: "1" }, { knativebrokerttl: "1" }],
    ["an absent attribute and an empty one", {}, { knativebrokerttl: "" }],
    [
      "an attribute and an id that looks like it",
      { id: "1d1:x" },
      { id: "1", knativeerrordest: "x" },
    ],
    ["case", { id: "a" }, { id: "A" }],
  ])("tells apart: %s", (_what, left, right) => {
    expect(messageIdFor(identity(left))).not.toBe(messageIdFor(identity(right)));
  });
});
