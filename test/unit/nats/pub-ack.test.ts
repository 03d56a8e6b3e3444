import { headers, type Msg } from "@nats-io/transport-node";
import { describe, expect, it } from "vitest";
import { pubAckFor } from "../../../src/nats/pub-ack.ts";

/** A message as far as a reply is read: its status and its JSON text. */
function reply(body: string, status?: number): Msg {
  return {
    headers: status === undefined ? undefined : headers(status, "status"),
    json: () => JSON.parse(body) as unknown,
  } as unknown as Msg;
}

function refusal(code: number, errCode: number): string {
  return JSON.stringify({ error: { code, err_code: errCode, description: "words" } });
}

describe("an answer to a publish", () => {
  it.each([
    ['{"stream":"S","seq":7}', { outcome: "stored", duplicate: false, sequence: 7 }],
    [
      '{"stream":"S","seq":7,"duplicate":true}',
      { outcome: "stored", duplicate: true, sequence: 7 },
    ],
    ['{"stream":"S","seq":7,"domain":"hub"}', { outcome: "stored", duplicate: false, sequence: 7 }],
  ])("that names the channel's stream means stored: %s", (body, outcome) => {
    expect(pubAckFor(reply(body), "S")).toEqual(outcome);
  });

  it("that names another stream is a refusal that names both", () => {
    expect(pubAckFor(reply('{"stream":"OTHER","seq":7}'), "S")).toEqual({
      outcome: "wrong-stream",
      reason: "stream OTHER took the event, S is the channel's",
    });
  });

  it.each(["", "+OK", "null", "1", '"S"'])("that is no PubAck is a refusal: %j", (body) => {
    expect(pubAckFor(reply(body), "S")).toMatchObject({
      outcome: "refused",
      reason: expect.stringMatching(/^not a PubAck: /),
    });
  });

  it.each(["{}", "[]"])("that names no stream is nobody's word that it is stored: %s", (body) => {
    expect(pubAckFor(reply(body), "S")).toMatchObject({ outcome: "wrong-stream" });
  });

  it.each([
    [503, "unavailable"],
    [429, "rate-limited"],
  ])("with the status %i and no body means %s", (status, outcome) => {
    expect(pubAckFor(reply("", status), "S")).toMatchObject({ outcome });
  });

  it.each([
    [503, 10008, "unavailable"],
    [409, 10158, "in-process"],
    [400, 10002, "full"],
    [503, 10023, "full"],
    [500, 10028, "full"],
    [500, 10047, "full"],
    [503, 10077, "full"],
    [400, 10054, "too-large"],
    [400, 10097, "too-large"],
    [429, 10167, "rate-limited"],
    [429, 0, "rate-limited"],
    [400, 10109, "refused"],
    [500, 10118, "refused"],
  ])("with the error %i/%i means %s, with the server's words", (code, errCode, outcome) => {
    expect(pubAckFor(reply(refusal(code, errCode)), "S")).toEqual({
      outcome,
      reason: `words (${code}/${errCode})`,
    });
  });

  it("with an error that says nothing more is a refusal", () => {
    expect(pubAckFor(reply('{"error":{"code":500}}'), "S")).toEqual({
      outcome: "refused",
      reason: "no reason given (500/0)",
    });
  });
});
