import { type Logger, pino } from "pino";

export type { Logger } from "pino";

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LEVELS)[number];

/** Tells whether a text is a log level that `createLogger` takes. */
export function isLogLevel(text: string): text is LogLevel {
  return (LEVELS as readonly string[]).includes(text);
}

/** The longest wait for a reader of stdout at the end. */
const FLUSH_MS = 5_000;

/**
 * Makes the program's logger: one JSON object a line on stdout, ISO 8601 times, levels as words. Lines
 * are written in the background, since a reader that stands still must not hold the program up.
 */
export function createLogger(options: { name: string; level: LogLevel }): Logger {
  return pino(
    {
      name: options.name,
      level: options.level,
      base: { name: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
    },
    // With a minimum of 0 bytes its flush calls back before anything is written.
    pino.destination({ dest: 1, sync: false, minLength: 1 }),
  );
}

/**
 * Ends the process once every line of the log is written, or after five seconds when nobody reads them.
 * What is still running until then logs no more: the reason of the end is the last line.
 */
export function exitWith(log: Logger, exitCode: number): void {
  log.level = "silent";
  const exit = () => process.exit(exitCode);
  setTimeout(exit, FLUSH_MS);
  log.flush(exit);
}
