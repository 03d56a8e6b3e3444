/** Storage that is full, and a stream and consumers that somebody tampers with, all of it under load. */
import { jetstreamManager } from "@nats-io/jetstream";
import { expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { startNatsServer } from "../../support/nats-server.ts";
import { metric } from "../delivery/lanes.ts";
import { rounds } from "./length.ts";
import { STREAM } from "./load.ts";
import { CONCURRENCY, type FaultWorld, withFaultWorld } from "./world.ts";

const CONSUMERS = ["STEADY", "MOODY", "REPLYING", "REFUSING"].map((name) => `KN_SUB_${name}`);

const FULL = [
  ["a stream that refuses what is new", "", { maxBytes: 2_000_000 }],
  ["a server without room", "max_file_store: 2MB", {}],
] as const;

it.each(FULL)(
  "%s answers 503, says so, and takes events when there is room again",
  async (...row) => {
    const [what, jetstream, config] = row;
    const nats = await startNatsServer({ jetstream });
    const stream = { config: { retention: "Interest", discard: "New", ...config } };
    try {
      const options = { nats, stream, load: { eventBytes: 10_000 } };
      await withFaultWorld(options, async ({ plane, lines, load, goesOn, judged }) => {
        const refused = () =>
          metric(plane, "jetstream_channel_events_received_total", { outcome: "unavailable" });
        let times = 0;
        for (const round of rounds({ short: 1, long: 25 })) {
          // One receiver that takes nothing keeps every event in the stream.
          const before = await refused();
          lines.letters.swallow("to-server");
          await eventually(async () => (await refused()) > before + 20, {
            within: 60_000,
            what: "the storage to be full",
          });
          lines.letters.cut();
          await goesOn(what);
          times = round;
        }
        expect(load.refused.get(503)).toBeGreaterThan(20);
        await judged(`${what}, ${times} times`, {
          duplicates: times * CONCURRENCY,
          isStored: false,
        });
      });
    } finally {
      await nats.stop();
    }
  },
);

type Tampering = [what: string, act: (world: FaultWorld) => Promise<unknown>];

const api = async ({ plane }: FaultWorld, subject: string, request: object = {}) => {
  const reply = await plane.nc.request(`$JS.API.${subject}`, JSON.stringify(request));
  expect(reply.json()).not.toHaveProperty("error");
};
const eachConsumer = (world: FaultWorld, verb: string, request: object = {}) =>
  Promise.all(CONSUMERS.map((name) => api(world, `CONSUMER.${verb}.${STREAM}.${name}`, request)));
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

const OF_CONSUMERS: Tampering[] = [
  [
    "consumers paused for 2 s",
    (world) => eachConsumer(world, "PAUSE", { pause_until: inMs(2_000) }),
  ],
  ["consumers reset to the first event", (world) => eachConsumer(world, "RESET", { seq: 1 })],
  ["consumers deleted", (world) => eachConsumer(world, "DELETE")],
];

it("consumers that somebody pauses, resets or deletes are put right, and no event is skipped", async () => {
  await withFaultWorld({}, async (world) => {
    for (const _ of rounds({ short: 1, long: 10 })) {
      for (const [what, act] of OF_CONSUMERS) {
        await world.load.acknowledges(50);
        await act(world);
        await world.goesOn(what);
      }
    }
    // From the first event on again: that is what was asked for.
    await world.judged("consumers tampered with", { duplicates: Infinity });
  });
});

const OF_STREAM: Tampering[] = [
  ["a purge", (world) => api(world, `STREAM.PURGE.${STREAM}`)],
  ["a deleted stream", (world) => api(world, `STREAM.DELETE.${STREAM}`)],
  [
    "a stream that is deleted and made again",
    async (world) => {
      const { config } = await (await jetstreamManager(world.plane.nc)).streams.info(STREAM);
      await api(world, `STREAM.DELETE.${STREAM}`);
      // The dispatcher may be faster.
      const again = world.plane.nc.request(
        `$JS.API.STREAM.CREATE.${STREAM}`,
        JSON.stringify(config),
      );
      await again;
    },
  ],
];

it("a stream that somebody purges or deletes loses what was in it, which is said, and nothing after that", async () => {
  await withFaultWorld({}, async (world) => {
    const { plane, load, losesOnlyWhatWasThere } = world;
    for (const _ of rounds({ short: 1, long: 10 })) {
      for (const [what, act] of OF_STREAM) {
        await load.acknowledges(50);
        await losesOnlyWhatWasThere(what, () => act(world));
      }
    }
    const said = plane.dispatcher.logs.filter(({ msg }) => msg?.includes("has deleted stream"));
    expect(said.length).toBeGreaterThan(0);
  });
});
