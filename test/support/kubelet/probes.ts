/**
 * Runs the probes of a container that has just been started, until it ends: first the startup probe until it succeeds,
 * then readiness and liveness side by side. Only httpGet is known.
 *
 * Until the first success a probe is asked more often than its period says, so that a test does not wait for periods
 * that are made for clusters. No failure counts sooner for that.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { V1Container, V1Probe } from "@kubernetes/client-node";

const untilFirstSuccessMs = 100;

/** Says what is asked and who hears of it. */
export interface ProbesOptions {
  container: V1Container;
  /** Finds the port that the program is bound to; undefined before that. */
  portOf: (port: number | string) => number | undefined;
  onStarted: () => void;
  onReady: (ready: boolean) => void;
  /** Hears once, in a sentence, why the container has to be started again. */
  onUnhealthy: (sentence: string) => void;
  /** Aborts when the container has ended. */
  signal: AbortSignal;
}

/** Runs the probes; resolves when the container has ended. */
export async function runProbes(options: ProbesOptions): Promise<void> {
  const { container, onStarted, onReady, onUnhealthy, signal } = options;
  const { startupProbe, readinessProbe, livenessProbe } = container;
  if (startupProbe !== undefined && !(await hasStarted(startupProbe, options))) {
    if (!signal.aborted) onUnhealthy("the startup probe failed");
    return;
  }
  if (signal.aborted) return;
  onStarted();
  if (readinessProbe === undefined) onReady(true);
  await Promise.all([
    readinessProbe === undefined ? undefined : watchReadiness(readinessProbe, options),
    livenessProbe === undefined ? undefined : watchLiveness(livenessProbe, options),
  ]);
}

async function hasStarted(probe: V1Probe, options: ProbesOptions): Promise<boolean> {
  const { signal } = options;
  await pause((probe.initialDelaySeconds ?? 0) * 1000, signal);
  const deadline = performance.now() + periodMs(probe) * failureThreshold(probe);
  while (!signal.aborted && performance.now() < deadline) {
    if (await succeeds(probe, options)) return true;
    await pause(untilFirstSuccessMs, signal);
  }
  return false;
}

async function watchReadiness(probe: V1Probe, options: ProbesOptions): Promise<void> {
  const { signal, onReady } = options;
  await pause((probe.initialDelaySeconds ?? 0) * 1000, signal);
  let ready = false;
  let hasBeenReady = false;
  let successes = 0;
  let failures = 0;
  while (!signal.aborted) {
    const success = await succeeds(probe, options);
    successes = success ? successes + 1 : 0;
    failures = success ? 0 : failures + 1;
    const turns = ready
      ? failures >= failureThreshold(probe)
      : successes >= (probe.successThreshold ?? 1);
    if (turns && !signal.aborted) {
      ready = !ready;
      hasBeenReady = true;
      onReady(ready);
    }
    await pause(hasBeenReady ? periodMs(probe) : untilFirstSuccessMs, signal);
  }
}

async function watchLiveness(probe: V1Probe, options: ProbesOptions): Promise<void> {
  const { signal, onUnhealthy } = options;
  await pause((probe.initialDelaySeconds ?? 0) * 1000, signal);
  let failures = 0;
  while (!signal.aborted) {
    failures = (await succeeds(probe, options)) ? 0 : failures + 1;
    if (failures >= failureThreshold(probe) && !signal.aborted) {
      onUnhealthy("the liveness probe failed");
      return;
    }
    await pause(periodMs(probe), signal);
  }
}

async function succeeds(probe: V1Probe, { portOf, signal }: ProbesOptions): Promise<boolean> {
  const { port = 0, path = "/", httpHeaders = [] } = probe.httpGet ?? {};
  const bound = portOf(port as number | string);
  if (bound === undefined) return false;
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  try {
    const answer = await fetch(`http://127.0.0.1:${bound}${path}`, {
      headers: httpHeaders.map(({ name, value }) => [name, value] as [string, string]),
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    await answer.body?.cancel();
    return answer.status >= 200 && answer.status < 400;
  } catch {
    // Not listening yet, or no answer in time: both are what a probe is for.
    return false;
  }
}

function periodMs({ periodSeconds = 10 }: V1Probe): number {
  return periodSeconds * 1000;
}

function failureThreshold({ failureThreshold: threshold = 3 }: V1Probe): number {
  return threshold;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
