import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterEach, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import {
  type NatsServer,
  type NatsServerOptions,
  startNatsServer,
} from "../../support/nats-server.ts";
import { isProcessAlive } from "../../support/tools/lock.ts";

let server: NatsServer | undefined;

afterEach(async () => {
  await server?.stop();
  server = undefined;
});

async function start(options: NatsServerOptions = {}): Promise<NatsServer> {
  server = await startNatsServer(options);
  return server;
}

async function withConnection<T>(
  url: string,
  run: (connection: NatsConnection) => Promise<T>,
): Promise<T> {
  // One attempt, no patience: whoever has started the server may rely on it.
  const connection = await connect({ servers: url, reconnect: false, maxReconnectAttempts: 0 });
  try {
    return await run(connection);
  } finally {
    await connection.close();
  }
}

async function makeStream(url: string): Promise<void> {
  await withConnection(url, async (connection) => {
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: "S", subjects: ["s"] });
  });
}

function publish(url: string): Promise<number> {
  return withConnection(url, async (connection) => {
    const ack = await jetstream(connection).publish("s", "data");
    return ack.seq;
  });
}

it.each(["SIGKILL", "SIGTERM"] as const)(
  "keeps port and stored messages after %s and another start",
  async (signal) => {
    const nats = await start();
    await makeStream(nats.url);
    expect(await publish(nats.url)).toBe(1);
    const { pid, url } = nats;

    await nats.kill(signal);
    expect(isProcessAlive(pid)).toBe(false);
    await expect(publish(url)).rejects.toThrow();
    expect(() => nats.pid).toThrow("the nats-server is down");

    await nats.start();
    expect(nats.pid).not.toBe(pid);
    expect(nats.url).toBe(url);
    expect(await publish(url)).toBe(2);
  },
);

it("restarts in an orderly way", async () => {
  const nats = await start();
  await makeStream(nats.url);
  await nats.restart();
  expect(await publish(nats.url)).toBe(1);
});

it("answers nothing while it is paused, and everything after", async () => {
  const nats = await start();
  await withConnection(nats.url, async (connection) => {
    await nats.pause();
    const answer = connection.flush().then(() => "answered");
    const outcome = await Promise.race([answer, connection.rtt().then(() => "rtt"), silence()]);
    expect(outcome).toBe("silence");
    nats.resume();
    expect(await answer).toBe("answered");
  });
});

/** Resolves when a fresh connection attempt has got no answer, which takes its whole time-out. */
async function silence(): Promise<string> {
  const { url } = server as NatsServer;
  await connect({ servers: url, timeout: 300, reconnect: false }).catch(() => {});
  return "silence";
}

it("passes further text into the configuration", async () => {
  const nats = await start({
    config: "max_payload: 4096\nauthorization { user: u, password: p }",
  });
  await expect(connect({ servers: nats.url, reconnect: false })).rejects.toThrow(/authorization/i);
  const connection = await connect({ servers: nats.url, user: "u", pass: "p" });
  expect(connection.info?.max_payload).toBe(4096);
  await connection.close();
});

it("shows the server's log when the configuration is refused", async () => {
  await expect(startNatsServer({ config: "no_such_option: 1" })).rejects.toThrow(
    /nats-server did not start[\s\S]*no_such_option/,
  );
});

it("removes its folder when it is stopped, also while paused", async () => {
  const nats = await start();
  await makeStream(nats.url);
  expect(existsSync(nats.storeDir)).toBe(true);
  const { pid } = nats;
  await nats.pause();
  await nats.stop();
  expect(existsSync(nats.storeDir)).toBe(false);
  expect(isProcessAlive(pid)).toBe(false);
});

it("keeps a store that was given to it, for the next server", async () => {
  const folder = await mkdtemp(join(tmpdir(), "given-store-"));
  try {
    const first = await start({ storeDir: folder });
    await makeStream(first.url);
    expect(await publish(first.url)).toBe(1);
    await first.stop();

    const second = await start({ storeDir: folder });
    expect(await publish(second.url)).toBe(2);
    await second.stop();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

it("says so when the port that it is given is taken", async () => {
  const nats = await start();
  await expect(startNatsServer({ port: nats.port })).rejects.toThrow("address already in use");
});

it("ends with the process that started it, even when that is killed, and leaves no folder", async () => {
  const runner = join(import.meta.dirname, "../../support/nats-server.ts");
  const program = `
    import { startNatsServer } from ${JSON.stringify(runner)};
    const { pid, storeDir } = await startNatsServer();
    process.stdout.write(JSON.stringify({ pid, storeDir }) + "\\n");
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const line = await new Promise<Buffer>((resolve) => parent.stdout.once("data", resolve));
  const { pid, storeDir } = JSON.parse(line.toString()) as { pid: number; storeDir: string };
  expect(isProcessAlive(pid)).toBe(true);

  parent.kill("SIGKILL");
  await eventually(() => !isProcessAlive(pid), { within: 10_000, what: "the server to be gone" });
  await eventually(() => !existsSync(storeDir), { within: 10_000, what: "its folder to be gone" });
});
