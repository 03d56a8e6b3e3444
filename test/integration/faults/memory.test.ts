/** Events of a megabyte and subscribers that take a second for each: the memory stays within what is configured. */
import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";
import { startDataPlane } from "../../support/data-plane.ts";
import { startEventSink } from "../../support/event-sink.ts";
import { createLedger } from "../../support/ledger.ts";
import { metric } from "../delivery/lanes.ts";
import { either } from "./length.ts";

const MEMORY_MIB = 32;
const BYTES = 1_000_000;

it.each([1, 100])("of %i subscribers", async (count) => {
  const events = either({ short: count === 1 ? 12 : 1, long: count === 1 ? 100 : 10 });
  const ledger = createLedger();
  const sink = await startEventSink({
    record: "ids",
    respond: ({ path, event }) => {
      ledger.received(path, event?.id ?? "");
      return { status: 200, afterMs: 1_000 };
    },
  });
  const paths = Array.from({ length: count }, (_, n) => `/${n}`);
  const subscribers = paths.map((path) => aSubscriber({ uri: `${sink.url}${path}` }));
  const plane = await startDataPlane({
    channels: [aChannel({ name: "large", spec: { subscribers } })],
    dispatch: { memory: `${MEMORY_MIB}Mi` },
  });
  try {
    const client = plane.client("large");
    const data = Buffer.alloc(BYTES, "x");
    let most = { held: 0, rssMiB: 0 };
    const look = async () => {
      const held = await metric(plane, "jetstream_channel_memory_used_bytes");
      const status = await readFile(`/proc/${plane.dispatcher.pid}/status`, "utf8");
      const rssMiB = Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024);
      most = { held: Math.max(most.held, held), rssMiB: Math.max(most.rssMiB, rssMiB) };
    };
    for (let event = 1; event <= events; event++) {
      const id = `${event}`;
      ledger.sent(id);
      expect((await client.sendBinary({ id, data })).status).toBe(202);
      ledger.acknowledged(id);
      await look();
    }
    const isDone = () => paths.every((path) => ledger.missing(path).length === 0);
    while (!isDone()) await look();
    console.info(`${events} events to ${count} subscribers: ${JSON.stringify(most)}`);
    expect(most.held).toBeLessThanOrEqual(MEMORY_MIB * 1_048_576);
    expect(most.held).toBeGreaterThan(BYTES);
    expect(paths.flatMap((path) => [...ledger.duplicates(path)])).toEqual([]);
  } finally {
    await plane.stop();
    await sink.close();
  }
});
