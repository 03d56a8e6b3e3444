import { readdirSync, readFileSync } from "node:fs";

/** Linux tells processor time in ticks of USER_HZ, which is 100 on every architecture that Node runs on. */
const msPerTick = 10;
const utimeField = 11;
const stimeField = 12;
const idleField = 3;
const iowaitField = 4;

/** Holds what was used of the machine while something ran. */
export interface Usage<Part extends string> {
  /** Processor time of each process, threads and kernel included, in milliseconds. */
  cpuMs: Record<Part, number>;
  /** What everything else took, the host of a virtual machine included, as a share of the whole machine from 0 to 1. */
  others: number;
}

/** Runs something and measures the processor time of the given processes (by pid) meanwhile. */
export async function measureUsage<Part extends string, Result>(
  pids: Readonly<Record<Part, number>>,
  run: () => Promise<Result>,
): Promise<{ result: Result; usage: Usage<Part> }> {
  const parts = Object.keys(pids) as Part[];
  const look = () => ({
    machine: machineTime(),
    cpuMs: parts.map((part) => processTimeMs(pids[part])),
  });
  const before = look();
  const result = await run();
  const after = look();
  const used = parts.map((_, index) => (after.cpuMs[index] ?? 0) - (before.cpuMs[index] ?? 0));
  const busyMs = after.machine.busyMs - before.machine.busyMs;
  const totalMs = after.machine.totalMs - before.machine.totalMs;
  const ownMs = used.reduce((sum, each) => sum + each, 0);
  const cpuMs = Object.fromEntries(parts.map((part, index) => [part, used[index] ?? 0]));
  return {
    result,
    usage: {
      cpuMs: cpuMs as Record<Part, number>,
      others: totalMs === 0 ? 0 : Math.max(0, busyMs - ownMs) / totalMs,
    },
  };
}

/** Finds a program that this process has started, by its name. */
export function childNamed(name: string): number {
  const children = readdirSync("/proc/self/task").flatMap((thread) =>
    readProc(`/proc/self/task/${thread}/children`).split(" ").filter(Boolean).map(Number),
  );
  const found = children.find((pid) => readProc(`/proc/${pid}/comm`).trim() === name.slice(0, 15));
  if (found === undefined) throw new Error(`${name} is not a program of this process`);
  return found;
}

/** Reads the processor time that a process has used so far, in milliseconds. */
export function processTimeMs(pid: number): number {
  const text = readProc(`/proc/${pid}/stat`);
  // The program's name, which is in parentheses and may hold anything, comes before the fields.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[utimeField]) + Number(fields[stimeField])) * msPerTick;
}

/** Reads the time of all processors together; what the host of a virtual machine took away (steal) is busy time. */
function machineTime(): { busyMs: number; totalMs: number } {
  const text = readProc("/proc/stat");
  // The fields after `cpu`; guests' time, which comes behind them, is in the user's already.
  const ticks = text.slice(0, text.indexOf("\n")).split(/ +/).slice(1, 9).map(Number);
  const total = ticks.reduce((sum, each) => sum + each, 0);
  const idle = (ticks[idleField] ?? 0) + (ticks[iowaitField] ?? 0);
  return { busyMs: (total - idle) * msPerTick, totalMs: total * msPerTick };
}

function readProc(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Error(
      `the processor time in ${path} cannot be read: the benchmark needs Linux, and its programs alive`,
      { cause },
    );
  }
}
