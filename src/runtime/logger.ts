import { type Logger, pino } from "pino";

export type { Logger } from "pino";

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LEVELS)[number];

/** Tells whether a text is a log level that `createLogger` takes. */
export function isLogLevel(text: string): text is LogLevel {
  return (LEVELS as readonly string[]).includes(text);
}

/** The children of each logger, for as long as somebody has them: pino's do not follow the level of their parent. */
const childrenOf = new WeakMap<Logger, Set<WeakRef<Logger>>>();

/** The longest wait for a reader of stdout at the end. */
const FLUSH_MS = 5_000;

/**
 * Makes the program's logger: one JSON object a line on stdout, ISO 8601 times, levels as words. Lines
 * are written in the background, since a reader that stands still must not hold the program up.
 */
export function createLogger(options: { name: string; level: LogLevel }): Logger {
  const children = new Set<WeakRef<Logger>>();
  const forget = new FinalizationRegistry<WeakRef<Logger>>((child) => children.delete(child));
  const log = pino(
    {
      name: options.name,
      level: options.level,
      base: { name: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
      onChild(child) {
        const known = new WeakRef<Logger>(child);
        children.add(known);
        forget.register(child, known);
      },
    },
    // With a minimum of 0 bytes its flush calls back before anything is written.
    pino.destination({ dest: 1, sync: false, minLength: 1 }),
  );
  childrenOf.set(log, children);
  return log;
}

/** Changes the level of a logger that `createLogger` made, and of all its children, and says so. */
export function changeLogLevel(log: Logger, level: LogLevel): void {
  const say = () => log.info({ logLevel: level }, "log level changed");
  // With one of both levels it is seen.
  const isSeenBefore = log.isLevelEnabled("info");
  if (isSeenBefore) say();
  setLogLevel(log, level);
  if (!isSeenBefore) say();
}

function setLogLevel(log: Logger, level: LogLevel): void {
  log.level = level;
  for (const known of childrenOf.get(log) ?? []) {
    const child = known.deref();
    if (child !== undefined) child.level = level;
  }
}

/**
 * Ends the process once every line of the log is written, or after five seconds when nobody reads them.
 * What is still running until then logs no more: the reason of the end is the last line.
 */
export function exitWith(log: Logger, exitCode: number): void {
  setLogLevel(log, "silent");
  const exit = () => process.exit(exitCode);
  setTimeout(exit, FLUSH_MS);
  log.flush(exit);
}
