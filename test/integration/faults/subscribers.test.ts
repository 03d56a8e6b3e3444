/** Subscribers and dead-letter sinks that misbehave, each in its own way, beside a healthy one; then all are mended. */

import type { AddressInfo } from "node:net";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import type { Respond } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { createLedger } from "../../support/ledger.ts";
import { eventAnswer, type Lane, type LaneOptions, startLanes } from "../delivery/lanes.ts";
import { either, MINUTES } from "./length.ts";

const EVENTS = 10;
const MISBEHAVE_MS = either({ short: 3_000, long: Math.max(1, MINUTES / 2) * 60_000 });
const HEALTHY_EVERY_MS = 10;
/** Again until it works, a few times a second. */
const AGAIN = { backoffDelay: "PT0.2S", backoffMax: "PT0.5S", timeout: "PT1S" };
/** The reply of it is ten times as long as an event may be. */
const HUGE = eventAnswer("huge", { data: "x".repeat(10_000_000) });

/** Answers badly until it is mended, then well. */
function bad(answer: Respond): { respond: Respond; mend: () => void } {
  let isMended = false;
  const respond: Respond = (...request) => (isMended ? { status: 200 } : answer(...request));
  return {
    respond,
    mend() {
      isMended = true;
    },
  };
}

/** Listens in front of a port and does to each connection as said, until it is mended; then it passes all on. */
async function rawPeer(misbehave: (socket: Socket) => void) {
  let goodPort: number | undefined;
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    if (goodPort === undefined) return misbehave(socket);
    const upstream = connect(goodPort, "127.0.0.1");
    upstream.on("error", () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mend(lane: Lane) {
      goodPort = lane.subscriber.port;
    },
    close: () => void server.close(),
  };
}

/** Answers a byte now and then, and never to the end of its headers. */
function drip(socket: Socket): void {
  const timer = setInterval(() => socket.write("x"), 100);
  socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nx-drip: "));
  socket.on("close", () => clearInterval(timer));
  socket.setTimeout(5_000, () => socket.destroy());
}

function garbage(socket: Socket): void {
  socket.on("data", () => socket.end("\0\xff 999 no http at all\r\n\r\n", "latin1"));
}

it("subscribers that hang, drip, reset, babble or refuse, and a dead-letter sink that is away, lose nothing and slow nobody", async () => {
  const answers = {
    hanging: bad(() => "hang"),
    resetting: bad(() => "reset"),
    busy: bad(() => ({ status: 429, headers: { "retry-after": "1" } })),
    away: bad(() => ({ status: 503, headers: { "retry-after": "1" } })),
    "sink-away": bad(() => "reset"),
  };
  const peers = { dripping: await rawPeer(drip), babbling: await rawPeer(garbage) };
  const lane = (name: keyof typeof answers): LaneOptions => ({
    subscriber: answers[name].respond,
    delivery: { ...AGAIN, retryAfterMax: "PT2S" },
  });
  const unknownName = "http://no-such-host.invalid/";
  const consumer = { ackWait: "2s" };
  const options = {
    healthy: {},
    hanging: lane("hanging"),
    resetting: lane("resetting"),
    busy: lane("busy"),
    away: lane("away"),
    dripping: { subscriberUri: peers.dripping.uri, delivery: AGAIN },
    babbling: { subscriberUri: peers.babbling.uri, delivery: AGAIN },
    "without-name": { subscriberUri: unknownName, delivery: AGAIN },
    "replying-hugely": {
      subscriber: () => HUGE,
      reply: () => ({ status: 200 }),
      deadLetter: () => ({ status: 200 }),
    },
    "sink-away": {
      subscriber: () => ({ status: 400 }),
      deadLetter: answers["sink-away"].respond,
      delivery: AGAIN,
    },
  } satisfies Record<string, LaneOptions>;
  const each = Object.entries(options).map(([name, one]) => [name, { consumer, ...one }]);
  const world = await startLanes<keyof typeof options>(Object.fromEntries(each));
  try {
    const { healthy, ...others } = world.lanes;
    const ledger = createLedger();
    const alone = await latenciesOf(healthy, MISBEHAVE_MS);
    const ids: Record<string, string[]> = {};
    for (const one of Object.values(others)) {
      ids[one.name] = await Promise.all(Array.from({ length: EVENTS }, () => one.send()));
    }
    const beside = await latenciesOf(healthy, MISBEHAVE_MS);
    const sunk = world.lanes["sink-away"];
    expect(await sunk.deliveries("acked")).toBe(0);
    expect((await sunk.consumer()).ack_floor.stream_seq).toBe(0);

    for (const { mend } of Object.values(answers)) mend();
    peers.dripping.mend(others.dripping);
    peers.babbling.mend(others.babbling);
    const startedAt = performance.now();
    await world.dataPlane.write(
      world.channels.map((channel) => {
        const text = JSON.stringify(channel).replace(
          unknownName,
          others["without-name"].subscriber.url,
        );
        return JSON.parse(text);
      }),
    );
    for (const one of Object.values(others)) {
      const isLetter = one.name === "sink-away" || one.name === "replying-hugely";
      const sink = isLetter ? one.deadLetter : one.subscriber;
      // What hung or was reset while it misbehaved came there too, and was not taken.
      const taken = () => new Set(sink.ids);
      for (const id of ids[one.name] ?? []) {
        ledger.sent(id);
        ledger.acknowledged(id);
      }
      await one.settled(60_000);
      for (const id of taken()) ledger.received(one.name, id);
      expect(ids[one.name]?.filter((id) => !taken().has(id))).toEqual([]);
      expect(await one.deliveries("acked")).toBe(EVENTS);
      expect(await one.deliveries("given_up")).toBe(0);
    }
    const ratio = (beside.p99 / alone.p99).toFixed(2);
    console.info(
      `settled ${Math.round(performance.now() - startedAt)} ms after all were mended; the healthy one's ms: ${JSON.stringify({ alone, beside })}, p99 × ${ratio}`,
    );
  } finally {
    await world.stop();
    for (const { close } of Object.values(peers)) close();
  }
});

/** Sends to a lane at a steady pace; gives how long events take from the first byte sent to their arrival. */
async function latenciesOf(lane: Lane, forMs: number) {
  const sentAt = new Map<string, number>();
  const took: number[] = [];
  lane.subscriber.onRequest = ({ event }) => {
    const id = event?.id ?? "";
    took.push(performance.now() - (sentAt.get(id) ?? Number.NaN));
  };
  const answers: Promise<string>[] = [];
  const endsAt = performance.now() + forMs;
  for (let event = 0; performance.now() < endsAt; event++) {
    const id = `${forMs}-${endsAt}-${event}`;
    sentAt.set(id, performance.now());
    answers.push(lane.send({ id }));
    await pause(HEALTHY_EVERY_MS);
  }
  await Promise.all(answers);
  await eventually(() => took.length >= sentAt.size, { within: 20_000, what: "every event" });
  took.sort((a, b) => a - b);
  const at = (share: number) => Number(took[Math.floor(share * (took.length - 1))]?.toFixed(1));
  return { events: took.length, median: at(0.5), p99: at(0.99) };
}
