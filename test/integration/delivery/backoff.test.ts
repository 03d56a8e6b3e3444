import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Respond } from "../../support/event-sink.ts";
import { gapsMs, type Lane, type LaneOptions, type Lanes, startLanes } from "./lanes.ts";

/** What a busy machine may add to a wait. */
const SLACK_MS = 2_500;
/** The server's timer and the sink's clock do not tick together. */
const EARLY_MS = 20;
/** An attempt's time runs from its sending; a busy sink may put it down later than it came. */
const LATE_SINK_MS = 200;

const REPLY_HEADERS = { "ce-specversion": "1.0", "ce-id": "r", "ce-source": "/s", "ce-type": "t" };

/** Fails as often as said, then accepts. */
const failing =
  (times: number, headers: () => Record<string, string> = () => ({}), status = 503): Respond =>
  (_, attempt) =>
    attempt > times ? { status: 200 } : { status, headers: headers() };

const afterSeconds = (seconds: number) => () => ({ "retry-after": String(seconds) });
const atDate = (ms: number) => () => ({ "retry-after": new Date(Date.now() + ms).toUTCString() });

type Row = [name: string, options: LaneOptions, waitsMs: number[]];

const ROWS: Row[] = [
  [
    "linear",
    {
      subscriber: failing(3),
      delivery: { retry: 3, backoffPolicy: "linear", backoffDelay: "PT0.2S" },
    },
    [200, 400, 600],
  ],
  [
    "exponential",
    {
      subscriber: failing(3),
      delivery: { retry: 3, backoffPolicy: "exponential", backoffDelay: "PT0.2S" },
    },
    [200, 400, 800],
  ],
  [
    "no-policy",
    { subscriber: failing(2), delivery: { retry: 2, backoffDelay: "PT0.2S" } },
    [200, 400],
  ],
  ["nothing-said", { subscriber: failing(1), delivery: { retry: 1 } }, [2_000]],
  ["nothing-at-all", { subscriber: failing(1) }, [2_000]],
  [
    "backoff-max",
    {
      subscriber: failing(4),
      delivery: { retry: 4, backoffDelay: "PT0.1S", backoffMax: "PT0.3S" },
    },
    [100, 200, 300, 300],
  ],
  [
    "retry-after-seconds",
    {
      subscriber: failing(1, afterSeconds(1)),
      delivery: { retry: 1, backoffDelay: "PT0.1S", retryAfterMax: "PT10S" },
    },
    [1_000],
  ],
  [
    "retry-after-429",
    {
      subscriber: failing(1, afterSeconds(1), 429),
      delivery: { retry: 1, backoffDelay: "PT0.1S", retryAfterMax: "PT10S" },
    },
    [1_000],
  ],
  [
    "retry-after-date",
    {
      // A date has no fractions of a second: what is left of 2 s is more than 1 s.
      subscriber: failing(1, atDate(2_000)),
      delivery: { retry: 1, backoffDelay: "PT0.1S", retryAfterMax: "PT10S" },
    },
    [1_000],
  ],
  [
    "retry-after-capped",
    {
      subscriber: failing(1, afterSeconds(3_600)),
      delivery: { retry: 1, backoffDelay: "PT0.1S", retryAfterMax: "PT0.7S" },
    },
    [700],
  ],
  [
    "retry-after-below",
    {
      subscriber: failing(1, afterSeconds(0)),
      delivery: { retry: 1, backoffDelay: "PT0.4S", retryAfterMax: "PT10S" },
    },
    [400],
  ],
  [
    "reply",
    {
      subscriber: () => ({ status: 200, headers: REPLY_HEADERS }),
      reply: failing(2),
      delivery: { retry: 2, backoffPolicy: "linear", backoffDelay: "PT0.2S" },
    },
    [200, 400],
  ],
  [
    "dead-letter",
    {
      subscriber: () => ({ status: 400 }),
      deadLetter: failing(2),
      delivery: { retry: 2, backoffPolicy: "linear", backoffDelay: "PT0.2S" },
    },
    [200, 400],
  ],
];

/** Retry-After an hour ahead, which does not count. */
const IGNORED: Row[] = [
  [
    "unset",
    { subscriber: failing(1, afterSeconds(3_600)), delivery: { retry: 1, backoffDelay: "PT0.1S" } },
    [100],
  ],
  [
    "zero",
    {
      subscriber: failing(1, afterSeconds(3_600)),
      delivery: { retry: 1, backoffDelay: "PT0.1S", retryAfterMax: "PT0S" },
    },
    [100],
  ],
  [
    "other-status",
    {
      subscriber: failing(1, afterSeconds(3_600), 500),
      delivery: { retry: 1, backoffDelay: "PT0.1S", retryAfterMax: "PT1H" },
    },
    [100],
  ],
  [
    "nonsense",
    {
      subscriber: failing(1, () => ({ "retry-after": "2099" + " or so" })),
      delivery: { retry: 1, backoffDelay: "PT0.1S", retryAfterMax: "PT1H" },
    },
    [100],
  ],
];

let world: Lanes<string>;

beforeAll(async () => {
  const rows = [...ROWS, ...IGNORED].map(([name, options]) => [name, options]);
  world = await startLanes({
    ...(Object.fromEntries(rows) as Record<string, LaneOptions>),
    timeouts: {
      subscriber: () => "hang",
      delivery: { retry: 2, timeout: "PT0.4S", backoffPolicy: "linear", backoffDelay: "PT0.1S" },
    },
  });
});

afterAll(() => world.stop());

/** Delivers one event and checks the waits between the attempts at the server that failed. */
async function expectWaits(name: string, waitsMs: number[]): Promise<void> {
  const lane = world.lanes[name] as Lane;
  await lane.send();
  await lane.settled();
  const sink =
    name === "reply" ? lane.reply : name === "dead-letter" ? lane.deadLetter : lane.subscriber;
  const gaps = gapsMs(sink.requests);
  expect(gaps).toHaveLength(waitsMs.length);
  for (const [index, waitMs] of waitsMs.entries()) {
    expect(gaps[index]).toBeGreaterThanOrEqual(waitMs - EARLY_MS);
    expect(gaps[index]).toBeLessThan(waitMs + SLACK_MS);
  }
}

describe.concurrent("the waits between attempts", () => {
  it.each(ROWS)("are those of %s", async (name, _, waitsMs) => {
    await expectWaits(name, waitsMs);
  });

  it.each(IGNORED)("do not heed a Retry-After: %s", async (name, _, waitsMs) => {
    await expectWaits(name, waitsMs);
  });

  it("begin when an attempt's own time is up: timeout is for each one", async () => {
    const lane = world.lanes.timeouts as Lane;
    await lane.send();
    await lane.settled();
    const gaps = gapsMs(lane.subscriber.requests);
    expect(gaps).toHaveLength(2);
    for (const [index, waitMs] of [500, 600].entries()) {
      expect(gaps[index]).toBeGreaterThanOrEqual(waitMs - LATE_SINK_MS);
      expect(gaps[index]).toBeLessThan(waitMs + SLACK_MS);
    }
  });
});
