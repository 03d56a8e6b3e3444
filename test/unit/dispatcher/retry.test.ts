import { describe, expect, it } from "vitest";
import type { DeliverySettings } from "../../../src/api/settings.ts";
import {
  deadLetterDelayMs,
  maxAttemptsFor,
  outcomeFor,
  retriesFor,
  retryAfterMsFor,
  retryDelayMs,
} from "../../../src/dispatcher/retry.ts";

const WEEK_MS = 7 * 86_400_000;
const sink = { uri: "http://sink.example", caCerts: undefined, audience: undefined };

function delivery(settings: Partial<DeliverySettings> = {}): DeliverySettings {
  return {
    deadLetter: undefined,
    retry: undefined,
    timeoutMs: undefined,
    backoffPolicy: undefined,
    backoffDelayMs: undefined,
    backoffMaxMs: undefined,
    retryAfterMaxMs: undefined,
    format: undefined,
    ...settings,
  };
}

describe("the meaning of an answer", () => {
  it.each([200, 201, 202, 204, 299])("%d is a success", (status) => {
    expect(outcomeFor(status)).toBe("success");
  });

  it.each([404, 408, 409, 429, 500, 501, 502, 503, 504, 599, 600, 999])(
    "%d is tried again",
    (status) => {
      expect(outcomeFor(status)).toBe("retriable");
    },
  );

  it.each([100, 199, 300, 301, 302, 307, 308, 400, 401, 402, 403, 405, 410, 413, 422, 499])(
    "%d is final",
    (status) => {
      expect(outcomeFor(status)).toBe("final");
    },
  );

  it("no answer at all is tried again", () => {
    expect(outcomeFor(undefined)).toBe("retriable");
  });
});

describe("the number of attempts", () => {
  it.each([
    ["retry 0 makes one", { retry: 0 }, undefined, 1],
    ["retry 3 makes four", { retry: 3 }, undefined, 4],
    ["retry 3 makes four with a sink too", { retry: 3, deadLetter: sink }, undefined, 4],
    ["no retry and a sink makes one", { deadLetter: sink }, undefined, 1],
    ["no retry and no sink makes no end", {}, undefined, Infinity],
    ["maxDeliver caps a count", { retry: 9 }, 4, 4],
    ["maxDeliver does not raise a count", { retry: 1 }, 4, 2],
    ["maxDeliver caps what has no end", {}, 4, 4],
    ["maxDeliver -1 caps nothing", { retry: 9 }, -1, 10],
    ["maxDeliver 0 caps nothing", { retry: 9 }, 0, 10],
  ])("%s", (_, settings, maxDeliver, expected) => {
    expect(maxAttemptsFor(delivery(settings), maxDeliver)).toBe(expected);
  });

  it.each([
    ["as many as the subscriber's", { retry: 2, deadLetter: sink }, 2],
    ["none with a sink to fall back on", { deadLetter: sink }, 0],
    ["without end when there is nothing to fall back on", {}, Infinity],
  ])("the re-attempts of a reply are %s", (_, settings, expected) => {
    expect(retriesFor(delivery(settings))).toBe(expected);
  });
});

