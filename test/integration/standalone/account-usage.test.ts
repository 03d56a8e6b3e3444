import { type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, credsAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AccountUsage } from "../../../src/dispatcher/account-usage.ts";
import { NatsClient } from "../../../src/nats/client.ts";
import { createLogger } from "../../../src/runtime/logger.ts";
import { createMetrics } from "../../../src/runtime/metrics.ts";
import { eventually } from "../../support/eventually.ts";
import { makeOperator } from "../../support/nats-jwt.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";

const CONFIG = `accounts {
  FREE { jetstream: enabled, users: [{ user: free, password: secret }] }
  LIMITED {
    jetstream { max_file: 1MB, max_mem: 4KB, max_streams: 5, max_consumers: 7 }
    users: [{ user: limited, password: secret }]
  }
}`;
let nats: NatsServer;
let nc: NatsConnection;
let jsm: JetStreamManager;
const clients: NatsClient[] = [];

beforeAll(async () => {
  nats = await startNatsServer({ config: CONFIG });
  nc = await connect({ servers: nats.url, user: "limited", pass: "secret" });
  jsm = await jetstreamManager(nc);
  await jsm.streams.add({ name: "A", subjects: ["a"], max_bytes: 100_000 });
  await jsm.streams.add({ name: "B", subjects: ["b"], storage: "memory" });
  await jsm.consumers.add("A", { durable_name: "C", ack_policy: "explicit" });
  await jetstream(nc).publish("b", "x".repeat(1_000));
});

afterAll(async () => {
  for (const client of clients) await client.connection.close();
  await nc.close();
  await nats.stop();
});

async function clientOf(user: string): Promise<NatsClient> {
  const client = new NatsClient({
    servers: [nats.url.replace("//", `//${user}:secret@`)],
    name: user,
    login: undefined,
    log: createLogger({ name: "test", level: "silent" }),
    domain: "",
    maxPublishes: 1,
    publishTimeoutMs: 1_000,
  });
  clients.push(client);
  client.connection.start();
  const what = "a connection";
  await eventually(() => client.connection.current !== undefined, { within: 10_000, what });
  return client;
}

/** Observes once and gives the series, without what all their names have in common. */
async function seriesOf(user: string): Promise<Record<string, string>> {
  const metrics = createMetrics();
  await new AccountUsage(metrics).observe([{ name: user, client: await clientOf(user) }]);
  return seriesIn(metrics);
}

async function seriesIn({ registry }: ReturnType<typeof createMetrics>) {
  const lines = (await registry.metrics()).matchAll(/^jetstream_channel_account_(\S+) (\S+)$/gm);
  return Object.fromEntries([...lines].map(([, name = "", value = ""]) => [name, value]));
}

describe("what an account uses of JetStream", () => {
  it("is told with what it may", async () => {
    const { 'used_bytes{login="limited",tier="all",storage="memory"}': used, ...others } =
      await seriesOf("limited");
    expect(Number(used)).toBeGreaterThan(1_000);
    const labels = 'login="limited",tier="all"';
    expect(others).toEqual({
      [`used_bytes{${labels},storage="file"}`]: "0",
      [`reserved_bytes{${labels},storage="file"}`]: "100000",
      [`reserved_bytes{${labels},storage="memory"}`]: "0",
      [`limit_bytes{${labels},storage="file"}`]: "1048576",
      [`limit_bytes{${labels},storage="memory"}`]: "4096",
      [`streams{${labels}}`]: "2",
      [`streams_limit{${labels}}`]: "5",
      [`consumers{${labels}}`]: "1",
      [`consumers_limit{${labels}}`]: "7",
    });
  });

  it("has no end where there is no limit, so that a share of it is 0", async () => {
    const series = await seriesOf("free");
    const limits = Object.entries(series).filter(([name]) => name.includes("limit"));
    expect(limits.map(([, value]) => value)).toEqual(["+Inf", "+Inf", "+Inf", "+Inf"]);
  });

  it("is asked of the server once for many scrapes", async () => {
    let asked = 0;
    const subscription = nc.subscribe("$JS.API.INFO", {
      callback: () => {
        asked += 1;
      },
    });
    await nc.flush();
    const usage = new AccountUsage(createMetrics());
    const logins = [{ name: "limited", client: await clientOf("limited") }];
    for (let scrapes = 0; scrapes < 5; scrapes++) await usage.observe(logins);
    await nc.flush();
    subscription.unsubscribe();
    expect(asked).toBe(1);
  });

  it("is left out while the server does not answer, which holds up nobody for long", async () => {
    const client = await clientOf("limited");
    const metrics = createMetrics();
    await nats.pause();
    const start = performance.now();
    await new AccountUsage(metrics).observe([{ name: "limited", client }]);
    const took = performance.now() - start;
    nats.resume();
    expect(took).toBeLessThan(3_000);
    expect(await seriesIn(metrics)).toEqual({});
  });
});

it("limits for each number of replicas are told as such", async () => {
  const limits = { mem_storage: 0, disk_storage: 1_000_000, streams: 3, consumer: -1 };
  const operator = makeOperator({ tiered_limits: { R1: limits } });
  const server = await startNatsServer({ config: operator.config });
  const authenticator = credsAuthenticator(new TextEncoder().encode(operator.credentials()));
  const tiered = await connect({ servers: server.url, authenticator });
  try {
    const manager = await jetstreamManager(tiered);
    await manager.streams.add({ name: "A", subjects: ["a"] });
    const metrics = createMetrics();
    const usage = new AccountUsage(metrics);
    await usage.observe([{ name: "dispatcher", client: { jetstream: async () => manager } }]);
    const labels = 'login="dispatcher",tier="R1"';
    expect(await seriesIn(metrics)).toMatchObject({
      [`limit_bytes{${labels},storage="file"}`]: "1000000",
      [`streams{${labels}}`]: "1",
      [`streams_limit{${labels}}`]: "3",
      [`consumers_limit{${labels}}`]: "+Inf",
    });
  } finally {
    await tiered.close();
    await server.stop();
  }
});
