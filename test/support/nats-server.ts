/**
 * Runs a real nats-server with JetStream for a test: on a free port of 127.0.0.1, with file storage in a folder of its
 * own, and with faults at will (kill, pause, restart on the same port and store).
 *
 * Starting means: write the configuration, spawn, wait for the file in which the server names its ports (it listens),
 * then for its health check (JetStream has recovered its streams). Ends with the test process. Does not clean streams.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningChild, startChild } from "./child-process.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { stopped } from "./stopped-process.ts";
import { findTool } from "./tools/find-tool.ts";

const startWithinMs = 30_000;
const endWithinMs = 30_000;
const startAttempts = 5;

/** Says what differs from a plain server. */
export interface NatsServerOptions {
  /** Keeps the streams here; the folder stays at `stop()`. Without it: a temporary one that goes. */
  storeDir?: string;
  /** Without it: a free one. */
  port?: number;
  /** Goes into the server's configuration file as it is: `max_payload: 8MB`, `authorization { … }`. */
  config?: string;
  /** Goes into the configuration's `jetstream` block: `domain: hub`. */
  jetstream?: string;
}

/** Holds a nats-server that a test has started. */
export interface NatsServer {
  /** For clients: `nats://127.0.0.1:<port>`, the same after each start. */
  readonly url: string;
  readonly port: number;
  readonly storeDir: string;
  /** The process id, which changes with each start. Throws while the server is down. */
  readonly pid: number;
  /** The HTTP monitoring address (`/varz`, `/connz`, `/jsz`), another one after each start. */
  readonly monitorUrl: string;
  /** The last lines of the server's log, for the failures of a test. */
  readonly log: readonly string[];
  /** Sends a signal that ends the server (SIGKILL unless said), and resolves when it has exited. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts the server again, on the same port and store. */
  start(): Promise<void>;
  /** Ends the server in an orderly way (SIGTERM) and starts it again. */
  restart(): Promise<void>;
  /** Freezes the server: connections stay open and nothing answers. Resolves when it stands still. */
  pause(): Promise<void>;
  resume(): void;
  /** Ends the server for good, paused or not, and removes what it wrote into temporary folders. */
  stop(): Promise<void>;
}

interface Running {
  child: RunningChild;
  monitorUrl: string;
}

/** Starts a nats-server and resolves when clients can connect and JetStream answers. */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const folder = await mkdtemp(join(tmpdir(), "nats-server-"));
  const storeDir = options.storeDir ?? join(folder, "store");
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    try {
      const { config = "", jetstream = "" } = options;
      const launch = launcher({ folder, storeDir, port, config, jetstream });
      return natsServer({ folder, storeDir, port, launch, running: await launch() });
    } catch (error) {
      // Between our look and the server's bind another process can have taken the port.
      const taken = String(error).includes("address already in use");
      if (!taken || options.port !== undefined || attempt === startAttempts) {
        await rm(folder, { recursive: true, force: true });
        throw error;
      }
    }
  }
}

interface Parts {
  folder: string;
  storeDir: string;
  port: number;
  launch: () => Promise<Running>;
  running: Running;
}

function natsServer({ folder, storeDir, port, launch, running: first }: Parts): NatsServer {
  let latest = first;
  const live = (): RunningChild => {
    if (latest.child.end() !== undefined) {
      throw new Error("the nats-server is down");
    }
    return latest.child;
  };
  const kill = async (signal: NodeJS.Signals = "SIGKILL") => {
    latest.child.signal(signal);
    await ended(latest.child, signal);
  };
  const start = async () => {
    if (latest.child.end() === undefined) {
      throw new Error("the nats-server is running: kill it first");
    }
    latest = await launch();
  };
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    storeDir,
    get pid() {
      return live().pid;
    },
    get monitorUrl() {
      return latest.monitorUrl;
    },
    get log() {
      return latest.child.lastLines;
    },
    kill,
    start,
    async restart() {
      await kill("SIGTERM");
      await start();
    },
    async pause() {
      const child = live();
      child.signal("SIGSTOP");
      await stopped(child.pid);
    },
    resume: () => live().signal("SIGCONT"),
    async stop() {
      await kill("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function ended(child: RunningChild, signal: NodeJS.Signals): Promise<unknown> {
  return eventually(() => child.end() !== undefined, {
    within: endWithinMs,
    what: `the nats-server to end after ${signal}`,
  });
}

interface Place {
  folder: string;
  storeDir: string;
  port: number;
  config: string;
  jetstream: string;
}

/** Gives a function that starts the server of one place, again and again. */
function launcher({ folder, ...place }: Place): () => Promise<Running> {
  return async () => {
    const binary = await findTool("nats-server");
    const portsFolder = join(folder, "ports");
    await rm(portsFolder, { recursive: true, force: true });
    await mkdir(portsFolder);
    const configPath = join(folder, "nats-server.conf");
    await writeFile(configPath, configText({ ...place, portsFolder }));
    const child = await startChild({
      command: binary,
      arguments: ["--config", configPath],
      env: {},
      temporaryFolder: folder,
    });
    try {
      const monitorUrl = await whenReady(child, portsFolder);
      return { child, monitorUrl };
    } catch (cause) {
      child.signal("SIGKILL");
      await child.ended;
      const log = child.lastLines.join("\n");
      throw new Error(`nats-server did not start on port ${place.port}; its log:\n${log}`, {
        cause,
      });
    }
  };
}

function configText({
  storeDir,
  port,
  portsFolder,
  config,
  jetstream,
}: Omit<Place, "folder"> & { portsFolder: string }): string {
  return `host: 127.0.0.1
port: ${port}
http: "127.0.0.1:-1"
ports_file_dir: ${JSON.stringify(portsFolder)}
jetstream {
  store_dir: ${JSON.stringify(storeDir)}
  ${jetstream}
}
${config}
`;
}

/** Waits until the server listens and its JetStream is healthy; gives the address of its monitoring port. */
async function whenReady(child: RunningChild, portsFolder: string): Promise<string> {
  const check = async () => {
    if (child.end() !== undefined) {
      return "it has ended";
    }
    const [portsFile] = await readdir(portsFolder);
    if (portsFile === undefined) {
      return false;
    }
    const text = await readFile(join(portsFolder, portsFile), "utf8");
    const ports = JSON.parse(text) as { monitoring: string[] };
    const monitorUrl = ports.monitoring[0] ?? "";
    const health = await fetch(`${monitorUrl}/healthz`);
    if (health.status !== 200) {
      throw new Error(`its health check answers ${health.status}: ${await health.text()}`);
    }
    return { monitorUrl };
  };
  const outcome = await eventually(check, {
    within: startWithinMs,
    what: "the nats-server to be ready",
  });
  if (typeof outcome === "string") {
    throw new Error(outcome);
  }
  return outcome.monitorUrl;
}