describe("the back-off", () => {
  it.each<[name: string, settings: Partial<DeliverySettings>, seriesMs: number[]]>([
    [
      "linear is d, 2d, 3d",
      { retry: 9, backoffPolicy: "linear", backoffDelayMs: 200 },
      [200, 400, 600, 800],
    ],
    [
      "exponential is d, 2d, 4d",
      { retry: 9, backoffPolicy: "exponential", backoffDelayMs: 200 },
      [200, 400, 800, 1_600],
    ],
    ["a delay without a policy is exponential", { retry: 9, backoffDelayMs: 200 }, [200, 400, 800]],
    [
      "a policy without a delay begins with 2 s",
      { retry: 9, backoffPolicy: "linear" },
      [2_000, 4_000],
    ],
    [
      "backoffMax caps it",
      { retry: 9, backoffPolicy: "linear", backoffDelayMs: 200, backoffMaxMs: 500 },
      [200, 400, 500, 500],
    ],
    [
      "backoffMax caps the first wait too",
      { retry: 9, backoffDelayMs: 200, backoffMaxMs: 50 },
      [50, 50],
    ],
    ["a delay of nothing waits for nothing", { retry: 9, backoffDelayMs: 0 }, [0, 0, 0]],
    [
      "without anything it is 2 s, doubled, 5 minutes at the most",
      {},
      [2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000],
    ],
    [
      "an endless series with a delay of its own has the same 5 minutes at the most",
      { backoffDelayMs: 100_000 },
      [100_000, 200_000, 300_000, 300_000],
    ],
    [
      "an endless series keeps a delay that is longer",
      { backoffPolicy: "linear", backoffDelayMs: 400_000 },
      [400_000, 400_000],
    ],
  ])("%s", (_, settings, seriesMs) => {
    const got = seriesMs.map((_ms, index) =>
      retryDelayMs(delivery(settings), index + 1, undefined),
    );
    expect(got).toEqual(seriesMs);
  });

  it.each([
    ["doubled 5,000 times", 5_000],
    ["doubled more often than a number can say", Number.MAX_SAFE_INTEGER],
  ])("never waits for longer than a week, %s", (_, reattempt) => {
    const settings = delivery({ retry: 10_000, backoffDelayMs: 1 });
    expect(retryDelayMs(settings, reattempt, undefined)).toBe(WEEK_MS);
  });

  it("waits for nothing after 5,000 attempts when the delay is nothing", () => {
    const settings = delivery({ retry: 10_000, backoffDelayMs: 0 });
    expect(retryDelayMs(settings, 5_000, undefined)).toBe(0);
  });
});

describe("Retry-After", () => {
  it.each([
    ["is ignored when retryAfterMax is unset", undefined, 60_000, 100],
    ["is ignored when retryAfterMax is PT0S", 0, 60_000, 100],
    ["raises the wait", 10_000, 3_000, 3_000],
    ["raises it up to retryAfterMax", 10_000, 60_000, 10_000],
    ["never lowers it", 10_000, 0, 100],
    ["never asks for longer than a week", Number.MAX_VALUE, Infinity, WEEK_MS],
  ])("%s", (_, retryAfterMaxMs, retryAfterMs, expected) => {
    const settings = delivery({ retry: 9, backoffDelayMs: 100, retryAfterMaxMs });
    expect(retryDelayMs(settings, 1, retryAfterMs)).toBe(expected);
  });

  it("is not bound by backoffMax, which is about the back-off alone", () => {
    const settings = delivery({ backoffDelayMs: 100, backoffMaxMs: 200, retryAfterMaxMs: 9_000 });
    expect(retryDelayMs(settings, 1, 5_000)).toBe(5_000);
  });

  const now = Date.parse("1994-11-06T08:49:30Z");

  it.each([
    ["seconds", "120", 120_000],
    ["seconds with blanks around them", " 7 ", 7_000],
    ["zero seconds", "0", 0],
    ["more seconds than a number can say", "9".repeat(400), Infinity],
    ["an IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", 7_000],
    ["an RFC 850 date", "Sunday, 06-Nov-94 08:49:37 GMT", 7_000],
    ["an asctime date, which is in GMT too", "Sun Nov  6 08:49:37 1994", 7_000],
    ["a date in the past, which is now", "Sun, 06 Nov 1994 08:49:00 GMT", 0],
  ])("is read as %s", (_, header, expected) => {
    expect(retryAfterMsFor(header, now)).toBe(expected);
  });

  it.each([
    undefined,
    "",
    "soon",
    "-1",
    "1.5",
    "+5",
    "1e3",
    "5 seconds",
    "Sun, 99 Nov 1994 08:49:37 GMT",
  ])("makes no sense as %j", (header) => {
    expect(retryAfterMsFor(header, now)).toBeUndefined();
  });
});

describe("an event whose dead-letter sink is away", () => {
  it.each([
    ["starts over after 5 minutes", undefined, 300_000],
    ["starts over after backoffMax", 1_000, 1_000],
    ["starts over after 5 minutes when backoffMax is longer", 900_000, 300_000],
  ])("%s", (_, backoffMaxMs, expected) => {
    expect(deadLetterDelayMs(delivery({ backoffMaxMs }))).toBe(expected);
  });
});
