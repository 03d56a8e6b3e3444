import { expect, it } from "vitest";
import { parseGoDuration, parseIsoDuration } from "../../../src/api/duration.ts";

it.each([
  ["0", 0],
  ["0s", 0],
  ["1h30m", 5_400_000],
  ["1.5s", 1500],
  [".5s", 500],
  ["1.s", 1000],
  ["300ms", 300],
  ["10us", 0.01],
  ["10µs", 0.01],
  ["10μs", 0.01],
  ["5ns", 0.000005],
  ["1m0.001s", 60_001],
  ["1.001s", 1001],
  ["2540400h", 9_145_440_000_000],
])("reads the Go duration %j as %d ms", (text, ms) => {
  expect(parseGoDuration(text)).toBe(ms);
});

it.each([
  ["", "not a Go duration"],
  ["5", "not a Go duration"],
  ["1 h", "not a Go duration"],
  ["1H", "not a Go duration"],
  ["1d", "not a Go duration"],
  [".s", "not a Go duration"],
  ["1h30", "not a Go duration"],
  ["PT5M", "not a Go duration"],
  ["1e3s", "not a Go duration"],
  ["1s\n", "not a Go duration"],
  ["Infinity", "not a Go duration"],
  ["-5s", "cannot be negative"],
  ["2562048h", "longer than 292 years"],
  [`${"1".repeat(100)}h`, "not a Go duration"],
])("refuses %j as a Go duration: %s", (text, why) => {
  expect(() => parseGoDuration(text)).toThrow(RangeError);
  expect(() => parseGoDuration(text)).toThrow(why);
});

it.each([
  ["PT0S", 0],
  ["PT0.2S", 200],
  ["PT0,2S", 200],
  ["PT1.001S", 1001],
  ["PT0.0000001S", 0.0001],
  ["PT1H30M", 5_400_000],
  ["PT1H0.5M", 3_630_000],
  ["P1D", 86_400_000],
  ["P1DT12H", 129_600_000],
  ["P2W", 1_209_600_000],
  ["P1W2DT3H4M5S", 788_645_000],
  ["PT168H", 604_800_000],
])("reads the ISO 8601 duration %j as %d ms", (text, ms) => {
  expect(parseIsoDuration(text)).toBe(ms);
});

it.each([
  ["", "not an ISO 8601"],
  ["P", "not an ISO 8601"],
  ["PT", "not an ISO 8601"],
  ["P1DT", "not an ISO 8601"],
  ["T5S", "not an ISO 8601"],
  ["PT5", "not an ISO 8601"],
  ["P5S", "not an ISO 8601"],
  ["PT5D", "not an ISO 8601"],
  ["PT5S3M", "not an ISO 8601"],
  ["pt5s", "not an ISO 8601"],
  ["PT5s", "not an ISO 8601"],
  ["PT.5S", "not an ISO 8601"],
  ["PT1.2.3S", "not an ISO 8601"],
  ["PT1.5H30M", "not an ISO 8601"],
  ["+P1D", "not an ISO 8601"],
  ["5m", "not an ISO 8601"],
  [" PT5S", "not an ISO 8601"],
  ["PT5S\n", "not an ISO 8601"],
  ["P1Y", "years and months"],
  ["P1M", "years and months"],
  ["P1Y2DT3H", "years and months"],
  ["-PT5S", "cannot be negative"],
  ["PT-5S", "cannot be negative"],
  ["P99999999D", "longer than 292 years"],
  [`PT${"9".repeat(400)}S`, "too long"],
])("refuses %j as an ISO 8601 duration: %s", (text, why) => {
  expect(() => parseIsoDuration(text)).toThrow(RangeError);
  expect(() => parseIsoDuration(text)).toThrow(why);
});

it("shows in its sentence what was given and what is allowed", () => {
  expect(() => parseGoDuration("5 minutes")).toThrow(
    /a duration like "1h30m" expected, got "5 minutes"/,
  );
  expect(() => parseIsoDuration("5m")).toThrow(/a duration like "PT10S" expected, got "5m"/);
});
