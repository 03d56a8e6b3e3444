import type { ChannelReport, SubscriberReport } from "./channel-reports.ts";
import { table } from "./terminal.ts";

const CHANNEL_HEADING = [
  ...["NAMESPACE", "CHANNEL", "READY", "REASON", "STREAM", "EVENTS", "BYTES", "SUBSCRIBERS"],
  ...["PENDING", "ACK-PENDING", "REDELIVERED"],
];
const SUBSCRIBER_HEADING = [
  ...["CHANNEL", "SUBSCRIBER", "READY", "PENDING", "ACK-PENDING", "REDELIVERED", "DEAD-LETTERS"],
  "LAST FAILURE",
];
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const NONE = "-";

/** Writes channels, their subscribers, and sentences about what is not as it should be. */
export function statusTables(reports: readonly ChannelReport[]): string {
  if (reports.length === 0) return "no channels\n";
  const channels = table(
    [CHANNEL_HEADING, ...reports.map(channelRow)],
    new Set([5, 6, 7, 8, 9, 10]),
  );
  const subscribers = reports.flatMap((report) =>
    report.subscribers.map((one) => subscriberRow(report, one)),
  );
  const parts = [channels];
  if (subscribers.length > 0) {
    parts.push(table([SUBSCRIBER_HEADING, ...subscribers], new Set([3, 4, 5, 6])));
  }
  const notes = reports.flatMap(notesOf);
  if (notes.length > 0) parts.push(`${notes.join("\n")}\n`);
  return parts.join("\n");
}

/** Writes a number of bytes with three digits or so: `1.2 MiB`. */
export function shownBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

function channelRow(report: ChannelReport): string[] {
  const { subscribers } = report;
  const ready = subscribers.filter((one) => one.ready === "True").length;
  return [
    report.namespace,
    report.name,
    report.ready,
    report.reason ?? "",
    report.stream ?? NONE,
    shownCount(report.messages),
    report.bytes === undefined ? NONE : shownBytes(report.bytes),
    `${ready}/${subscribers.length}`,
    total(subscribers, ({ pending }) => pending),
    total(subscribers, ({ ackPending }) => ackPending),
    total(subscribers, ({ redelivered }) => redelivered),
  ];
}

function subscriberRow({ namespace, name }: ChannelReport, one: SubscriberReport): string[] {
  const { lastFailure: failure } = one;
  return [
    `${namespace}/${name}`,
    one.name ?? one.uid,
    one.ready,
    shownCount(one.pending),
    shownCount(one.ackPending),
    shownCount(one.redelivered),
    shownCount(one.deadLetters),
    failure === undefined ? "" : `${failure.at} ${failure.destination} ${failure.reason}`,
  ];
}

function notesOf(report: ChannelReport): string[] {
  const { namespace, name, ready, reason, message, subscribers } = report;
  const at = `${namespace}/${name}`;
  const notes = [...report.unapplied, ...report.warnings].map(
    (remark) => `${at}: ${remark.path}: ${remark.reason}`,
  );
  if (ready !== "True")
    notes.unshift(
      `${at}: ${ready === "False" ? "not Ready" : "not known to be Ready"}: ${[reason, message].filter(Boolean).join(": ")}`,
    );
  for (const { uid, name: own, message: why, held } of subscribers) {
    const who = `${at}: subscriber ${own ?? uid}`;
    if (why !== undefined) notes.push(`${who}: ${why}`);
    if (held) notes.push(`${who}: held, everything that may be pending waits for another attempt`);
  }
  return notes;
}

function shownCount(count: number | undefined): string {
  return count === undefined ? NONE : String(count);
}

/** A subscriber that is new may not be counted yet; where none is, nobody could be asked. */
function total(
  subscribers: readonly SubscriberReport[],
  count: (one: SubscriberReport) => number | undefined,
): string {
  const counts = subscribers.map(count);
  if (counts.length > 0 && counts.every((one) => one === undefined)) return NONE;
  return String(counts.reduce<number>((sum, one) => sum + (one ?? 0), 0));
}
