/**
 * Runs the dispatcher as a process of its own in standalone mode, as `node src/dispatcher/main.ts` would, with a channels
 * file and a nats-server that the test gives.
 *
 * Starting means: spawn, read the bound ports from the log, wait for `/readyz`. The environment is only what is said
 * here, so nothing of the machine leaks in. Ends with the test process.
 */
import { join } from "node:path";
import { type RunningChild, startChild } from "./child-process.ts";
import { eventually } from "./eventually.ts";

const startWithinMs = 30_000;
const endWithinMs = 60_000;
const mainPath = join(import.meta.dirname, "../../src/dispatcher/main.ts");

/** Says how the dispatcher is started. */
export interface DispatcherOptions {
  channelsPath: string;
  natsUrl: string;
  /** Further environment variables; they win over those made here. */
  env?: Record<string, string>;
  /** The program, `src/dispatcher/main.ts` unless said. */
  main?: string;
  /** Waits for `/readyz`; true unless said. */
  untilReady?: boolean;
}

/** Holds one line of the dispatcher's log. */
export interface LogLine {
  msg?: string;
  level?: number | string;
  [field: string]: unknown;
}

/** Holds a dispatcher that a test has started. */
export interface DispatcherProcess {
  readonly pid: number;
  readonly httpPort: number;
  readonly adminPort: number;
  /** The log so far, parsed; what is no JSON is a line with only `msg`. */
  readonly logs: readonly LogLine[];
  /** Waits for a line of the log, past or to come. */
  waitForLog(
    matches: (line: LogLine) => boolean,
    options: { within: number; what: string },
  ): Promise<LogLine>;
  /** Sends a signal without waiting for the end: `SIGSTOP`, `SIGCONT`, or `SIGTERM` while requests run. */
  signal(signal: NodeJS.Signals): void;
  /** Sends a signal that ends it and resolves to the exit code; null when the signal itself ended it. */
  kill(signal?: NodeJS.Signals): Promise<number | null>;
  /** Resolves to the exit code when it ends by itself. */
  readonly exited: Promise<number | null>;
  /** Asks the admin server: `/channels` as JSON, `/metrics` as text, `/readyz` as its status. */
  channels(): Promise<unknown>;
  metrics(): Promise<string>;
  readiness(): Promise<number>;
}

/** Starts a dispatcher. Rejects with the end of its log when it does not come up. */
export async function startDispatcher(options: DispatcherOptions): Promise<DispatcherProcess> {
  const logs: LogLine[] = [];
  const child = await startChild({
    command: process.execPath,
    arguments: [options.main ?? mainPath],
    env: {
      CHANNELS_PATH: options.channelsPath,
      NATS_URL: options.natsUrl,
      HTTP_PORT: "0",
      ADMIN_PORT: "0",
      ...options.env,
    },
    onLine: (line) => logs.push(parseLogLine(line)),
  });
  try {
    const httpPort = await portIn("http server listening", logs, child);
    const adminPort = await portIn("admin server listening", logs, child);
    const dispatcher = dispatcherProcess({ child, logs, httpPort, adminPort });
    if (options.untilReady ?? true) {
      await whileAlive(child, async () => (await dispatcher.readiness()) === 200, "/readyz");
    }
    return dispatcher;
  } catch (cause) {
    child.signal("SIGKILL");
    await child.ended;
    const output = child.lastLines.join("\n");
    throw new Error(`the dispatcher did not start; it printed:\n${output}`, { cause });
  }
}

interface Parts {
  child: RunningChild;
  logs: LogLine[];
  httpPort: number;
  adminPort: number;
}

function dispatcherProcess({ child, logs, httpPort, adminPort }: Parts): DispatcherProcess {
  const ask = (path: string) => fetch(`http://127.0.0.1:${adminPort}${path}`);
  return {
    pid: child.pid,
    httpPort,
    adminPort,
    logs,
    waitForLog: (matches, options) => eventually(() => logs.find(matches) ?? false, options),
    signal: child.signal,
    async kill(signal = "SIGTERM") {
      child.signal(signal);
      const end = await eventually(() => child.end() ?? false, {
        within: endWithinMs,
        what: `the dispatcher to end after ${signal}`,
      });
      return end.exitCode;
    },
    exited: child.ended.then((end) => end.exitCode),
    async channels() {
      return (await ask("/channels")).json();
    },
    async metrics() {
      return (await ask("/metrics")).text();
    },
    async readiness() {
      const response = await ask("/readyz");
      await response.arrayBuffer();
      return response.status;
    },
  };
}

/** Reads a line of the log of one of our programs; what is no JSON is a line with only `msg`. */
export function parseLogLine(line: string): LogLine {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === "object" && parsed !== null ? (parsed as LogLine) : { msg: line };
  } catch {
    // Node itself prints what is no JSON, for example when the program cannot be loaded.
    return { msg: line };
  }
}

async function portIn(msg: string, logs: readonly LogLine[], child: RunningChild): Promise<number> {
  const line = await whileAlive(
    child,
    () => logs.find((one) => one.msg === msg) ?? false,
    `the log line "${msg}"`,
  );
  if (typeof line.port !== "number") {
    throw new Error(`the log line "${msg}" has no port`);
  }
  return line.port;
}

/** Waits for a check to hold, and gives up at once when the program has ended. */
async function whileAlive<T>(
  child: RunningChild,
  check: () => T | Promise<T>,
  what: string,
): Promise<Exclude<T, false>> {
  const died = child.ended.then(({ exitCode, signal }) => {
    throw new Error(`it ended with ${exitCode ?? signal}`);
  });
  return await Promise.race([eventually(check, { within: startWithinMs, what }), died]);
}
