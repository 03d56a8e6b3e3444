import type { SelfTime } from "./profile.ts";
import { coreShare, cpuMicros, rate, type Series, type Slice } from "./rounds.ts";
import { type Spread, spreadOf } from "./statistics.ts";

/** The share of a core from which on a load generator or sink may have held the others up. */
const busyShare = 0.85;

/** Makes the table of what each contestant did: medians over the rounds, in brackets the smallest and the largest. */
export function measurementTable(series: readonly Series[], peer: string): string {
  const withLatency = series.some(({ slices }) => slices.some(({ p50Ms }) => p50Ms !== undefined));
  const head = [
    "",
    "events/s",
    "CPU µs/event",
    "nats-server CPU µs/event",
    ...(withLatency ? ["p50 ms", "p99 ms"] : []),
    "its share of a core",
    "nats-server's",
    `${peer}'s`,
    "others' share of the machine",
  ];
  const rows = series.map(({ name, slices }) => {
    const over = (value: (slice: Slice) => number) => spreadOf(slices.map(value));
    return [
      name,
      spread(over(rate), 0),
      spread(
        over((slice) => cpuMicros(slice, "subject")),
        1,
      ),
      over((slice) => cpuMicros(slice, "server")).median.toFixed(1),
      ...(withLatency ? latencies(slices) : []),
      percent(over((slice) => coreShare(slice, "subject")).median),
      percent(over((slice) => coreShare(slice, "server")).median),
      percent(over((slice) => coreShare(slice, "peer")).median),
      percent(over(({ usage }) => usage.others).median),
    ];
  });
  return table(head, rows);
}

/** Makes the table of the first contestant against each other one: medians of the ratios of each round. */
export function ratioTable([first, ...others]: readonly Series[]): string {
  if (first === undefined || others.length === 0) {
    return "";
  }
  const rows = others.map((other) => {
    const ratio = (value: (slice: Slice) => number) =>
      spread(
        spreadOf(first.slices.map((slice, at) => value(slice) / value(other.slices[at] ?? slice))),
        2,
      );
    return [
      `${first.name} / ${other.name}`,
      ratio((slice) => cpuMicros(slice, "subject")),
      ratio(rate),
    ];
  });
  return table(["", "CPU per event", "rate"], rows);
}

/** Says whether the load generator or sink can have been what limited the rates. */
export function peerSentence(series: readonly Series[], peer: string): string {
  const shares = series.flatMap(({ slices }) => slices.map((slice) => coreShare(slice, "peer")));
  const { max } = spreadOf(shares);
  const used = `The ${peer} used ${percent(max)} of a core at the most`;
  return max < busyShare
    ? `${used}: it was not the bottleneck.`
    : `${used}: it may have been the bottleneck, so the rates are lower bounds. CPU per event holds.`;
}

/** Makes the table of a profile's functions or packages. */
export function selfTimeTable(title: string, times: readonly SelfTime[], events: number): string {
  const rows = times.map(({ name, selfMs, share }) => [
    name,
    ((selfMs / events) * 1_000).toFixed(2),
    `${(share * 100).toFixed(1)} %`,
  ]);
  return table([title, "µs/event", "share"], rows);
}

/** Writes a Markdown table; every column but the first is aligned to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, index) => (index === 0 ? "---" : "---:"));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

function latencies(slices: readonly Slice[]): string[] {
  const p50 = spreadOf(slices.map(({ p50Ms = Number.NaN }) => p50Ms));
  const p99 = spreadOf(slices.map(({ p99Ms = Number.NaN }) => p99Ms));
  return [p50.median.toFixed(1), spread(p99, 1)];
}

function spread({ median, min, max }: Spread, digits: number): string {
  const text = (value: number) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${text(median)} (${text(min)}–${text(max)})`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
