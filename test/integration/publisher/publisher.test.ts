import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Connection } from "../../../src/nats/connection.ts";
import { HeaderBytes, Publisher, type PublishResult } from "../../../src/nats/publisher.ts";
import { createLogger } from "../../../src/runtime/logger.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { lastSequence, storedAt } from "../receiver/stored-messages.ts";

const MAX_PAYLOAD = 10_000;
const log = createLogger({ name: "test", level: "silent" });

let nats: NatsServer;
let nc: NatsConnection;
let connection: Connection;

beforeAll(async () => {
  nats = await startNatsServer({ config: `max_payload: ${MAX_PAYLOAD}` });
  nc = await connect({ servers: nats.url });
  connection = new Connection({ servers: [nats.url], name: "test", log });
  connection.start();
  await eventually(() => connection.current !== undefined, { within: 10_000, what: "NATS" });
});

afterAll(async () => {
  await connection.close();
  await nc.close();
  await nats.stop();
});

async function addStream(name: string, config: Record<string, unknown> = {}): Promise<void> {
  const request = { name, subjects: [name.toLowerCase()], storage: "file", ...config };
  const reply = await nc.request(`$JS.API.STREAM.CREATE.${name}`, JSON.stringify(request));
  expect(reply.json()).not.toHaveProperty("error");
}

/** Holds a publisher of one test, and how often it was told that a stream takes nothing. */
interface Setup {
  publisher: Publisher;
  unavailable: () => number;
  publish(event: {
    stream: string;
    subject?: string;
    id: string;
    data?: Uint8Array;
  }): Promise<PublishResult>;
}

async function withPublisher(
  options: { maxInFlight?: number; timeoutMs?: number },
  use: (setup: Setup) => Promise<void>,
): Promise<void> {
  const publisher = new Publisher({ connection, maxInFlight: 100, timeoutMs: 20_000, ...options });
  let unavailable = 0;
  try {
    await use({
      publisher,
      unavailable: () => unavailable,
      publish: ({ stream, subject = stream.toLowerCase(), id, data = Buffer.from(id) }) =>
        new Promise((resolve, reject) => {
          let results = 0;
          publisher.publish({
            stream,
            subject,
            data,
            headers: new HeaderBytes(Buffer.from(`NATS/1.0\r\nNats-Msg-Id: ${id}\r\n\r\n`)),
            onUnavailable: () => {
              unavailable += 1;
            },
            onResult(result) {
              results += 1;
              if (results > 1) reject(new Error(`a second result: ${JSON.stringify(result)}`));
              resolve(result);
            },
          });
        }),
    });
    expect(publisher.inFlight).toBe(0);
  } finally {
    void publisher.end();
  }
}

