import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Acks } from "../../../src/nats/acks.ts";
import { Connection } from "../../../src/nats/connection.ts";
import { createLogger } from "../../../src/runtime/logger.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";

const log = createLogger({ name: "test", level: "silent" });
const within = 15_000;

let first: NatsServer;
let second: NatsServer;

beforeAll(async () => {
  [first, second] = await Promise.all([startNatsServer(), startNatsServer()]);
});

afterAll(async () => {
  await Promise.all([first.stop(), second.stop()]);
});

/** Lists what is sent to a server to settle messages. Nobody answers it, so an ack stays unconfirmed. */
async function settledAt({ url }: NatsServer): Promise<{ nc: NatsConnection; seen: string[] }> {
  const nc = await connect({ servers: url });
  const seen: string[] = [];
  nc.subscribe("settle.>", { callback: (_, { subject }) => void seen.push(subject) });
  await nc.flush();
  return { nc, seen };
}

it("an unconfirmed ack goes over to another way to the same server, and not to another server, and nothing comes of the old one then", async () => {
  const atFirst = await settledAt(first);
  const atSecond = await settledAt(second);
  const connection = new Connection({ servers: [first.url], name: "test", log });
  const acks = new Acks(connection);
  const news: string[] = [];
  connection.start();
  const isAt = ({ port }: NatsServer, host: string) =>
    eventually(() => connection.current?.getServer() === `${host}:${port}`, {
      ...{ within, what: `the connection to ${host}:${port}` },
    });
  try {
    await isAt(first, "127.0.0.1");
    connection.listen({
      connected: () => news.push("connected"),
      disconnected: () => news.push("disconnected"),
      elsewhere: () => news.push("elsewhere"),
    });
    news.length = 0;
    acks.ack("settle.one", 60_000);
    await eventually(() => atFirst.seen.length === 1, { within, what: "the ack" });

    connection.retarget({ servers: [`nats://localhost:${first.port}`] });
    await isAt(first, "localhost");
    expect(news).toEqual(["disconnected", "connected"]);
    await eventually(() => atFirst.seen.length === 2, { within, what: "the ack again" });
    expect(acks.unconfirmed).toBe(1);

    news.length = 0;
    const old = connection.current?.subscribe("deliveries", { callback: () => undefined });
    let isLeftAtOnce: boolean | undefined;
    connection.listen({
      // The turn of the change is over before anything can come.
      elsewhere: () => queueMicrotask(() => (isLeftAtOnce = old?.isClosed())),
    });
    connection.retarget({ servers: [second.url] });
    await isAt(second, "127.0.0.1");
    expect(news).toEqual(["disconnected", "elsewhere", "connected"]);
    expect(isLeftAtOnce).toBe(true);
    expect(acks.unconfirmed).toBe(0);
    acks.ack("settle.two", 60_000);
    await eventually(() => atSecond.seen.length > 0, { within, what: "the ack of the second one" });
    expect(new Set(atSecond.seen)).toEqual(new Set(["settle.two"]));
  } finally {
    acks.close();
    await connection.close();
    await Promise.all([atFirst.nc.close(), atSecond.nc.close()]);
  }
});
