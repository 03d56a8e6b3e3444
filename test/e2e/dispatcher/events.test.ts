import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import { type ClusterWorld, startClusterWorld, subscriber } from "./cluster-world.ts";

let world: ClusterWorld;
let dispatcher: DispatcherProcess;

beforeAll(async () => {
  world = await startClusterWorld();
  dispatcher = await world.start();
});

afterAll(() => world?.stop());

async function untilEvent(name: string, expected: RegExp): Promise<void> {
  await eventually(async () => (await world.events(name)).some((event) => expected.test(event)), {
    within: 30_000,
    what: `an Event of ${name} like ${expected}`,
  });
}

const streamOf = (name: string): string =>
  `KN_${world.api.namespace}__${name}`.toUpperCase().replaceAll("-", "_");

describe("an Event on the channel tells", () => {
  it("that its stream was made and updated", async () => {
    await world.create("made");
    await world.untilReady("made");
    await untilEvent("made", new RegExp(`^Normal StreamCreated: stream ${streamOf("made")} `));
    // Without it `kubectl describe` does not show them.
    const core = { apiVersion: "v1", kind: "Event", namespace: world.api.namespace };
    const { items } = await world.api.client.list<{
      involvedObject: { name: string; uid: string };
    }>(core);
    const regarding = items.filter(({ involvedObject }) => involvedObject.name === "made");
    const uid = (await world.read("made"))?.metadata.uid;
    expect(new Set(regarding.map(({ involvedObject }) => involvedObject.uid))).toEqual(
      new Set([uid]),
    );
    const spec = { stream: { config: { maxAge: "1h" } } };
    await world.api.client.patch(world.api.ref("made"), { spec });
    await untilEvent("made", /^Normal StreamUpdated: .*max_age from no maximum to 3600s/);
  });

  it.each([
    ["StreamClaimed", "claimed", {}],
    ["StreamAdopted", "adopted", { stream: { overrideName: "THEIRS" } }],
  ])("that a stream was there already: %s", async (reason, name, spec) => {
    const jsm = await jetstreamManager(world.nc);
    const subject = `${world.api.namespace}.${name}._knative`;
    const stream = name === "adopted" ? "THEIRS" : streamOf(name);
    await jsm.streams.add({ name: stream, subjects: [subject] });
    await world.create(name, spec);
    await world.untilReady(name);
    await untilEvent(name, new RegExp(`^Normal ${reason}: stream ${stream} `));
  });

  it("that somebody has deleted its stream, or a consumer", async () => {
    await world.create("robbed");
    await world.subscribe("robbed", subscriber("robbed-1", world.sink.url));
    await world.untilReady("robbed", "robbed-1");
    const jsm = await jetstreamManager(world.nc);
    await jsm.consumers.delete(streamOf("robbed"), "KN_SUB_ROBBED1");
    await untilEvent("robbed", /^Warning ConsumerMadeAgain: consumer KN_SUB_ROBBED1 /);
    await jsm.streams.delete(streamOf("robbed"));
    await untilEvent("robbed", /^Warning StreamMadeAgain: .*stored in it is gone/);
    await world.untilReady("robbed", "robbed-1");
  });

  it("that events are given up, in few Events however many there are", async () => {
    world.sink.respond = ({ path }) => ({ status: path === "/refusing" ? 400 : 200 });
    await world.create("refused");
    await world.subscribe("refused", subscriber("refused-1", `${world.sink.url}/refusing`));
    await world.untilReady("refused", "refused-1");
    const client = world.client("refused", dispatcher);
    for (let sent = 0; sent < 40; sent++) await client.sendBinary({});
    await untilEvent("refused", /^Warning EventGivenUp: .*sequence 1 of stream .*: status 400$/);
    await untilEvent("refused", /^Warning SubscriberFailing: .*refused-1 fails: .*status 400$/);
    const isAllGivenUp = async () =>
      /outcome="given_up"[^}]*} 40\n/.test(await dispatcher.metrics());
    await eventually(isAllGivenUp, { within: 20_000, what: "all to be given up" });
    const events = await world.events("refused");
    expect(events.filter((event) => /EventGivenUp|SubscriberFailing/.test(event))).toHaveLength(2);
  });

  it("that the dead-letter sink fails", async () => {
    world.sink.respond = ({ path }) => ({ status: path === "/fine" ? 200 : 503 });
    await world.create("dead");
    const delivery = { deadLetterSink: { uri: `${world.sink.url}/dead-sink` } };
    const entry = { ...subscriber("dead-1", `${world.sink.url}/down`), delivery };
    await world.subscribe("dead", entry);
    await world.untilReady("dead", "dead-1");
    await world.client("dead", dispatcher).sendBinary({});
    await untilEvent("dead", /^Warning DeadLetterSinkFailing: .*\/dead-sink: status 503$/);
  });

  it("that NATS is lost and back, and of a stream that cannot be deleted how to let it go", async () => {
    await world.create("stuck");
    await world.untilReady("stuck");
    await world.nats.kill("SIGKILL");
    await world.api.client.delete(world.api.ref("stuck"));
    await untilEvent("stuck", /^Warning StreamNotDeleted: .*remove the finalizer/);
    await untilEvent("made", /^Warning NatsLost: .*no connection to NATS: .+; until it is back/);
    const metadata = { finalizers: null };
    await world.api.client.patch(world.api.ref("stuck"), { metadata });
    await eventually(async () => (await world.read("stuck")) === undefined, {
      within: 20_000,
      what: "the object to go",
    });
    await world.nats.start();
    await untilEvent("made", /^Normal NatsBack: /);
    await world.create("afterwards");
    await world.untilReady("afterwards");
    await dispatcher.waitForLog(
      ({ msg, channel }) =>
        msg === "channel is no longer served" && `${channel}`.endsWith("/stuck"),
      { within: 60_000, what: "the channel to be left" },
    );
    const streams = await eventually(() => world.streams(), { within: 60_000, what: "an answer" });
    expect(streams).toContain(streamOf("stuck"));
  });
});
