/**
 * A data plane whose dispatcher logs in as a user with permissions, and what such a dispatcher has to be able to do: the
 * whole life of the channel shop/orders.
 */
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { expect } from "vitest";
import { aChannel, aSubscriber, type ChannelObject } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type EventSink, type SinkAnswer, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { makeSecretFiles } from "../../support/secret-files.ts";
import { eventAnswer } from "../delivery/lanes.ts";
import { type ShownPage, shownPage } from "../standalone/standalone-world.ts";

/** Is the user that the tests look around with, for the server's configuration. */
export const ADMIN_USER = "{ user: admin, password: secret }";

const ANSWERS: Record<string, SinkAnswer> = {
  "/replies": eventAnswer("answer"),
  "/fails": { status: 500 },
};
/** A file must have a channel; this one is refused, and so nothing is asked of NATS for it. */
const NO_CHANNEL = aChannel({ name: "none", spec: { stream: { config: { retention: "None" } } } });
const within = 20_000;

/** Says how a world starts. */
export interface PermittedWorldOptions {
  /** Users with the password `secret`, for the server's configuration; the administrator among them. */
  config: string;
  /** The server's JetStream domain. */
  domain?: string;
  /** The domain of a server that the dispatcher reaches only as this one's leaf node. */
  hubDomain?: string;
  /** The user that the dispatcher is. */
  user: string;
  /** The `jetstream` part of the dispatcher's configuration. */
  naming?: { domain?: string; subjectPrefix?: string; streamPrefix?: string };
}

/** Is `/channels`, with what the server denies. */
export type PermittedPage = ShownPage & { nats: { denied: string[]; lastError?: string } };

