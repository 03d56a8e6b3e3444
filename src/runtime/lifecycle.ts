import { exitWith, type Logger } from "./logger.ts";

/** One step of an orderly end; it gets the time that is left, in milliseconds. */
export type ShutdownStep = (remainingMs: number) => Promise<void> | void;

/**
 * Runs a program until SIGTERM or SIGINT and then its shutdown steps in order, within the grace
 * period, and exits: 0 when every step ended well, 1 when one failed or time ran out. A second
 * signal exits at once. Faults that nobody caught are logged and end the program the same way.
 */
export function runUntilSignal(options: {
  log: Logger;
  gracePeriodMs: () => number;
  steps: [name: string, step: ShutdownStep][];
}): void {
  const { log, steps } = options;
  let stopping = false;

  const stop = async (reason: string, exitCode: number): Promise<void> => {
    if (stopping) {
      log.warn({ reason }, "told to stop twice, exiting at once");
      return exitWith(log, 1);
    }
    stopping = true;
    const graceMs = options.gracePeriodMs();
    log.info({ reason, graceMs }, "shutting down");
    const deadline = performance.now() + graceMs;
    setTimeout(() => {
      log.error("the grace period is over, exiting with work unfinished");
      exitWith(log, 1);
    }, graceMs);
    let code = exitCode;
    for (const [name, step] of steps) {
      try {
        await step(Math.max(0, deadline - performance.now()));
      } catch (error) {
        log.error({ error, step: name }, "shutdown step failed");
        code = 1;
      }
    }
    log.info({ exitCode: code }, "shut down");
    exitWith(log, code);
  };

  process.on("SIGTERM", () => void stop("SIGTERM", 0));
  process.on("SIGINT", () => void stop("SIGINT", 0));
  process.on("uncaughtException", (error) => {
    log.fatal({ error }, "a fault that nobody caught");
    void stop("uncaughtException", 1);
  });
}
