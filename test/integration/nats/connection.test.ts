import { afterAll, beforeAll, expect, it } from "vitest";
import { Connection } from "../../../src/nats/connection.ts";
import { createLogger } from "../../../src/runtime/logger.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";

let server: NatsServer;
let proxy: TcpProxy;

beforeAll(async () => {
  server = await startNatsServer();
  proxy = await startTcpProxy(server.port);
});

afterAll(async () => {
  await proxy.close();
  await server.stop();
});

it("a connection that is lost at once each time is made again ever more slowly", async () => {
  const log = createLogger({ name: "test", level: "silent" });
  const servers = [`nats://127.0.0.1:${proxy.port}`];
  const connection = new Connection({ servers, name: "test", log });
  const lostAt: number[] = [];
  const waits: number[] = [];
  connection.listen({
    connected: () => {
      const lost = lostAt.at(-1);
      if (lost !== undefined) waits.push(performance.now() - lost);
      proxy.cut();
    },
    disconnected: () => void lostAt.push(performance.now()),
  });
  connection.start();
  try {
    await eventually(() => waits.length >= 4, { within: 40_000, what: "five connections" });
  } finally {
    await connection.close();
  }
  const [first = 0, , third = 0, fourth = 0] = waits;
  expect(first).toBeGreaterThanOrEqual(49);
  expect(third).toBeGreaterThanOrEqual(500);
  expect(fourth).toBeGreaterThanOrEqual(999);
});
