/**
 * The dispatcher as a process of its own, killed (kill -9) around each request with which it replaces a push consumer of
 * the Go implementation: before the server has it, and after the server has answered and before the answer arrives. A
 * proxy holds the line at that point until the process is dead.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { aChannel, aSubscriber, writeChannels } from "../../support/channels-file.ts";
import { type DispatcherProcess, startDispatcher } from "../../support/dispatcher-process.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import {
  ABOVE_FLOOR,
  CONSUMER,
  dataOf,
  type GoStream,
  leaveAsGo,
  NOT_ACKNOWLEDGED,
  storeEvent,
  UID,
} from "./go-leftovers.ts";

type Moment = "before" | "after";

/** The steps of docs/migration.md, and the note that it is done. */
const STEPS = [
  { step: "makes the bookmark", request: `CREATE ${CONSUMER}_M` },
  { step: "deletes the push consumer", request: `DELETE ${CONSUMER}` },
  { step: "makes the pull consumer", request: `CREATE ${CONSUMER}` },
  { step: "deletes the bookmark", request: `DELETE ${CONSUMER}_M` },
  { step: "notes that it is done", request: `CREATE ${CONSUMER}` },
];
const moments: Moment[] = ["before", "after"];
const MEANWHILE = 13;

let nats: NatsServer;
let nc: NatsConnection;
let jsm: JetStreamManager;
let proxy: TcpProxy;
let sink: EventSink;
let folder: string;
let dispatcher: DispatcherProcess | undefined;
let channels = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "migration-"));
  nats = await startNatsServer();
  nc = await connect({ servers: nats.url });
  jsm = await jetstreamManager(nc);
  proxy = await startTcpProxy(nats.port);
});

beforeEach(async () => {
  sink = await startEventSink();
});

afterEach(async () => {
  await dispatcher?.kill("SIGKILL");
  dispatcher = undefined;
  await sink.close();
});

afterAll(async () => {
  await proxy.close();
  await nc.close();
  await nats.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Makes what the Go implementation leaves, and the file of the channel. */
async function oldChannel(retention: GoStream["retention"]): Promise<GoStream> {
  const number = ++channels;
  const channel = `old${number}`;
  const stream = `KN_DEFAULT__OLD${number}`;
  const old = { channel, stream, subject: `default.${channel}._knative`, retention };
  await leaveAsGo(nc, jsm, old);
  const spec = {
    subscribers: [aSubscriber({ uid: UID, uri: sink.url })],
    stream: { config: { retention: retention === "workqueue" ? "Work" : retention } },
  };
  await writeChannels(channelsPath(old), [aChannel({ name: channel, spec })]);
  return old;
}

function channelsPath({ channel }: GoStream): string {
  return join(folder, `${channel}.yaml`);
}

async function start(old: GoStream, untilReady: boolean): Promise<void> {
  const natsUrl = `nats://127.0.0.1:${proxy.port}`;
  dispatcher = await startDispatcher({ channelsPath: channelsPath(old), natsUrl, untilReady });
}

/** Starts a dispatcher that is killed around its n-th write to the consumers; gives that write. */
async function dieAround(old: GoStream, at: { write: number; moment: Moment }): Promise<string> {
  let request: string | undefined;
  void standStill(old.stream, at).then((write) => {
    request = write;
  });
  await start(old, false);
  const what = "the write around which it dies";
  const stoodAt = await eventually(() => request ?? false, { within: 10_000, what });
  await dispatcher?.kill("SIGKILL");
  proxy.pass();
  return stoodAt;
}

/** Lets nothing pass any more around a write; resolves to the write, as `CREATE KN_SUB_X`. */
function standStill(
  stream: string,
  { write, moment }: { write: number; moment: Moment },
): Promise<string> {
  const pattern = new RegExp(
    `PUB \\$JS\\.API\\.CONSUMER\\.(?:DURABLE\\.)?(CREATE|DELETE)\\.${stream}\\.(\\S+) (\\S+) `,
  );
  let writes = 0;
  let isStanding = false;
  let request = "";
  let answer = "";
  return new Promise((resolve) => {
    const stand = (): true => {
      isStanding = true;
      resolve(request);
      return true;
    };
    proxy.swallow("to-server", (piece) => {
      if (isStanding) return true;
      const [, verb, consumer, reply] = pattern.exec(piece.toString("latin1")) ?? [];
      if (verb === undefined) return false;
      writes += 1;
      if (writes < write) return false;
      request = `${verb} ${consumer}`;
      if (moment === "before") return stand();
      answer = `MSG ${reply} `;
      return false;
    });
    proxy.swallow("to-client", (piece) => {
      if (isStanding) return true;
      return answer !== "" && piece.includes(answer) ? stand() : false;
    });
  });
}

/** Waits until everything is delivered and acknowledged, and gives the numbers in order. */
async function delivered({ stream }: GoStream): Promise<number[]> {
  await eventually(
    async () => {
      const { ack_floor, num_pending, num_ack_pending } = await jsm.consumers.info(
        stream,
        CONSUMER,
      );
      expect({ floor: ack_floor.stream_seq, num_pending, num_ack_pending }).toEqual({
        floor: MEANWHILE,
        num_pending: 0,
        num_ack_pending: 0,
      });
    },
    { within: 10_000, what: "every event to be delivered and acknowledged" },
  );
  return sink.ids.map(Number).toSorted((a, b) => a - b);
}

async function expectMigrated({ stream }: GoStream): Promise<void> {
  const consumers = [];
  for await (const { name, config } of jsm.consumers.list(stream)) {
    consumers.push({ name, deliverSubject: config.deliver_subject, metadata: config.metadata });
  }
  expect(consumers).toEqual([
    {
      name: CONSUMER,
      deliverSubject: undefined,
      metadata: expect.not.objectContaining({
        "messaging.knative.dev/jetstream-channel.migrated": expect.stringContaining("unfinished"),
      }),
    },
  ]);
  for (const { body, event } of sink.requests) expect(`${body}`).toBe(dataOf(Number(event?.id)));
}

describe.each([
  // What was acknowledged above the floor comes once more where the stream still has it.
  { retention: "limits" as const, expected: ABOVE_FLOOR, steps: STEPS },
  { retention: "interest" as const, expected: NOT_ACKNOWLEDGED, steps: STEPS },
  { retention: "workqueue" as const, expected: NOT_ACKNOWLEDGED, steps: STEPS.slice(1, 3) },
])("a push consumer on a $retention stream", ({ retention, expected, steps }) => {
  const deaths = steps.flatMap(({ step, request }, index) =>
    moments.map((moment) => ({ step, request, moment, write: index + 1 })),
  );

  it.each(deaths)("is carried on after kill -9 $moment it $step", async (death) => {
    const old = await oldChannel(retention);
    expect(await dieAround(old, death)).toBe(death.request);
    // What comes meanwhile waits, too.
    await storeEvent(nc, old.subject, MEANWHILE);
    await start(old, true);
    expect(await delivered(old)).toEqual([...expected, MEANWHILE]);
    await expectMigrated(old);
  });
});

it("is carried on by dispatchers of which each is killed after its first write", async () => {
  const old = await oldChannel("interest");
  for (const { request } of STEPS) {
    expect(await dieAround(old, { write: 1, moment: "after" })).toBe(request);
  }
  await storeEvent(nc, old.subject, MEANWHILE);
  await start(old, true);
  expect(await delivered(old)).toEqual([...NOT_ACKNOWLEDGED, MEANWHILE]);
  await expectMigrated(old);
});
