/**
 * A whole data plane of 127.0.0.1 for a test: a nats-server, a dispatcher process and its files in a folder of their own.
 *
 * Several channels, namespaces or subscribers in one data plane are cheaper than several data planes.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Authenticator, connect, type NatsConnection } from "@nats-io/transport-node";
import { dump } from "js-yaml";
import { type ChannelObject, writeChannels } from "./channels-file.ts";
import { type CloudEventClient, createCloudEventClient } from "./cloud-event-client.ts";
import { type DispatcherProcess, startDispatcher } from "./dispatcher-process.ts";
import { type NatsServer, startNatsServer } from "./nats-server.ts";

/** Ends quickly and logs nothing of the peace of a real shutdown. */
const QUICK = { quietPeriod: "PT0.1S", gracePeriod: "PT15S" };

/** Says what a data plane starts with. */
export interface DataPlaneOptions {
  channels: ChannelObject[];
  /** The `dispatch` part of the configuration file. */
  dispatch?: Record<string, unknown>;
  /** Its `jetstream` part. */
  jetstream?: Record<string, unknown>;
  /** Its further parts: `auth`, `tls`. */
  login?: Record<string, unknown>;
  /** How the test's own connection logs in. */
  user?: { user: string; pass: string } | { authenticator: Authenticator };
  /** A nats-server that the test has started itself, and stops itself. */
  nats?: NatsServer;
  /** Where the dispatcher and the test's own connection are told that NATS is; without it at that one server. */
  urls?: readonly string[];
  env?: Record<string, string>;
  untilReady?: boolean;
}

/** Holds a running data plane. */
export interface DataPlane {
  readonly nats: NatsServer;
  /** The present dispatcher: another one after `restartDispatcher`. */
  readonly dispatcher: DispatcherProcess;
  readonly channelsPath: string;
  /** A connection of the test's own, for looking at streams and consumers. */
  readonly nc: NatsConnection;
  /** A client whose requests go to the address of a channel of namespace default. */
  client(channel: string, namespace?: string): CloudEventClient;
  /** Replaces the file of channels. */
  write(channels: ChannelObject[]): Promise<void>;
  /** Ends the dispatcher with a signal and starts another one on the same files. */
  restartDispatcher(signal?: NodeJS.Signals): Promise<void>;
  /** Starts a further replica on the same files and nats-server, with these variables instead; the test ends it. */
  startReplica(env?: Record<string, string>): Promise<DispatcherProcess>;
  stop(): Promise<void>;
}

/** Starts a data plane, ready unless said otherwise. */
export async function startDataPlane(options: DataPlaneOptions): Promise<DataPlane> {
  const folder = await mkdtemp(join(tmpdir(), "jetstream-channel-test-"));
  const channelsPath = join(folder, "channels.yaml");
  const configPath = join(folder, "eventing-jetstream.yaml");
  const { jetstream = {}, dispatch, login, user } = options;
  const config = { ...login, dispatch: { ...QUICK, ...dispatch }, jetstream };
  await writeFile(configPath, dump(config));
  await writeChannels(channelsPath, options.channels);
  const nats = options.nats ?? (await startNatsServer());
  const urls = [...(options.urls ?? [nats.url])];
  const start = (env: Record<string, string> = {}) =>
    startDispatcher({
      channelsPath,
      natsUrl: urls.join(","),
      env: { NATS_CONFIG_PATH: configPath, ...options.env, ...env },
      untilReady: options.untilReady ?? true,
    });
  const clear = async (): Promise<void> => {
    if (options.nats === undefined) await nats.stop();
    await rm(folder, { recursive: true, force: true });
  };
  let dispatcher = await start().catch(async (error: unknown) => {
    await clear();
    throw error;
  });
  const clients: CloudEventClient[] = [];
  const nc = await connect({
    servers: urls,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
    ...user,
  });
  return {
    nats,
    channelsPath,
    nc,
    get dispatcher() {
      return dispatcher;
    },
    client(channel, namespace = "default") {
      const host = `${channel}-kn-jsm-channel.${namespace}.svc.cluster.local`;
      const client = createCloudEventClient({ port: dispatcher.httpPort, host });
      clients.push(client);
      return client;
    },
    write: (channels) => writeChannels(channelsPath, channels),
    async restartDispatcher(signal = "SIGTERM") {
      await dispatcher.kill(signal);
      dispatcher = await start();
    },
    startReplica: start,
    async stop() {
      for (const client of clients) client.close();
      await nc.close();
      await dispatcher.kill("SIGKILL");
      await clear();
    },
  };
}