describe("a published event", () => {
  it("is stored with its headers and data, and a duplicate is said to be one", async () => {
    await addStream("PLAIN");
    await withPublisher({}, async ({ publish }) => {
      const stored = { outcome: "stored", duplicate: false, sequence: 1 };
      expect(await publish({ stream: "PLAIN", id: "a" })).toEqual(stored);
      expect(await publish({ stream: "PLAIN", id: "a" })).toEqual({ ...stored, duplicate: true });
      const { headers, data } = await storedAt(nc, "PLAIN", 1);
      expect(headers).toBe("NATS/1.0\r\nNats-Msg-Id: a\r\n\r\n");
      expect(data.toString()).toBe("a");
    });
  });

  it("is refused when another stream has the subject, and its owner is told to look", async () => {
    await addStream("OWNER");
    await addStream("CHANNEL");
    await withPublisher({}, async ({ publish, unavailable }) => {
      const result = await publish({ stream: "CHANNEL", subject: "owner", id: "a" });
      expect(result).toEqual({
        outcome: "wrong-stream",
        reason: "stream OWNER took the event, CHANNEL is the channel's",
      });
      expect(unavailable()).toBe(1);
      expect(await lastSequence(nc, "CHANNEL")).toBe(0);
    });
  });

  it.each([
    { what: "whose answer does not come", answer: undefined },
    {
      what: "whose first copy is in process",
      answer: { error: { code: 409, err_code: 10158, description: "in process" } },
    },
  ])("$what is sent again after a second, and then after two", async ({ answer }) => {
    const copiesAt: number[] = [];
    const slow = nc.subscribe("silent", {
      callback: (_error, message) => {
        copiesAt.push(performance.now());
        if (copiesAt.length === 3) message.respond(JSON.stringify({ stream: "SILENT", seq: 1 }));
        else if (answer !== undefined) message.respond(JSON.stringify(answer));
      },
    });
    await nc.flush();
    await withPublisher({}, async ({ publish, unavailable }) => {
      const result = await publish({ stream: "SILENT", id: "a" });
      expect(result).toMatchObject({ outcome: "stored" });
      expect(unavailable()).toBe(0);
    });
    slow.unsubscribe();
    const gaps = copiesAt.slice(1).map((at, index) => at - (copiesAt[index] ?? 0));
    expect(gaps).toHaveLength(2);
    expect(gaps[0]).toBeGreaterThan(900);
    expect(gaps[0]).toBeLessThan(2_900);
    expect(gaps[1]).toBeGreaterThan(1_900);
  });

  it("that nobody takes is sent again until the stream is there", async () => {
    await withPublisher({}, async ({ publish, unavailable }) => {
      const result = publish({ stream: "LATER", id: "a" });
      await eventually(() => unavailable() >= 2, { within: 10_000, what: "two attempts" });
      await addStream("LATER");
      expect(await result).toEqual({ outcome: "stored", duplicate: false, sequence: 1 });
    });
  });

  it("that nobody takes until the deadline is given up, with what the server said", async () => {
    await withPublisher({ timeoutMs: 400 }, async ({ publish }) => {
      expect(await publish({ stream: "NEVER", id: "a" })).toEqual({
        outcome: "timeout",
        reason: "no stream takes the channel's subject now",
      });
    });
  });

  it.each<[string, Record<string, unknown>, Partial<PublishResult>]>([
    ["FULL", { max_msgs: 1, discard: "new" }, { outcome: "full" }],
    ["SEALED", { sealed: true }, { outcome: "refused" }],
    ["SMALL", { max_msg_size: 50 }, { outcome: "too-large" }],
  ])("is refused with the server's words by the stream %s: %j", async (stream, config, refusal) => {
    const { sealed, ...rest } = config;
    await addStream(stream, rest);
    if (sealed === true) {
      await nc.request(
        `$JS.API.STREAM.UPDATE.${stream}`,
        JSON.stringify({ name: stream, subjects: [stream.toLowerCase()], storage: "file", sealed }),
      );
    }
    await withPublisher({}, async ({ publish }) => {
      await publish({ stream, id: "a" });
      const result = await publish({ stream, id: "b", data: Buffer.alloc(100) });
      expect(result).toMatchObject({ ...refusal, reason: expect.stringMatching(/\(\d+\/\d+\)$/) });
    });
  });

  it("that is larger than the server takes is refused without sending it", async () => {
    await addStream("LARGE");
    await withPublisher({}, async ({ publish }) => {
      const data = Buffer.alloc(MAX_PAYLOAD);
      expect(await publish({ stream: "LARGE", id: "a", data })).toMatchObject({
        outcome: "too-large",
      });
      expect(await publish({ stream: "LARGE", id: "b" })).toMatchObject({ outcome: "stored" });
    });
  });

  it("is refused when too many wait for their answer already", async () => {
    await addStream("BUSY");
    await withPublisher({ maxInFlight: 2 }, async ({ publish }) => {
      const all = ["a", "b", "c"].map((id) => publish({ stream: "BUSY", id }));
      expect((await Promise.all(all)).map(({ outcome }) => outcome)).toEqual([
        "stored",
        "stored",
        "busy",
      ]);
      expect(await publish({ stream: "BUSY", id: "c" })).toMatchObject({ outcome: "stored" });
    });
  });

  it("finds more room, or less, once the bounds are others", async () => {
    await addStream("BOUNDS");
    await withPublisher({ maxInFlight: 1 }, async ({ publisher, publish }) => {
      const outcomes = async (...ids: string[]) => {
        const all = ids.map((id) => publish({ stream: "BOUNDS", id }));
        return (await Promise.all(all)).map(({ outcome }) => outcome).join();
      };
      expect(await outcomes("a", "b")).toBe("stored,busy");
      publisher.limit({ maxInFlight: 3, timeoutMs: 20_000 });
      expect(await outcomes("c", "d", "e", "f")).toBe("stored,stored,stored,busy");
      publisher.limit({ maxInFlight: 1, timeoutMs: 20_000 });
      expect(await outcomes("g", "h")).toBe("stored,busy");
      publisher.limit({ maxInFlight: 3, timeoutMs: 20_000 });
      expect(await outcomes("i", "j", "k", "l")).toBe("stored,stored,stored,busy");
    });
  });

  it("never gets the late answer to another one that had its slot", async () => {
    await addStream("SLOT");
    await withPublisher({ maxInFlight: 1, timeoutMs: 500 }, async ({ publish }) => {
      await nats.pause();
      const first = await publish({ stream: "SLOT", id: "first" });
      const second = publish({ stream: "SLOT", id: "second" });
      setImmediate(() => nats.resume());
      expect(first).toMatchObject({ outcome: "timeout" });
      expect(await second).toEqual({ outcome: "stored", duplicate: false, sequence: 2 });
    });
  });
});

describe("the connection", () => {
  it("remembers while it is away how large a message may be", async () => {
    const server = await startNatsServer({ config: "max_payload: 4MB" });
    const other = new Connection({ servers: [server.url], name: "test", log });
    expect(other.maxPayload).toBe(1_048_576);
    other.start();
    await eventually(() => other.current !== undefined, { within: 10_000, what: "NATS" });
    expect(other.maxPayload).toBe(4_194_304);
    await server.stop();
    await eventually(() => other.current === undefined, {
      within: 10_000,
      what: "NATS to be gone",
    });
    expect(other.maxPayload).toBe(4_194_304);
    expect(other.state).toMatchObject({ state: "connecting", disconnects: 1 });
    await other.close();
    expect(other.state.state).toBe("closed");
  });
});