/** Holds the world. */
export interface PermittedWorld {
  readonly plane: DataPlane;
  readonly jsm: JetStreamManager;
  readonly sink: EventSink;
  /** Replaces all channels. */
  write(...channels: ChannelObject[]): Promise<void>;
  /** Has the dispatcher log in as another user. */
  logInAs(user: string): Promise<void>;
  page(): Promise<PermittedPage>;
  /** Expects that the server has refused nothing to anybody. */
  expectNoViolation(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts it, without channels. */
export async function startPermittedWorld(options: PermittedWorldOptions): Promise<PermittedWorld> {
  const { naming = {} } = options;
  const files = await makeSecretFiles();
  const servers = await startServers(options);
  const [nats] = servers;
  const sink = await startEventSink({ respond: ({ path }) => ANSWERS[path] ?? { status: 202 } });
  const logInAs = (username: string) => files.mount("nats", { username, password: "secret" });
  await logInAs(options.user);
  const plane = await startDataPlane({
    nats,
    user: { user: "admin", pass: "secret" },
    jetstream: naming,
    login: { auth: { usernamePassword: { secret: { secretName: "nats" } } } },
    env: { SECRETS_PATH: files.root },
    channels: [NO_CHANNEL],
  });
  const page = async () => (await shownPage(plane.dispatcher)) as PermittedPage;
  return {
    plane,
    jsm: await jetstreamManager(plane.nc, naming.domain ? { domain: naming.domain } : {}),
    sink,
    write: (...channels) => plane.write([NO_CHANNEL, ...channels]),
    logInAs,
    page,
    async expectNoViolation() {
      expect((await page()).nats.denied).toEqual([]);
      expect(plane.dispatcher.logs.filter(({ denied }) => denied !== undefined)).toEqual([]);
      const lines = servers.flatMap(({ log }) => log);
      expect(lines.filter((line) => /violation/i.test(line))).toEqual([]);
    },
    async stop() {
      await plane.stop();
      await sink.close();
      await Promise.all(servers.map((server) => server.stop()));
      await files.remove();
    },
  };
}

/** Starts the server, and the one that it is a leaf node of. */
async function startServers({
  config,
  domain,
  hubDomain,
}: PermittedWorldOptions): Promise<[NatsServer, ...NatsServer[]]> {
  const jetstream = domain === undefined ? "" : `domain: ${domain}`;
  if (hubDomain === undefined) return [await startNatsServer({ config, jetstream })];
  const hub = await startNatsServer({
    config: 'leafnodes { listen: "127.0.0.1:-1" }',
    jetstream: `domain: ${hubDomain}`,
  });
  const varz = (await (await fetch(`${hub.monitorUrl}/varz`)).json()) as { leaf: { port: number } };
  const remote = `leafnodes { remotes: [ { url: "nats-leaf://127.0.0.1:${varz.leaf.port}" } ] }`;
  return [await startNatsServer({ config: `${config}\n${remote}`, jetstream }), hub];
}

/** Makes the channel shop/orders: one subscriber replies, and one fails until its events are dead letters. */
export function ordersChannel(
  sink: EventSink,
  parts: { subscribers?: string[]; spec?: Record<string, unknown> } = {},
): ChannelObject {
  const all = [
    aSubscriber({ uid: "replies", uri: `${sink.url}/replies`, replyUri: `${sink.url}/reply` }),
    aSubscriber({
      uid: "fails",
      uri: `${sink.url}/fails`,
      delivery: {
        retry: 1,
        backoffPolicy: "linear",
        backoffDelay: "PT0.05S",
        deadLetterSink: { uri: `${sink.url}/dead` },
      },
    }),
  ];
  const { subscribers: uids = ["replies", "fails"], spec } = parts;
  const subscribers = all.filter(({ uid }) => uids.includes(uid));
  const stream = { deletionPolicy: "Delete" };
  return aChannel({ name: "orders", namespace: "shop", spec: { stream, ...spec, subscribers } });
}

/** Takes shop/orders through its life: made, filled, delivered, edited, with a subscriber less, deleted. */
export async function liveOnce(world: PermittedWorld, stream: string): Promise<void> {
  const { plane, sink, jsm } = world;
  await world.write(ordersChannel(sink));
  await sendsAndDelivers(world, "first");
  await plane.dispatcher.metrics();

  const spec = {
    stream: { deletionPolicy: "Delete", config: { description: "edited" } },
    consumerConfigTemplate: { ackWait: "20s" },
  };
  await world.write(ordersChannel(sink, { spec }));
  await eventually(async () => (await jsm.streams.info(stream)).config.description === "edited", {
    within,
    what: "the edited stream",
  });
  await eventually(
    async () => (await jsm.consumers.info(stream, "KN_SUB_FAILS")).config.ack_wait === 20e9,
    { within, what: "the edited consumer" },
  );

  await world.write(ordersChannel(sink, { spec, subscribers: ["replies"] }));
  await eventually(async () => (await jsm.streams.info(stream)).state.consumer_count === 1, {
    within,
    what: "the removed subscriber's consumer to go",
  });
  await world.write();
  await eventually(() => jsm.streams.info(stream).then(() => false, isStreamNotFound), {
    within,
    what: "the deleted channel's stream to go",
  });
}

/** Sends an event to shop/orders and waits until it, its reply and its dead letter are where they belong, and settled. */
export async function sendsAndDelivers({ plane, sink, page }: PermittedWorld, id: string) {
  const client = plane.client("orders", "shop");
  await eventually(async () => (await client.sendBinary({ id })).status === 202, {
    within,
    what: `event ${id} to be taken`,
  });
  const paths = ["/replies", "/fails", "/dead"];
  const arrived = (path: string, event: string) =>
    sink.requests.some((one) => one.path === path && one.event?.id === event);
  await eventually(() => paths.every((path) => arrived(path, id)) && arrived("/reply", "answer"), {
    within,
    what: `event ${id} at the subscribers, the reply and the dead letter`,
  });
  await eventually(
    async () => {
      const { channels } = await page();
      const channel = channels.find((one) => one.channel === "shop/orders");
      const counts = channel?.subscribers as { inFlight?: number }[] | undefined;
      return counts?.length === 2 && counts.every(({ inFlight }) => inFlight === 0);
    },
    { within, what: `event ${id} to be settled` },
  );
}

function isStreamNotFound(error: unknown): boolean {
  return String(error).includes("stream not found");
}
