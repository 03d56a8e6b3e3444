import { jetstream } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { type StandaloneWorld, startStandalone, streamOf } from "./standalone-world.ts";

let world: StandaloneWorld;
const sinks: EventSink[] = [];

async function aSink(...options: Parameters<typeof startEventSink>): Promise<EventSink> {
  const sink = await startEventSink(...options);
  sinks.push(sink);
  return sink;
}

beforeAll(async () => {
  world = await startStandalone({ first: {} });
});

afterAll(async () => {
  await world.stop();
  await Promise.all(sinks.map((sink) => sink.close()));
});

const ready = ({ ready }: { ready: boolean }) => ready;

/** Sends an event, which must be stored. */
async function send(channel: string, id: string): Promise<void> {
  const { status, body } = await world.dataPlane.client(channel).sendBinary({ id });
  expect(status, body).toBe(202);
}

async function metricLines(pattern: RegExp): Promise<string[]> {
  const text = await world.dataPlane.dispatcher.metrics();
  return text.split("\n").filter((line) => pattern.test(line));
}

describe("a subscriber whose settings change while events flow", () => {
  it("gets each event exactly once, at its old address or at its new one", async () => {
    const [before, after] = [await aSink({ record: "ids" }), await aSink({ record: "ids" })];
    const at = ({ url: uri }: EventSink) => ({ subscribers: [{ uid: "moving", uri }] });
    await world.edit({ moving: at(before) });
    await world.shows("moving", ready, "ready");
    const ids = Array.from({ length: 240 }, (_, index) => `event ${index}`);
    const client = world.dataPlane.client("moving");
    for (const [index, id] of ids.entries()) {
      expect((await client.sendBinary({ id })).status).toBe(202);
      if (index === 80) await world.edit({ moving: at(after) });
      // The rest is sent once the new address is used, so that there is something on both sides.
      if (index === 160) await after.waitFor(1);
    }
    await eventually(() => before.ids.length + after.ids.length >= ids.length, {
      within: 10_000,
      what: "every event to arrive",
    });
    expect([...before.ids, ...after.ids].sort()).toEqual([...ids].sort());
    expect(before.ids.length).toBeGreaterThanOrEqual(80);
    expect(after.ids.length).toBeGreaterThan(0);
  });

  it("is retried and dead-lettered by its newest delivery", async () => {
    const failing = await aSink({ respond: () => ({ status: 500 }) });
    const deadLetters = await aSink();
    const with_ = (delivery: Record<string, unknown>) => ({
      subscribers: [{ uid: "retuned", uri: failing.url, delivery, generation: 2 }],
    });
    // The first attempt of this event fails under a policy that would wait for an hour.
    await world.edit({ retuned: with_({ retry: 5, backoffDelay: "PT1H" }) });
    await world.shows("retuned", ready, "ready");
    await send("retuned", "first");
    await failing.waitFor(1);
    await world.edit({ retuned: with_({ retry: 0, deadLetterSink: { uri: deadLetters.url } }) });
    await eventually(
      async () => {
        await send("retuned", crypto.randomUUID());
        return deadLetters.requests.length > 0;
      },
      { within: 10_000, what: "an event to go to the new dead-letter sink" },
    );
    expect(deadLetters.ids).not.toContain("first");
  });
});

