import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { makeSecretFiles, type SecretFiles } from "../../support/secret-files.ts";

const ACCOUNTS = `accounts {
  main: { jetstream: enabled, users: [{ user: main, password: main-secret }] }
  shop: { jetstream: enabled, users: [
    { user: shop, password: shop-secret }, { user: shop2, password: shop2-secret }
  ] }
}
no_auth_user: main`;

let files: SecretFiles;
let nats: NatsServer;
let sink: EventSink;
let plane: DataPlane;

const withLogin = (secretName: string) =>
  aChannel({
    name: "orders",
    namespace: "shop",
    spec: {
      auth: { usernamePassword: { secret: { secretName } } },
      subscribers: ["quick", "slow"].map((uid) => aSubscriber({ uid, uri: `${sink.url}/${uid}` })),
    },
  });

beforeAll(async () => {
  files = await makeSecretFiles();
  await files.put("shop/first", { username: "shop", password: "shop-secret" });
  await files.put("shop/second", { username: "shop2", password: "shop2-secret" });
  nats = await startNatsServer({ config: ACCOUNTS });
  sink = await startEventSink({
    respond: ({ path }) => ({ status: 202, afterMs: path === "/quick" ? 1_500 : 2_500 }),
  });
  const env = { SECRETS_PATH: files.root };
  plane = await startDataPlane({ nats, channels: [withLogin("first")], env, untilReady: false });
});

afterAll(async () => {
  await plane.stop();
  await sink.close();
  await nats.stop();
  await files.remove();
});

it("an end in the middle of a change of logins confirms every attempt under way, on the login it came by", async () => {
  const within = 20_000;
  const served = { within, what: "the channel to be served" };
  await plane.dispatcher.waitForLog(({ msg }) => msg === "channel is served", served);
  await plane.client("orders", "shop").sendBinary({ id: "1" });
  await sink.waitFor(2, within);
  await plane.write([withLogin("second")]);
  const moved = { within, what: "the second login" };
  await plane.dispatcher.waitForLog(
    ({ msg, login }) => msg === "connected to nats" && login === "shop/second",
    moved,
  );
  expect(await plane.dispatcher.kill("SIGTERM")).toBe(0);
  const shop = await connect({ servers: nats.url, user: "shop", pass: "shop-secret" });
  const { consumers } = await jetstreamManager(shop);
  for (const uid of ["QUICK", "SLOW"]) {
    expect(await consumers.info("KN_SHOP__ORDERS", `KN_SUB_${uid}`)).toMatchObject({
      num_ack_pending: 0,
      ack_floor: { stream_seq: 1 },
    });
  }
  await shop.close();
});
