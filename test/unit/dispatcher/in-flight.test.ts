import { expect, it } from "vitest";
import { InFlight, type InFlightMessage } from "../../../src/dispatcher/in-flight.ts";
import type { DeliveryPosition } from "../../../src/nats/delivery.ts";

const ACK_WAIT_MS = 3_000;

function position(streamSequence: number): DeliveryPosition {
  const reply = `reply.${streamSequence}`;
  return { reply, count: 1, streamSequence, consumerSequence: 1, storedAtMs: 0, pending: 0 };
}

it("finds a message by its stream sequence until it is removed, whatever went before it", () => {
  const inFlight = new InFlight();
  const messages = [1, 2, 3, 4].map((n) => inFlight.add(position(n), 10, ACK_WAIT_MS));
  inFlight.remove(messages[1] as InFlightMessage);
  inFlight.remove(messages[3] as InFlightMessage);
  expect([1, 2, 3, 4].map((n) => inFlight.find(n)?.position.streamSequence)).toEqual([
    1,
    undefined,
    3,
    undefined,
  ]);
  expect(inFlight.size).toBe(2);
});

it("beats for a message three times within an ack wait, and not before it is due", () => {
  const inFlight = new InFlight();
  const { startedAt } = inFlight.add(position(7), 10, ACK_WAIT_MS);
  const beats: number[] = [];
  // Steps that never meet the moment itself, which fractions of milliseconds may move.
  for (let ms = 50; ms <= 3_500; ms += 130) {
    inFlight.beatDue(startedAt + ms, ACK_WAIT_MS, () => beats.push(ms));
  }
  expect(beats).toEqual([1_090, 2_130, 3_170]);
});

it("says when it is empty, at once or after the last message was removed", async () => {
  const inFlight = new InFlight();
  await inFlight.empty();
  const [first, second] = [1, 2].map((n) => inFlight.add(position(n), 10, ACK_WAIT_MS));
  let isEmpty = false;
  const empty = inFlight.empty().then(() => {
    isEmpty = true;
  });
  inFlight.remove(first as InFlightMessage);
  await Promise.resolve();
  expect(isEmpty).toBe(false);
  inFlight.remove(second as InFlightMessage);
  await empty;
  expect(isEmpty).toBe(true);
});
