import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BodyRoom } from "../../../src/dispatcher/body.ts";
import { type EventServer, startEventServer } from "../../../src/dispatcher/http-server.ts";
import type { ReceiveOutcome } from "../../../src/dispatcher/receive-counters.ts";
import { receiver } from "../../../src/dispatcher/receiver.ts";
import { Routes } from "../../../src/dispatcher/routes.ts";
import { Connection } from "../../../src/nats/connection.ts";
import { Publisher } from "../../../src/nats/publisher.ts";
import { createLogger, type Logger } from "../../../src/runtime/logger.ts";
import { createMetrics } from "../../../src/runtime/metrics.ts";
import {
  type Answer,
  binaryRequest,
  createCloudEventClient,
} from "../../support/cloud-event-client.ts";
import { freePort } from "../../support/free-port.ts";

const LIMITS = { headersTimeoutMs: 10_000, requestTimeoutMs: 10_000, keepAliveTimeoutMs: 10_000 };
const ROOM_BYTES = 1_000;

let server: EventServer;
let publisher: Publisher;
let isSourceDown = false;
const room = new BodyRoom(ROOM_BYTES);
const logged: unknown[][] = [];
const counted: ReceiveOutcome[] = [];

beforeAll(async () => {
  const quiet = createLogger({ name: "test", level: "silent" });
  const log = { error: (...line: unknown[]) => void logged.push(line) } as unknown as Logger;
  // Nobody listens there: what is published waits until its deadline.
  const connection = new Connection({
    servers: [`127.0.0.1:${await freePort()}`],
    name: "t",
    log: quiet,
  });
  publisher = new Publisher({ connection, maxInFlight: 1, timeoutMs: 1_000 });
  const routes = new Routes("cluster.local");
  const channels = {
    broken: () => {
      throw new Error("a fault of the policy");
    },
    closed: () => "The policy of the channel does not let you send.",
    open: () => true as const,
  };
  for (const [name, policy] of Object.entries(channels)) {
    routes.set(
      { namespace: "default", name },
      {
        key: `default/${name}`,
        store: {
          publisher,
          stream: "S",
          subject: "s",
          maxMessageBytes: () => 1_000_000,
          onUnavailable: () => undefined,
        },
        readOnly: undefined,
        isUndecided: () => false,
        policy,
        count: (outcome) => void counted.push(outcome),
        countType: () => undefined,
      },
    );
  }
  server = await startEventServer({
    port: 0,
    limits: LIMITS,
    receive: receiver({
      routes,
      room,
      log,
      tracing: { current: undefined },
      metrics: createMetrics(),
      sourceIsDown: () => isSourceDown,
    }),
  });
});

afterAll(async () => {
  await server.drain({ quietMs: 0, atMostMs: 0 });
  await publisher.end();
});

/** Sends events at once to a path, each over a connection of its own. */
async function send(path: string, ...bodies: string[]): Promise<Answer[]> {
  const client = createCloudEventClient({ port: server.port, host: "a-kn-jsm-channel.b", path });
  const answers = bodies.map((data) => client.request(binaryRequest({ data })));
  return await Promise.all(answers).finally(() => client.close());
}

describe("the receiver", () => {
  it("answers 500 to what nobody expected, logs it once, and goes on", async () => {
    const [first] = await send("/default/broken", "{}");
    expect(first).toMatchObject({ status: 500 });
    expect(first?.body).toBe("Something is wrong here; the log says more.\n");
    expect(logged).toEqual([
      [
        { error: new Error("a fault of the policy"), channel: "default/broken" },
        "a request failed unexpectedly",
      ],
    ]);
    const [second] = await send("/default/broken", "{}");
    expect(second).toMatchObject({ status: 500 });
    expect(counted.splice(0)).toEqual(["failed", "failed"]);
  });

  it("answers 403 with the reason when the policy says no", async () => {
    expect(await send("/default/closed", "{}")).toMatchObject([
      { status: 403, body: "The policy of the channel does not let you send.\n" },
    ]);
    expect(counted.splice(0)).toEqual(["forbidden"]);
  });

  it("answers 503 to an unknown address while nobody knows which channels there are", async () => {
    isSourceDown = true;
    const answers = [...(await send("/", "{}")), ...(await send("/default/none", "{}"))];
    isSourceDown = false;
    expect(answers).toMatchObject([
      { status: 503, headers: { "retry-after": "1" } },
      { status: 503, headers: { "retry-after": "1" } },
    ]);
  });

  it("answers 503 when there is no connection until the deadline, or too many wait for it", async () => {
    const answers = await send("/default/open", "{}", "{}");
    const bodies = answers.map(({ body }) => body).sort();
    expect(bodies).toEqual([
      "Not stored: there is no connection to NATS.\n",
      "Not stored: too many events wait to be stored.\n",
    ]);
    for (const { status, headers } of answers) {
      expect([status, headers["retry-after"]]).toEqual([503, "1"]);
    }
    expect(counted.splice(0)).toEqual(["unavailable", "unavailable"]);
    expect(publisher.inFlight).toBe(0);
    expect(room.usedBytes).toBe(0);
  });

  it("answers 503 when the events under way have too many bytes together, and goes on", async () => {
    const answers = await send("/default/open", "x".repeat(700), "y".repeat(700));
    expect(answers.map(({ status }) => status)).toEqual([503, 503]);
    expect(answers.map(({ body }) => body).sort()).toEqual([
      "Not stored: there is no connection to NATS.\n",
      "Too many events are being received.\n",
    ]);
    expect(room.usedBytes).toBe(0);
    expect(await send("/default/open", "z")).toMatchObject([
      { body: "Not stored: there is no connection to NATS.\n" },
    ]);
    counted.length = 0;
  });

  it("skips the rest of an event for which there was no room, so that the next one can come", async () => {
    const client = createCloudEventClient({
      port: server.port,
      host: "a",
      path: "/default/open",
      connections: 1,
    });
    const large = binaryRequest({ data: "x".repeat(200_000) });
    const answers = [await client.request(large), await client.request(binaryRequest({}))];
    client.close();
    expect(answers.map(({ body }) => body)).toEqual([
      "Too many events are being received.\n",
      "Not stored: there is no connection to NATS.\n",
    ]);
    expect(room.usedBytes).toBe(0);
  });
});
