/**
 * A dispatcher whose login is rotated under load and which is killed (kill -9) meanwhile: as a process of its own, behind a
 * gate that stops its connections where a test says.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { dump } from "js-yaml";
import { expect } from "vitest";
import { writeChannels } from "../../support/channels-file.ts";
import {
  type ConnectionGate,
  type GatedConnection,
  startConnectionGate,
} from "../../support/connection-gate.ts";
import { type DispatcherProcess, startDispatcher } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { makeSecretFiles, type Values } from "../../support/secret-files.ts";
import { judge, type Load, type Subscribers, startLoad, startSubscribers } from "../faults/load.ts";

/** Names the Secret that is rotated. */
export const SECRET = "nats";

/** Is a way to log in, with two logins that take turns. */
export interface Way {
  /** The `auth` and `tls` of the dispatcher's configuration file. */
  login: Record<string, unknown>;
  /** Gives the server's configuration, where it takes only one of the logins: the one of this version. */
  server(version: number): string;
  /** Says that the server takes one login at a time: it ends the old one's connections as it takes the new one. */
  isExclusive?: boolean;
  /** What the Secret has. */
  secrets: readonly [Values, Values];
  /** How the server calls who has logged in, where that tells one from the other. */
  users?: readonly [string, string];
}

/** Holds what runs. */
export interface RotationWorld {
  readonly gate: ConnectionGate;
  readonly dispatcher: DispatcherProcess;
  /**
   * Puts the other login in place and resolves when the dispatcher knocks with it, and the server would take it: nothing of
   * the new connection has reached the server.
   */
  rotate(): Promise<GatedConnection>;
  /** Writes some of the other login's values in place, and the rest of them stays for `putRest`. */
  putFirst(pick: (secrets: Values) => Values): Promise<void>;
  putRest(): Promise<void>;
  /** Ends the dispatcher with kill -9, breaks what it left open, and starts another one. */
  killAndStart(options?: { untilReady: boolean }): Promise<void>;
  /** Resolves when the server has one connection, of the login that the files have, and events flow. */
  isLoggedIn(): Promise<void>;
  connections(): Promise<ServerConnection[]>;
  /** Ends the load; fails when anything acknowledged is missing. */
  judge(what: string): Promise<void>;
  stop(): Promise<void>;
}

/** Is a connection of the dispatcher as the server's monitoring has it. */
export interface ServerConnection {
  cid: number;
  name?: string;
  authorized_user?: string;
  subscriptions: number;
}

const within = 15_000;

/** Starts the server, the dispatcher with the first login, and the load. */
export async function startRotationWorld(way: Way): Promise<RotationWorld> {
  const folder = await mkdtemp(join(tmpdir(), "rotation-"));
  const channelsPath = join(folder, "channels.yaml");
  const configPath = join(folder, "eventing-jetstream.yaml");
  const files = await makeSecretFiles();
  await files.mount(SECRET, way.secrets[0]);
  const subscribers = await startSubscribers();
  await writeFile(configPath, dump(way.login));
  await writeChannels(channelsPath, subscribers.channels);
  const { nats, goOver } = await startServer(way, folder);
  const gate = await startConnectionGate(nats.port);
  const start = (untilReady: boolean) =>
    startDispatcher({
      channelsPath,
      natsUrl: `nats://127.0.0.1:${gate.port}`,
      env: { NATS_CONFIG_PATH: configPath, SECRETS_PATH: files.root },
      untilReady,
    });
  let dispatcher = await start(true);
  const load = startLoad(subscribers.ledger, () => [dispatcher.httpPort]);
  let version = 0;
  const knockAfter = async (change: () => Promise<void>): Promise<GatedConnection> => {
    const knock = gate.next();
    await change();
    return await knock;
  };
  return {
    gate,
    get dispatcher() {
      return dispatcher;
    },
    async rotate() {
      version = 1 - version;
      const knock = await knockAfter(() => files.mount(SECRET, secretsOf(way, version)));
      if (!way.isExclusive) {
        await goOver(version);
        return knock;
      }
      await knock.pass();
      await saysThatItKeepsTheOld(dispatcher);
      return await knockAfter(() => goOver(version));
    },
    async putFirst(pick) {
      version = 1 - version;
      await files.put(SECRET, pick(secretsOf(way, version)));
    },
    putRest: () => files.put(SECRET, secretsOf(way, version)),
    async killAndStart({ untilReady } = { untilReady: true }) {
      await dispatcher.kill("SIGKILL");
      for (const connection of gate.open) connection.cut();
      dispatcher = await start(untilReady);
    },
    connections: () => connectionsOf(nats),
    async isLoggedIn() {
      const user = way.users?.[version];
      await eventually(
        async () => {
          const connections = await connectionsOf(nats);
          expect(connections).toHaveLength(1);
          if (user !== undefined) expect(connections[0]).toMatchObject({ authorized_user: user });
        },
        { within, what: "the new login's connection and no other" },
      );
      await load.acknowledges(50);
    },
    judge: (what) => judgeLoad(what, subscribers, load),
    async stop() {
      await dispatcher.kill("SIGKILL");
      await gate.close();
      await nats.stop();
      await subscribers.close();
      await files.remove();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Resolves when the dispatcher has found that a changed login does not work. */
export async function saysThatItKeepsTheOld(dispatcher: DispatcherProcess): Promise<void> {
  const msg = "changed login to nats does not work, keeping the connection";
  await dispatcher.waitForLog((line) => line.msg === msg, { within, what: "the log line" });
}

function secretsOf({ secrets: [first, second] }: Way, version: number): Values {
  return version === 0 ? first : second;
}

async function judgeLoad(what: string, subscribers: Subscribers, load: Load): Promise<void> {
  await load.finish();
  const { receivers, ...counts } = await judge(what, subscribers.ledger, load);
  expect(counts.acknowledged).toBe(counts.sent);
  const nothingMissing = { missing: 0, unknown: 0 };
  expect(receivers).toMatchObject({ steady: nothingMissing, moody: nothingMissing });
}

/** Starts a server that can be made to take the other login. */
async function startServer(way: Way, folder: string) {
  const path = join(folder, "login.conf");
  let present = way.server(0);
  await writeFile(path, present);
  // An included file is looked for from the folder of the server's own, which is in the same temporary folder.
  const nats = await startNatsServer({ config: `include "../${basename(folder)}/login.conf"` });
  const loadedAt = async () =>
    (await monitor<{ config_load_time: string }>(nats, "varz")).config_load_time;
  return {
    nats,
    async goOver(version: number) {
      const next = way.server(version);
      if (next === present) return;
      present = next;
      const before = await loadedAt();
      await writeFile(path, next);
      process.kill(nats.pid, "SIGHUP");
      const isReloaded = async () => (await loadedAt()) !== before;
      await eventually(isReloaded, { within, what: "the server to read its configuration" });
    },
  };
}

async function connectionsOf(nats: NatsServer): Promise<ServerConnection[]> {
  const { connections } = await monitor<{ connections: ServerConnection[] }>(
    nats,
    "connz?auth=true",
  );
  return connections;
}

async function monitor<T>(nats: NatsServer, path: string): Promise<T> {
  const response = await fetch(`${nats.monitorUrl}/${path}`);
  return (await response.json()) as T;
}
