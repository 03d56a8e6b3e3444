import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aChannel, aSubscriber, type ChannelObject } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { createLedger } from "../../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { makeSecretFiles, type SecretFiles } from "../../support/secret-files.ts";
import { startSenders } from "./senders.ts";

const ACCOUNTS = `accounts {
  main: { jetstream: enabled, users: [{ user: main, password: main-secret }] }
  shop: { jetstream: enabled, users: [
    { user: shop, password: shop-secret }, { user: shop2, password: shop2-secret }
  ] }
  bank: { jetstream: enabled, users: [{ user: bank, password: bank-secret }] }
  poor: { users: [{ user: poor, password: poor-secret }] }
}`;
const MAIN = { user: "main", pass: "main-secret" };

let files: SecretFiles;
let nats: NatsServer;
let sink: EventSink;
let plane: DataPlane;
let shop: NatsConnection;
let bank: NatsConnection;

const loginWith = (secretName: string) => ({ usernamePassword: { secret: { secretName } } });

/** Makes a channel of the namespace shop that logs in with a Secret of its namespace. */
function withLogin(name: string, secretName: string, spec: Record<string, unknown> = {}) {
  const subscribers = [aSubscriber({ uid: `${name}-one`, uri: `${sink.url}/${name}` })];
  const auth = loginWith(secretName);
  return aChannel({ name, namespace: "shop", spec: { auth, subscribers, ...spec } });
}

const ordinary = aChannel({ name: "ordinary" });
let channels: ChannelObject[];

beforeAll(async () => {
  files = await makeSecretFiles();
  await files.put("main", { username: "main", password: "main-secret" });
  await files.mount("shop/login", { username: "shop", password: "shop-secret" });
  await files.put("shop/bank", { username: "bank", password: "bank-secret" });
  await files.put("shop/poor", { username: "poor", password: "poor-secret" });
  // Of the same name, in the dispatcher's own namespace: nobody but the dispatcher may use it.
  await files.put("default/late", { username: "main", password: "main-secret" });
  nats = await startNatsServer({ config: ACCOUNTS });
  sink = await startEventSink();
  channels = [
    ordinary,
    withLogin("orders", "login"),
    withLogin("returns", "login"),
    withLogin("late", "late"),
    withLogin("poor", "poor"),
    withLogin("moving", "login", { stream: { deletionPolicy: "Delete" } }),
  ];
  plane = await startDataPlane({
    nats,
    user: MAIN,
    login: { auth: loginWith("main") },
    env: { SECRETS_PATH: files.root, POD_NAME: "pod-1" },
    channels,
  });
  shop = await connect({ servers: nats.url, user: "shop", pass: "shop-secret" });
  bank = await connect({ servers: nats.url, user: "bank", pass: "bank-secret" });
});

afterAll(async () => {
  await Promise.all([shop.close(), bank.close()]);
  await plane.stop();
  await sink.close();
  await nats.stop();
  await files.remove();
});

async function streamsOf(nc: NatsConnection): Promise<string[]> {
  return (await (await jetstreamManager(nc)).streams.names().next()).sort();
}

/** Lists the dispatcher's connections as the server knows them: user and name. */
async function connections(): Promise<string[]> {
  const response = await fetch(`${nats.monitorUrl}/connz?auth=true`);
  const body = (await response.json()) as {
    connections: { authorized_user: string; name?: string }[];
  };
  return body.connections
    .filter(({ name }) => name?.startsWith("jetstream-channel"))
    .map(({ authorized_user, name }) => `${authorized_user}: ${name}`)
    .sort();
}

interface ShownChannel {
  channel: string;
  ready: boolean;
  login?: string;
  reason?: string;
  message?: string;
  unapplied?: { path: string; reason: string }[];
}

async function shown(name: string): Promise<ShownChannel | undefined> {
  const page = (await plane.dispatcher.channels()) as { channels: ShownChannel[] };
  return page.channels.find(({ channel }) => channel === `shop/${name}`);
}

const isReady = (name: string) =>
  eventually(async () => (await shown(name))?.ready === true, {
    within: 20_000,
    what: `${name} to be ready`,
  });

const received = (name: string) => sink.requests.filter(({ path }) => path === `/${name}`).length;

