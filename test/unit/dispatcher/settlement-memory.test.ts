import { expect, it } from "vitest";
import { type ConsumerLife, SettlementMemory } from "../../../src/dispatcher/settlement-memory.ts";
import type { DeliveryPosition } from "../../../src/nats/delivery.ts";

const LIFE: ConsumerLife = { streamCreated: "2026-01-01", consumerCreated: "2026-01-02" };

function delivery(streamSequence: number, consumerSequence: number): DeliveryPosition {
  const count = consumerSequence > streamSequence ? 2 : 1;
  return { reply: "", count, streamSequence, consumerSequence, storedAtMs: 0, pending: 0 };
}

function memoryIn(now: { life: ConsumerLife | undefined }): SettlementMemory {
  const memory = new SettlementMemory(30_000, async () => now.life);
  memory.attach(LIFE);
  memory.delivered(delivery(5, 5));
  memory.remember(delivery(5, 5), "ack");
  return memory;
}

it("recalls what was settled when the message comes again", async () => {
  expect(await memoryIn({ life: LIFE }).recall(delivery(5, 9))).toBe("ack");
});

it("knows nothing of a message that was not settled", async () => {
  expect(await memoryIn({ life: LIFE }).recall(delivery(6, 9))).toBeUndefined();
});

it.each([
  ["the stream was made again", { ...LIFE, streamCreated: "2026-02-01" }],
  ["the consumer was made again", { ...LIFE, consumerCreated: "2026-02-01" }],
  ["there is no such consumer", undefined],
])("is not trusted when %s", async (_what, life) => {
  expect(await memoryIn({ life }).recall(delivery(5, 9))).toBeUndefined();
});

it("says so when nobody can be asked whether it still counts", async () => {
  const memory = new SettlementMemory(30_000, () => Promise.reject(new Error("connection closed")));
  memory.attach(LIFE);
  memory.remember(delivery(5, 5), "ack");
  expect(await memory.recall(delivery(5, 9))).toBe("unknown");
  expect(await memory.recall(delivery(6, 9))).toBeUndefined();
});

it("forgets when it is attached to another life, and keeps when it is the same", async () => {
  const now = { life: LIFE as ConsumerLife };
  const memory = memoryIn(now);
  memory.attach({ ...LIFE });
  expect(await memory.recall(delivery(5, 9))).toBe("ack");
  now.life = { ...LIFE, consumerCreated: "2026-03-01" };
  memory.attach(now.life);
  expect(await memory.recall(delivery(5, 9))).toBeUndefined();
});

it("forgets when consumer sequences go back: the consumer was reset", async () => {
  const memory = memoryIn({ life: LIFE });
  memory.delivered(delivery(1, 1));
  expect(await memory.recall(delivery(5, 9))).toBeUndefined();
});
