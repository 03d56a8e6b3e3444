import type { JetStreamManager } from "@nats-io/jetstream";
import { createInbox } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EnsuredConsumer, ensureConsumer } from "../../../src/dispatcher/consumer.ts";
import { aSubscriber, type ChannelParts } from "../../support/channels-file.ts";
import { eventually } from "../../support/eventually.ts";
import {
  type JetStreamWorld,
  settingsFor,
  startJetStreamWorld,
} from "../stream/jetstream-world.ts";

const CONSUMER = "KN_SUB_ABC";
const subscribers = [aSubscriber({ uid: "abc", uri: "http://subscriber.example" })];
const EVENTS = 12;
const ACKNOWLEDGED = [1, 2, 3, 5, 7];

let world: JetStreamWorld;
let channels = 0;

beforeAll(async () => {
  world = await startJetStreamWorld();
});

afterAll(() => world.stop());

/** What the Go implementation leaves: a stream without metadata, events without headers, a push consumer of the uid. */
async function leftByGo(retention: "limits" | "interest" | "workqueue"): Promise<ChannelParts> {
  const name = `old${++channels}`;
  const stream = `KN_DEFAULT__OLD${channels}`;
  const subject = `default.${name}._knative`;
  await world.jsm.streams.add({ name: stream, subjects: [subject], retention });
  const deliverSubject = `${subject}_consumer.abc`;
  const push = world.nc.subscribe(deliverSubject, {
    queue: CONSUMER,
    callback: (_error, message) => {
      if (ACKNOWLEDGED.includes(Number(message.string()))) message.respond("+ACK");
    },
  });
  await world.jsm.consumers.add(stream, {
    durable_name: CONSUMER,
    deliver_group: CONSUMER,
    deliver_subject: deliverSubject,
    ack_policy: "explicit",
  });
  const numbers = Array.from({ length: EVENTS }, (_, i) => `${i + 1}`);
  await world.publish(subject, ...numbers);
  const within = { within: 10_000, what: "the push consumer's position" };
  await eventually(async () => {
    const info = await world.jsm.consumers.info(stream, CONSUMER);
    return info.ack_floor.stream_seq === 3 && info.num_ack_pending === EVENTS - 5;
  }, within);
  push.unsubscribe();
  await eventually(
    async () => (await world.jsm.consumers.info(stream, CONSUMER)).push_bound !== true,
    within,
  );
  const spec = {
    subscribers,
    stream: { config: { retention: retention === "workqueue" ? "Work" : retention } },
  };
  return { name, spec };
}

/** Ensures the subscriber's consumer as a dispatcher would that dies at its n-th writing request, before or after the server has it. */
async function ensure(parts: ChannelParts, dies?: { at: number; after: boolean }) {
  const settings = settingsFor(parts);
  const [subscriber] = settings.subscribers;
  if (subscriber === undefined) throw new Error("the channel of the test has no subscriber");
  const jsm = dies === undefined ? world.jsm : mortal(world.jsm, dies);
  return await ensureConsumer(settings, subscriber, { ...world.context(), jsm });
}

function mortal(jsm: JetStreamManager, dies: { at: number; after: boolean }): JetStreamManager {
  let writes = 0;
  const consumers = new Proxy(jsm.consumers, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
      if (!["add", "update", "delete"].includes(String(name))) return method.bind(target);
      return async (...args: unknown[]) => {
        writes += 1;
        if (writes > dies.at || (writes === dies.at && !dies.after)) throw new Error("dead");
        const result = await method.apply(target, args);
        if (writes === dies.at) throw new Error("dead");
        return result;
      };
    },
  });
  return new Proxy(jsm, {
    get: (target, name) => (name === "consumers" ? consumers : Reflect.get(target, name)),
  });
}

/** Pulls everything that the consumer has to give, and gives the numbers in order. */
async function delivered(parts: ChannelParts): Promise<number[]> {
  const stream = `KN_DEFAULT__${parts.name.toUpperCase()}`;
  const numbers: number[] = [];
  const reply = createInbox();
  let isOver = false;
  const pull = world.nc.subscribe(reply, {
    callback: (_error, message) => {
      if (!message.reply) isOver = true;
      else numbers.push(Number(message.string()));
    },
  });
  const request = JSON.stringify({ batch: 100, no_wait: true });
  world.nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${CONSUMER}`, request, { reply });
  await eventually(() => isOver, { within: 10_000, what: "the end of the pull" });
  pull.unsubscribe();
  return numbers;
}

async function consumersOf(parts: ChannelParts): Promise<string[]> {
  const names: string[] = [];
  const stream = `KN_DEFAULT__${parts.name.toUpperCase()}`;
  for await (const { name } of world.jsm.consumers.list(stream)) names.push(name);
  return names;
}

const ABOVE_FLOOR = [4, 5, 6, 7, 8, 9, 10, 11, 12];
const NOT_ACKNOWLEDGED = [4, 6, 8, 9, 10, 11, 12];

describe.each([
  // What was acknowledged above the floor comes once more where the stream still has it.
  { retention: "limits" as const, expected: ABOVE_FLOOR, steps: 5 },
  { retention: "interest" as const, expected: NOT_ACKNOWLEDGED, steps: 5 },
  { retention: "workqueue" as const, expected: NOT_ACKNOWLEDGED, steps: 2 },
])("a push consumer on a $retention stream", ({ retention, expected, steps }) => {
  it("is replaced by a pull consumer at its position, and nothing else is left", async () => {
    const parts = await leftByGo(retention);
    const ensured: EnsuredConsumer = await ensure(parts);
    expect(ensured).toMatchObject({ ok: true, unapplied: [] });
    expect(await consumersOf(parts)).toEqual([CONSUMER]);
    expect(await delivered(parts)).toEqual(expected);
    expect(await world.writesOf(() => ensure(parts))).toEqual([]);
  });

  const deaths = Array.from({ length: steps }, (_, i) => i + 1).flatMap((at) => [
    { at, after: false, when: "before" },
    { at, after: true, when: "after" },
  ]);

  it.each(deaths)("is carried on when the dispatcher died $when its write $at", async (death) => {
    const parts = await leftByGo(retention);
    await expect(ensure(parts, death)).rejects.toThrow("dead");
    // What comes meanwhile waits, too.
    await world.publish(`default.${parts.name}._knative`, "13");
    expect(await ensure(parts)).toMatchObject({ ok: true, unapplied: [] });
    expect(await consumersOf(parts)).toEqual([CONSUMER]);
    expect(await delivered(parts)).toEqual([...expected, 13]);
  });

  it("is carried on however often the dispatcher dies", async () => {
    const parts = await leftByGo(retention);
    let tries = 0;
    let ensured: EnsuredConsumer | undefined;
    while (ensured === undefined && tries < 20) {
      tries += 1;
      // One write more each time would be one life; one write a life is the worst.
      ensured = await ensure(parts, { at: 1, after: true }).catch(() => undefined);
    }
    expect(ensured).toMatchObject({ ok: true });
    expect(await delivered(parts)).toEqual(expected);
  });
});
