import { beforeEach, describe, expect, it } from "vitest";
import { NatsNotes } from "../../../src/dispatcher/nats-notes.ts";
import type { ServedChannel } from "../../../src/dispatcher/served-channel.ts";
import type { NatsClient } from "../../../src/nats/client.ts";

const AFTER_MS = 10_000;

interface Link {
  current: object | undefined;
  state: { lastError: string | undefined };
}

let link: Link;
let client: NatsClient;
let told: string[];
let isLeader: boolean;
let notes: NatsNotes;

function served(...keys: string[]): Map<string, ServedChannel> {
  return new Map(keys.map((key) => [key, { client } as ServedChannel]));
}

function notesOf(channels: Map<string, ServedChannel>): NatsNotes {
  return new NatsNotes({
    served: channels,
    source: {
      isLeader: () => isLeader,
      note: (key, { type, reason, note }) => void told.push(`${key} ${type} ${reason}: ${note}`),
    },
    channelsAtMost: 2,
  });
}

beforeEach(() => {
  link = { current: {}, state: { lastError: "connection refused" } };
  client = { connection: link } as unknown as NatsClient;
  told = [];
  isLeader = true;
  notes = notesOf(served("shop/orders"));
});

const tick = (now: number) => notes.tick(now, [client]);

function loseAt(now: number): void {
  link.current = undefined;
  tick(now);
}

describe("a channel is told", () => {
  it("once that NATS is lost, and why, and once that it is back", () => {
    loseAt(0);
    for (const now of [AFTER_MS, AFTER_MS + 1, 2 * AFTER_MS]) tick(now);
    link.current = {};
    for (const now of [30_000, 30_001]) tick(now);
    expect(told).toEqual([
      "shop/orders Warning NatsLost: the dispatcher has no connection to NATS: connection refused; until it is back events are answered 503, and none are delivered",
      "shop/orders Normal NatsBack: the dispatcher is connected to NATS again, after 30 s",
    ]);
  });

  it("nothing of a connection that is back within seconds", () => {
    loseAt(0);
    tick(AFTER_MS - 1);
    link.current = {};
    tick(AFTER_MS);
    link.current = undefined;
    tick(AFTER_MS + 1);
    tick(2 * AFTER_MS);
    expect(told).toEqual([]);
  });

  it("by the replica that leads, which may change meanwhile", () => {
    isLeader = false;
    loseAt(0);
    tick(AFTER_MS);
    expect(told).toEqual([]);
    isLeader = true;
    tick(AFTER_MS + 100);
    expect(told).toHaveLength(1);
  });

  it("only where it is served over that connection, and not if there are too many", () => {
    const channels = served("a/1", "a/2", "a/3");
    channels.set("a/0", { client: {} } as ServedChannel);
    notes = notesOf(new Map([...channels].sort()));
    loseAt(0);
    tick(AFTER_MS);
    expect(told.map((line) => line.slice(0, 3))).toEqual(["a/1", "a/2"]);
  });

  it("nothing any more once its login is used no longer", () => {
    loseAt(0);
    tick(AFTER_MS);
    notes.tick(AFTER_MS + 1, []);
    link.current = {};
    tick(2 * AFTER_MS);
    expect(told).toHaveLength(1);
  });
});
