import { describe, expect, it } from "vitest";
import { readWatchEvents } from "../../../src/kube/watch-events.ts";

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string, size = 1_000) {
  const events = [];
  const bytes = chunksOf(new TextEncoder().encode(text), size);
  for await (const event of readWatchEvents(bytes, "watch things")) events.push(event);
  return events;
}

const line = (type: string, name: string) => `${JSON.stringify({ type, object: { name } })}\n`;

describe("the events of a watch", () => {
  it.each([1, 2, 7, 1_000])("are read from pieces of %i bytes, whatever they cut", async (size) => {
    const events = await read(line("ADDED", "zürich") + line("BOOKMARK", "🙂"), size);
    expect(events).toEqual([
      { type: "ADDED", object: { name: "zürich" } },
      { type: "BOOKMARK", object: { name: "🙂" } },
    ]);
  });

  it("end where the connection broke off, even in the middle of a line", async () => {
    expect(await read(`${line("ADDED", "a")}{"type":"ADD`)).toHaveLength(1);
  });

  it.each([
    [
      "a Status with 410",
      '{"type":"ERROR","object":{"code":410,"reason":"Expired"}}',
      410,
      "Expired",
    ],
    ["a Status without a code", '{"type":"ERROR","object":{}}', 500, "HTTP500"],
  ])("throw for %s", async (_, text, code, reason) => {
    await expect(read(`${text}\n`)).rejects.toMatchObject({ code, reason });
  });

  it.each([
    ["is not JSON", "{]"],
    ["is null", "null"],
    ["has no object", '{"type":"ADDED"}'],
    ["has a type that nobody knows", '{"type":"MOVED","object":{}}'],
  ])("throw for a line that %s, since something was missed", async (_, text) => {
    await expect(read(`${text}\n`)).rejects.toMatchObject({
      code: undefined,
      reason: "MalformedAnswer",
    });
  });
});