describe("a subscriber that is taken out of the file", () => {
  it("loses its consumer and its metrics at once, and the others keep theirs", async () => {
    const [gone, staying] = [await aSink(), await aSink()];
    const stays = { uid: "stays", uri: staying.url };
    await world.edit({ shrinking: { subscribers: [stays, { uid: "goes", uri: gone.url }] } });
    await world.shows("shrinking", ({ subscribers }) => subscribers?.length === 2, "both");
    await send("shrinking", "before");
    await Promise.all([gone.waitFor(1), staying.waitFor(1)]);
    const series = /channel="default\/shrinking".*subscriber="goes"/;
    await eventually(async () => (await metricLines(series)).length > 5, {
      within: 10_000,
      what: "the metrics of the subscriber",
    });

    await world.edit({ shrinking: { subscribers: [stays] } });
    await world.shows("shrinking", ({ subscribers }) => subscribers?.length === 1, "one");
    expect(await world.consumers("shrinking")).toEqual(["KN_SUB_STAYS"]);
    expect(await metricLines(series)).toEqual([]);
    await send("shrinking", "after");
    await staying.waitFor(2);
    expect(gone.ids).toEqual(["before"]);
  });

  it("has its consumer deleted also when it went while no dispatcher ran", async () => {
    const sink = await aSink();
    const stays = { uid: "stays", uri: sink.url };
    await world.edit({ slept: { subscribers: [stays, { uid: "goes", uri: sink.url }] } });
    await world.shows("slept", ({ subscribers }) => subscribers?.length === 2, "both");
    await world.dataPlane.dispatcher.kill("SIGKILL");
    await world.edit({ slept: { subscribers: [stays] } });
    await world.dataPlane.restartDispatcher("SIGKILL");
    await eventually(async () => (await world.consumers("slept"))?.join() === "KN_SUB_STAYS", {
      within: 10_000,
      what: "the consumer of the subscriber that went to be deleted",
    });
  });
});

describe("what somebody deletes by hand under a running dispatcher", () => {
  it("is made again when it is a consumer, and delivery goes on", async () => {
    const sink = await aSink();
    await world.edit({ byhand: { subscribers: [{ uid: "s", uri: sink.url }] } });
    await world.shows("byhand", ready, "ready");
    await send("byhand", "1");
    await sink.waitFor(1);
    await world.jsm.consumers.delete(streamOf("byhand"), "KN_SUB_S");
    await send("byhand", "2");
    await eventually(() => sink.ids.includes("2"), {
      within: 10_000,
      what: "an event that was stored while there was no consumer",
    });
  });

  it("is made again when it is the stream, and delivery goes on", async () => {
    const sink = await aSink();
    await world.edit({ whole: { subscribers: [{ uid: "s", uri: sink.url }] } });
    await world.shows("whole", ready, "ready");
    await send("whole", "1");
    await sink.waitFor(1);
    await world.jsm.streams.delete(streamOf("whole"));
    await send("whole", "2");
    await sink.waitFor(2);
    expect(sink.ids).toEqual(["1", "2"]);
  });

  it("is made again when it is a stream that nobody reads, with the next event", async () => {
    await world.edit({ unread: {} });
    await world.shows("unread", ready, "ready");
    await world.jsm.streams.delete(streamOf("unread"));
    await send("unread", "1");
    expect((await world.jsm.streams.info(streamOf("unread"))).state.messages).toBe(1);
  });
});

describe("a channel that is taken out of the file", () => {
  const byPath = (name: string) =>
    world.dataPlane.client("any").request({ path: `/default/${name}` });

  async function removed(name: string): Promise<void> {
    await world.edit({ [name]: undefined });
    await eventually(async () => (await byPath(name)).status === 404, {
      within: 10_000,
      what: `the address of ${name} to be unknown`,
    });
  }

  it("keeps its stream, and goes on where it was when it comes back", async () => {
    const sink = await aSink();
    const draft = { subscribers: [{ uid: "s", uri: sink.url }] };
    await world.edit({ returning: draft });
    await world.shows("returning", ready, "ready");
    await send("returning", "1");
    await sink.waitFor(1);
    await removed("returning");
    expect(await world.consumers("returning")).toEqual(["KN_SUB_S"]);
    expect(await metricLines(/channel="default\/returning"/)).toEqual([]);

    await jetstream(world.dataPlane.nc).publish(
      "default.returning._knative",
      '{"specversion":"1.0","id":"2","source":"/s","type":"t"}',
    );
    await world.edit({ returning: draft });
    await sink.waitFor(2);
    expect(sink.ids).toEqual(["1", "2"]);
  });

  it("takes its stream with it when its deletionPolicy is Delete", async () => {
    await world.edit({ deleted: { spec: { stream: { deletionPolicy: "Delete" } } } });
    await world.shows("deleted", ready, "ready");
    await removed("deleted");
    await eventually(async () => (await world.consumers("deleted")) === undefined, {
      within: 10_000,
      what: "the stream to be deleted",
    });
  });

  it("never takes with it a stream that it adopted", async () => {
    await world.jsm.streams.add({ name: "THEIRS", subjects: ["theirs"] });
    const stream = { overrideName: "THEIRS", deletionPolicy: "Delete" };
    await world.edit({ adopting: { spec: { stream } } });
    await world.shows("adopting", ({ stream }) => stream?.origin === "adopted", "adopted");
    await removed("adopting");
    await world.shows("moving", ready, "ready");
    expect((await world.jsm.streams.info("THEIRS")).config.name).toBe("THEIRS");
  });
});

