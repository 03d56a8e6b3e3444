import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";

const within = 20_000;
let sink: EventSink;
let plane: DataPlane;

const on = (stream: Record<string, unknown>) =>
  aChannel({
    name: "moving",
    spec: { stream, subscribers: [aSubscriber({ uid: "one", uri: sink.url })] },
  });

beforeAll(async () => {
  sink = await startEventSink({ record: "ids" });
  plane = await startDataPlane({ channels: [on({})] });
});

afterAll(async () => {
  await plane.stop();
  await sink.close();
});

it("a channel that takes another stream under load, and back again, loses nothing that was acknowledged", async () => {
  const client = plane.client("moving");
  const acknowledged: string[] = [];
  const others = new Set<number>();
  let isSending = true;
  const sender = async (name: number): Promise<void> => {
    for (let i = 0; isSending; i++) {
      const id = `${name}-${i}`;
      const { status } = await client.sendBinary({ id });
      if (status === 202) acknowledged.push(id);
      else others.add(status);
    }
  };
  const senders = [1, 2, 3].map(sender);
  const { streams } = await jetstreamManager(plane.nc);
  const takes = async (name: string) => {
    const stored = async () =>
      (await streams.info(name).catch(() => undefined))?.state.messages ?? 0;
    const before = await stored();
    const what = `events in ${name}`;
    await eventually(async () => (await stored()) > before + 50, { within, what });
  };
  await takes("KN_DEFAULT__MOVING");
  // What is stored in another way cannot be had in the same stream.
  await plane.write([on({ overrideName: "QUICK", config: { storage: "Memory" } })]);
  await takes("QUICK");
  await plane.write([on({})]);
  await takes("KN_DEFAULT__MOVING");
  isSending = false;
  await Promise.all(senders);

  expect([...others].filter((status) => status !== 503)).toEqual([]);
  const names = ["KN_DEFAULT__MOVING", "QUICK"];
  const counts = await Promise.all(
    names.map(async (name) => (await streams.info(name)).state.messages),
  );
  expect(counts.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(acknowledged.length);
  // What nobody had got of the stream in between waits there.
  await plane.write([on({ overrideName: "QUICK", config: { storage: "Memory" } })]);
  await eventually(
    () => {
      const received = new Set(sink.ids);
      return acknowledged.every((id) => received.has(id));
    },
    { within, what: "every acknowledged event at the subscriber" },
  );
});
