import type { Usage } from "./cpu-time.ts";
import type { Extent } from "./options.ts";

/** Names whose processor time is taken: what is measured, the nats-server, and the load generator or sink. */
export type Part = "subject" | "server" | "peer";

/** Is what one contestant did in one round. */
export interface Slice {
  events: number;
  elapsedMs: number;
  usage: Usage<Part>;
  /** Latency of a request; absent where there is none to measure. */
  p50Ms?: number;
  p99Ms?: number;
}

/** Is one of the programs that are compared. */
export interface Contestant {
  name: string;
  /** Does its work once. Round 0 warms it up. */
  slice(round: number): Promise<Slice>;
}

/** Holds the slices of one contestant, one for each round. */
export interface Series {
  name: string;
  slices: Slice[];
}

const fewestRounds = 3;

/**
 * Lets the contestants take turns (ABC ABC …), so that whatever else the machine does meets all of them; each has been
 * warmed up before. Ends after the rounds that are asked for, or earlier when time is up.
 */
export async function playRounds(
  contestants: readonly Contestant[],
  { rounds, budgetMs }: Extent,
  { tell, onWarm }: { tell: (line: string) => void; onWarm: () => void },
): Promise<Series[]> {
  const series = contestants.map(({ name }): Series => ({ name, slices: [] }));
  for (const contestant of contestants) {
    await contestant.slice(0);
  }
  onWarm();
  const deadline = performance.now() + budgetMs;
  for (let round = 1; round <= rounds; round++) {
    if (round > fewestRounds && performance.now() > deadline) {
      break;
    }
    const told: string[] = [];
    for (const [index, contestant] of contestants.entries()) {
      const slice = await contestant.slice(round);
      series[index]?.slices.push(slice);
      told.push(
        `${contestant.name} ${cpuMicros(slice, "subject").toFixed(0)} µs, ${rate(slice).toFixed(0)}/s`,
      );
    }
    tell(`  round ${round} of ${rounds}: ${told.join(" | ")}`);
  }
  return series;
}

/** Gives the events of a slice per second. */
export function rate({ events, elapsedMs }: Slice): number {
  return (events / elapsedMs) * 1_000;
}

/** Gives the processor time that a part took for each event, in microseconds. */
export function cpuMicros({ events, usage }: Slice, part: Part): number {
  return (usage.cpuMs[part] / events) * 1_000;
}

/** Gives the processor time of a part as a share of one core. */
export function coreShare({ elapsedMs, usage }: Slice, part: Part): number {
  return usage.cpuMs[part] / elapsedMs;
}
