import type { Burst, ClusterFigures, Rest } from "./cluster.ts";
import { table } from "./report.ts";

type Program = keyof Burst["requests"];

/** Makes the tables of what channels cost in a cluster. */
export function clusterTables(figures: ClusterFigures): string {
  const { many, wide, before, after, channels, subscribers } = figures;
  const { controller, dispatcher } = figures.many.requests;
  return [
    table(["", "", "from the first request on"], readyRows(figures)),
    table(
      ["", "controller", "dispatcher"],
      [
        [`requests per channel, ${channels} at once`, ...sums(many)],
        [`requests, one channel with ${subscribers} subscribers`, ...sums(wide)],
        [
          "memory at rest, one channel (MiB)",
          ...restRow(before, ({ rssMiB }) => rssMiB.toFixed(0)),
        ],
        [
          "memory at rest, all channels (MiB)",
          ...restRow(after, ({ rssMiB }) => rssMiB.toFixed(0)),
        ],
        ["CPU at rest, one channel", ...restRow(before, share)],
        ["CPU at rest, all channels", ...restRow(after, share)],
      ],
    ),
    table([`CPU, ${channels} channels at once`, "ms per channel"], cpuRows(many, channels)),
    table(["request", "per channel"], rows("controller", controller)),
    table(["request", "per channel"], rows("dispatcher", dispatcher)),
    table(
      [`write in ${seconds(figures.quietMs)} in which nothing happens`, "count"],
      [...figures.quietWrites].map(([what, count]) => [what, `${count}`]),
    ),
  ].join("\n\n");
}

function readyRows(figures: ClusterFigures): string[][] {
  const { singleMs, singles, channels, subscribers, many, wide, dispatcherStartMs } = figures;
  const { median, min, max } = singleMs;
  const spread = `${seconds(median)} (${seconds(min)}–${seconds(max)})`;
  const each = `${((many.readyMs - many.madeMs) / 1_000).toFixed(1)} s after the last one was made`;
  return [
    ["one new channel Ready", `median of ${singles}`, spread],
    [`${channels} channels, 3 subscribers each, all Ready`, each, seconds(many.readyMs)],
    [`one channel with ${subscribers} subscribers, all Ready`, "", seconds(wide.readyMs)],
    ["dispatcher started again until ready for all", "", seconds(dispatcherStartMs)],
  ];
}

function sums({ requests }: Burst): string[] {
  const sum = (name: Program) => [...requests[name].values()].reduce((all, one) => all + one, 0);
  return [sum("controller").toFixed(1), sum("dispatcher").toFixed(1)];
}

function cpuRows({ cpuMs, others }: Burst, channels: number): string[][] {
  const each = Object.entries(cpuMs).map(([name, ms]) => [name, (ms / channels).toFixed(1)]);
  return [...each, ["others' share of the machine", `${(others * 100).toFixed(0)} %`]];
}

function restRow(rest: Record<Program, Rest>, shown: (rest: Rest) => string): string[] {
  return [shown(rest.controller), shown(rest.dispatcher)];
}

function rows(program: Program, requests: ReadonlyMap<string, number>): string[][] {
  return [...requests].map(([what, count]) => [`${program}: ${what}`, count.toFixed(2)]);
}

function share({ cpuShare }: Rest): string {
  return `${(cpuShare * 100).toFixed(1)} %`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}
