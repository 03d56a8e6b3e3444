import { cpus, loadavg, release, type as systemName } from "node:os";

/** Describes in a sentence what the figures of a run were made on. */
export function machineSentence(natsServerVersion: string, loadBefore: number): string {
  const all = cpus();
  const model = all[0]?.model.trim() ?? "unknown";
  return `${all.length} cores (${model}), ${systemName()} ${release()}, Node ${process.version}, nats-server ${natsServerVersion}; load average before: ${loadBefore.toFixed(2)}.`;
}

/** Gives the load average of the last minute. */
export function loadAverage(): number {
  return loadavg()[0] ?? Number.NaN;
}