describe("a channel with a login of its own", () => {
  it("has its stream, its events and its deliveries in the account of that login", async () => {
    await isReady("orders");
    const ids = Array.from({ length: 20 }, (_, i) => `order-${i}`);
    const client = plane.client("orders", "shop");
    for (const id of ids) expect(await client.sendBinary({ id })).toMatchObject({ status: 202 });
    await eventually(() => received("orders") >= 20, { within: 20_000, what: "deliveries" });
    expect(await streamsOf(plane.nc)).toEqual(["KN_DEFAULT__ORDINARY"]);
    expect(await streamsOf(shop)).toContain("KN_SHOP__ORDERS");
    expect(await shown("orders")).toMatchObject({ login: "shop/login" });
  });

  it("shares a connection with the channels of its namespace that have the same login", async () => {
    await isReady("returns");
    expect(await connections()).toEqual([
      "main: jetstream-channel-dispatcher pod-1",
      "poor: jetstream-channel-dispatcher pod-1 shop/poor",
      "shop: jetstream-channel-dispatcher pod-1 shop/login",
    ]);
    expect(await plane.dispatcher.metrics()).toContain(
      'jetstream_channel_nats_connected{login="shop/login"} 1',
    );
  });

  it("keeps no other channel from being served while its login does not work, and says why", async () => {
    // startDataPlane has waited for /readyz.
    const reason =
      /^spec\.auth: cannot log in to NATS: key "username" of Secret "late" is not there/;
    await eventually(async () => (await shown("late"))?.reason === "LoginFailed", {
      within: 20_000,
      what: "the reason",
    });
    expect(await shown("late")).toMatchObject({
      ready: false,
      message: expect.stringMatching(reason),
    });
    const answer = await plane.client("late", "shop").sendBinary({});
    expect(answer).toMatchObject({ status: 503, body: expect.stringContaining("spec.auth") });
    expect(await plane.client("ordinary").sendBinary({})).toMatchObject({ status: 202 });
  });

  it("keeps no other channel from being served either while its account has no JetStream", async () => {
    await eventually(async () => (await shown("poor"))?.reason === "LoginFailed", {
      within: 20_000,
      what: "the reason",
    });
    expect((await shown("poor"))?.message).toMatch(/^spec\.auth: .*JetStream not enabled/);
    expect(await plane.dispatcher.readiness()).toBe(200);
  });

  it("is served as soon as its login works", async () => {
    await files.put("shop/late", { username: "shop", password: "wrong-secret" });
    await eventually(async () => /authorization/i.test((await shown("late"))?.message ?? ""), {
      within: 40_000,
      what: "the server's refusal in the message",
    });
    await files.put("shop/late", { username: "shop", password: "shop-secret" });
    await isReady("late");
    const client = plane.client("late", "shop");
    expect(await client.sendBinary({ id: "1" })).toMatchObject({ status: 202 });
    await eventually(() => received("late") === 1, { within: 20_000, what: "the delivery" });
    expect(JSON.stringify(plane.dispatcher.logs)).not.toMatch(/(shop|wrong|main)-secret/);
  });

  it("goes over to a changed login without refusing or losing an event", async () => {
    const ledger = createLedger("returns");
    sink.onRequest = ({ path, event }) => {
      if (path === "/returns") ledger.received("returns", event?.id ?? "");
    };
    const client = plane.client("returns", "shop");
    const senders = startSenders(client, ledger, 4);
    await eventually(() => received("returns") > 50, { within: 20_000, what: "events under way" });
    await files.mount("shop/login", { username: "shop2", password: "shop2-secret" });
    await eventually(
      async () => (await connections()).some((one) => /^shop2: .* shop\/login$/.test(one)),
      { within: 20_000, what: "the new login" },
    );
    const before = received("returns");
    await eventually(() => received("returns") > before + 50, { within: 20_000, what: "more" });
    await senders.stop();
    await eventually(() => ledger.summary().receivers.returns?.missing === 0, {
      within: 20_000,
      what: "every acknowledged event",
    });
    expect([...senders.statuses]).toEqual([202]);
  });

  it("that is given another login goes on with the one before until the other one works", async () => {
    await isReady("moving");
    const moving = withLogin("moving", "next", { stream: { deletionPolicy: "Delete" } });
    const others = channels.filter(({ metadata }) => metadata.name !== "moving");
    await plane.write([...others, moving]);
    const client = plane.client("moving", "shop");
    await eventually(
      async () => (await shown("moving"))?.unapplied?.some(({ path }) => path === "spec.auth"),
      { within: 20_000, what: "the status to say so" },
    );
    expect((await shown("moving"))?.unapplied).toEqual([
      {
        path: "spec.auth",
        reason: expect.stringMatching(/login before stays in use .*Secret "next" is not there/),
      },
    ]);
    expect(await client.sendBinary({ id: "meanwhile" })).toMatchObject({ status: 202 });
    await eventually(() => received("moving") >= 1, { within: 20_000, what: "the delivery" });
    await files.put("shop/next", { username: "shop2", password: "shop2-secret" });
    await eventually(async () => (await shown("moving"))?.unapplied?.length === 0, {
      within: 20_000,
      what: "the other login to be used",
    });
    expect(await connections()).toContain("shop2: jetstream-channel-dispatcher pod-1 shop/next");
    expect(await client.sendBinary({ id: "after" })).toMatchObject({ status: 202 });
    await eventually(() => received("moving") >= 2, { within: 20_000, what: "the delivery" });
  });

  it("moves to another account when its login is another one, and the connection goes with its last channel", async () => {
    await isReady("moving");
    const moving = withLogin("moving", "bank", { stream: { deletionPolicy: "Delete" } });
    await plane.write([ordinary, moving]);
    await eventually(async () => (await streamsOf(bank)).includes("KN_SHOP__MOVING"), {
      within: 20_000,
      what: "the stream in the other account",
    });
    await eventually(async () => (await connections()).length === 2, {
      within: 40_000,
      what: "the unused connections to end",
    });
    expect(await connections()).toEqual([
      "bank: jetstream-channel-dispatcher pod-1 shop/bank",
      "main: jetstream-channel-dispatcher pod-1",
    ]);
    const client = plane.client("moving", "shop");
    await isReady("moving");
    expect(await client.sendBinary({ id: "moved" })).toMatchObject({ status: 202 });
    // What was stored before is its owner's still: it is not ours to carry from account to account.
    expect(await streamsOf(shop)).toContain("KN_SHOP__MOVING");
  });

  it("deletes its stream under its own login when it is deleted", async () => {
    await plane.write([ordinary]);
    await eventually(async () => (await streamsOf(bank)).length === 0, {
      within: 20_000,
      what: "the stream to go",
    });
    await eventually(async () => (await connections()).length === 1, {
      within: 40_000,
      what: "the unused connection to end",
    });
  });
});
