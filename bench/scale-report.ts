import { table } from "./report.ts";
import type { ScaleFigures, ScaleStart } from "./scale.ts";

/** Makes the table of what many channels cost one dispatcher. */
export function scaleTable(figures: ScaleFigures): string {
  const { channels, subscribers, fresh, rest, reconnect, backlog, wide, others, serverMs } =
    figures;
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const rows = [
    [`${channels} new channels, 3 subscribers each, until ready`, startOf(fresh, channels)],
    [
      "nats-server meanwhile, others' share of the machine",
      `${(serverMs / channels).toFixed(1)} ms CPU per channel, ${percent(others)}`,
    ],
    ["memory at rest", `${rest.rssMiB.toFixed(0)} MiB`],
    ["CPU at rest", `${percent(rest.cpuShare)}, nats-server ${percent(rest.serverShare)}`],
    ["messages at rest, each subscriber", `${rest.messagesPerMinute.toFixed(1)} a minute`],
    [
      "nats-server killed and started, until an event on each channel was delivered to all",
      `${seconds(reconnect.deliveredMs)}, ${reconnect.requests.toFixed(2)} requests to JetStream per channel, ${reconnect.mostInFlight} in flight at the most`,
    ],
    ["dispatcher started again with a backlog, until ready", startOf(backlog, channels)],
    [`until ${backlog.events} deliveries were made`, seconds(backlog.deliveredMs)],
    ["memory then", `${backlog.rssMiB.toFixed(0)} MiB`],
    [
      `one channel with ${subscribers} subscribers, until all have consumers`,
      seconds(wide.consumersMs),
    ],
    ["an event to all of these", seconds(wide.deliveredMs)],
  ];
  return table(["", ""], rows);
}

function startOf({ readyMs, cpuMs, requests }: ScaleStart, channels: number): string {
  const each = `${(cpuMs / channels).toFixed(1)} ms CPU and ${requests.toFixed(1)} requests to JetStream per channel`;
  return `${seconds(readyMs)}, ${each}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}