describe("an edit that the server cannot carry out", () => {
  it("is told on the log and on /channels, and the channel keeps working", async () => {
    const sink = await aSink();
    const subscribers = [{ uid: "s", uri: sink.url }];
    await world.edit({ edited: { subscribers } });
    await world.shows("edited", ready, "ready");
    const spec = {
      stream: { config: { storage: "Memory", maxMsgs: 50 } },
      consumerConfigTemplate: { deliverPolicy: "New", ackWait: "7s" },
    };
    await world.edit({ edited: { subscribers, spec } });
    const shown = await world.shows(
      "edited",
      ({ unapplied }) => unapplied?.length === 2,
      "two edits",
    );
    expect(shown.ready).toBe(true);
    expect(shown.unapplied?.map(({ path }) => path)).toEqual([
      "spec.stream.config.storage",
      "spec.consumerConfigTemplate.deliverPolicy",
    ]);
    for (const { path, reason } of shown.unapplied ?? []) {
      const isIt = (line: Record<string, unknown>) => line.path === path && line.reason === reason;
      const { dispatcher } = world.dataPlane;
      await dispatcher.waitForLog(isIt, { within: 10_000, what: `the line about ${path}` });
      const lines = dispatcher.logs.filter(isIt);
      expect(lines).toMatchObject([{ channel: "default/edited", level: "warn" }]);
    }
    expect((await world.jsm.streams.info(streamOf("edited"))).config.max_msgs).toBe(50);
    await send("edited", "1");
    await sink.waitFor(1);
  });
});

describe("a channel that loses its stream to another owner", () => {
  it("takes no events any more and says whose the stream is, and serves again once it may take it", async () => {
    const sink = await aSink();
    const subscribers = [{ uid: "s", uri: sink.url }];
    await world.edit({ contested: { subscribers } });
    await world.shows("contested", ready, "ready");
    const name = streamOf("contested");
    const { config } = await world.jsm.streams.info(name);
    const metadata = Object.fromEntries(
      Object.entries(config.metadata ?? {}).map(([key, value]) => [
        key,
        key.endsWith("jetstream-channel.cluster") ? "there" : value,
      ]),
    );
    await world.jsm.streams.update(name, { metadata });
    await world.edit({ contested: { subscribers, spec: { delivery: { retry: 1 } } } });
    const isRefused = ({ reason }: { reason?: string }) => reason === "StreamOwnedByAnother";
    const refused = await world.shows("contested", isRefused, "not ready");
    expect(refused).toMatchObject({
      reason: "StreamOwnedByAnother",
      message: expect.stringContaining("belongs to channel default/contested of cluster there"),
    });
    expect(await world.dataPlane.dispatcher.readiness()).toBe(200);
    const annotations = { "nats.messaging.knative.dev/take-over": "there" };
    await world.edit({ contested: { subscribers, annotations } });
    await world.shows("contested", ready, "ready");
    await send("contested", "1");
    await sink.waitFor(1);
  });
});
