import { expect, it } from "vitest";
import { MemoryBudget } from "../../../src/dispatcher/memory-budget.ts";
import { PullRoom, pullTimesFor } from "../../../src/dispatcher/pull-room.ts";

const MIB = 1_048_576;
const KIB = 1_024;

function roomIn(totalBytes: number): { room: PullRoom; budget: MemoryBudget } {
  const budget = new MemoryBudget({ totalBytes, messageBytes: () => MIB });
  return { budget, room: new PullRoom(budget, () => undefined) };
}

it("asks for as many messages as there are slots, and for none without a slot", () => {
  const { room } = roomIn(16 * MIB);
  expect(room.reserve(0)).toBeUndefined();
  expect(room.reserve(7)).toMatchObject({ batch: 7, maxBytes: 32 * KIB });
});

it("asks for more bytes with every pull that they ended, up to its share, and for few when it is idle", () => {
  const { room, budget } = roomIn(16 * MIB);
  const asked: (number | undefined)[] = [];
  for (let pull = 0; pull < 8; pull++) {
    asked.push(room.reserve(100)?.maxBytes);
    room.ended("max-bytes", 5);
  }
  expect(asked.slice(0, 4)).toEqual([32, 64, 128, 256].map((kib) => kib * KIB));
  expect(asked.at(-1)).toBe(budget.shareBytes);
  room.reserve(100);
  room.ended("expired", 0);
  expect(room.reserve(100)?.maxBytes).toBe(32 * KIB);
});

it("gives back what a pull did not use, and keeps what its messages hold", () => {
  const { room, budget } = roomIn(16 * MIB);
  room.reserve(10);
  room.hold(1_000);
  room.ended("filled", 1);
  expect(budget.usedBytes).toBe(1_000);
  room.release(1_000);
  expect(budget.usedBytes).toBe(0);
});

it("pulls one message without a limit of bytes when the next one is larger than its whole share", () => {
  const { room, budget } = roomIn(4 * MIB);
  expect(budget.shareBytes).toBeLessThan(MIB);
  const asked: (number | undefined)[] = [];
  for (let pull = 0; pull < 4; pull++) {
    const size = room.reserve(10);
    asked.push(size?.maxBytes);
    if (size?.maxBytes === undefined) break;
    room.ended("max-bytes", 0);
  }
  expect(asked).toEqual([32 * KIB, 256 * KIB, budget.shareBytes, undefined]);
});

it("leaves its turn to others while it has no slot", () => {
  // Room for one message in all: everybody waits for the reserve.
  const budget = new MemoryBudget({ totalBytes: MIB, messageBytes: () => MIB });
  const told: string[] = [];
  const roomOf = (name: string) => new PullRoom(budget, () => told.push(name));
  const [a, b, c] = [roomOf("a"), roomOf("b"), roomOf("c")];
  expect(a.reserve(1)).toMatchObject({ batch: 1, maxBytes: undefined });
  expect([b.reserve(1), c.reserve(1)]).toEqual([undefined, undefined]);
  a.ended("expired", 0);
  expect(told).toEqual(["b"]);
  b.reserve(0);
  expect(told).toEqual(["b", "c"]);
  expect(c.reserve(1)).toBeDefined();
});

it.each([
  { fetchMaxWait: undefined, idleHeartbeat: undefined, expiresMs: 30_000, heartbeatMs: 5_000 },
  { fetchMaxWait: 200, idleHeartbeat: undefined, expiresMs: 500, heartbeatMs: 250 },
  { fetchMaxWait: undefined, idleHeartbeat: 0.001, expiresMs: 30_000, heartbeatMs: 100 },
  { fetchMaxWait: 3_600_000, idleHeartbeat: 15_000, expiresMs: 300_000, heartbeatMs: 15_000 },
])("takes a pull's times from the template: $fetchMaxWait, $idleHeartbeat", (row) => {
  const { expiresMs, heartbeatMs } = row;
  expect(pullTimesFor(row.fetchMaxWait, row.idleHeartbeat)).toEqual({ expiresMs, heartbeatMs });
});

it("pulls one by one with a rate limit, and says when the next one may come", async () => {
  const budget = new MemoryBudget({ totalBytes: 16 * MIB, messageBytes: () => MIB });
  const told = new Promise<void>((resolve) => {
    const room = new PullRoom(budget, resolve);
    room.rateLimitBps = 800_000;
    expect(room.reserve(10)).toMatchObject({ batch: 1 });
    // 0.1 s more than the bucket holds.
    room.hold(110_000);
    room.ended("filled", 1);
    expect(room.reserve(10)).toBeUndefined();
  });
  await told;
});

it("does not pull again into as few bytes as the next message did not fit into", () => {
  const { room, budget } = roomIn(16 * MIB);
  const held = budget.shareBytes - 100 * KIB;
  room.hold(held);
  expect(room.reserve(10)?.maxBytes).toBe(32 * KIB);
  room.ended("max-bytes", 0);
  expect(room.reserve(10)?.maxBytes).toBe(100 * KIB);
  room.ended("max-bytes", 0);
  // Only what it holds can make room now.
  expect(room.reserve(10)).toBeUndefined();
  room.release(held);
  expect(room.reserve(10)?.maxBytes).toBeGreaterThan(100 * KIB);
});

it("is told when the pool has room again, although it holds something itself", () => {
  const budget = new MemoryBudget({ totalBytes: 16 * MIB, messageBytes: () => MIB });
  const others = Array.from({ length: 8 }, () => new PullRoom(budget, () => undefined));
  for (const other of others) other.hold(budget.shareBytes - 1);
  let told = 0;
  const room = new PullRoom(budget, () => told++);
  room.hold(1);
  expect(room.reserve(10)).toBeUndefined();
  others[0]?.release(budget.shareBytes - 1);
  expect(told).toBe(1);
  expect(room.reserve(10)?.maxBytes).toBe(32 * KIB);
});

it("lets everybody that waits for the reserve have it in turn", async () => {
  // Room for one message in all, and three that always want one.
  const budget = new MemoryBudget({ totalBytes: MIB, messageBytes: () => MIB });
  const served = [0, 0, 0];
  const rooms = served.map((_, index) => new PullRoom(budget, () => setImmediate(ask, index)));
  function ask(index: number): void {
    const room = rooms[index] as PullRoom;
    if (room.reserve(1) === undefined) return;
    served[index] = (served[index] ?? 0) + 1;
    setImmediate(() => {
      room.ended("filled", 1);
      ask(index);
    });
  }
  for (const index of served.keys()) ask(index);
  for (let turn = 0; turn < 1_000; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(Math.min(...served)).toBeGreaterThan(0.8 * Math.max(...served));
});
