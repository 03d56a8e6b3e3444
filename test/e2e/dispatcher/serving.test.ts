import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FINALIZER } from "../../../src/api/names.ts";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import { type ClusterWorld, startClusterWorld, subscriber } from "./cluster-world.ts";

let world: ClusterWorld;
let dispatcher: DispatcherProcess;

beforeAll(async () => {
  world = await startClusterWorld();
  dispatcher = await world.start();
});

afterAll(() => world.stop());

const conditionOf = async (name: string, type: string) =>
  (await world.read(name))?.status?.conditions?.find((one) => one.type === type);

const received = (name: string) =>
  world.sink.requests.filter(({ path }) => path === `/${name}`).map(({ event }) => event?.id);

describe("a channel of the API server", () => {
  it("gets a stream, takes events, and is held by our finalizer", async () => {
    await world.create("orders");
    await world.untilReady("orders");
    const channel = await world.read("orders");
    expect(channel?.metadata.finalizers).toContain(FINALIZER);
    expect(channel?.status).toMatchObject({
      stream: {
        subjects: [`${world.api.namespace}.orders._knative`],
        storage: "file",
        replicas: 1,
        retention: "limits",
      },
      conditions: expect.arrayContaining([
        expect.objectContaining({ type: "StreamReady", status: "True", observedGeneration: 1 }),
        expect.objectContaining({ type: "SpecApplied", status: "True", observedGeneration: 1 }),
      ]),
    });
    const client = world.client("orders", dispatcher);
    expect(await client.sendBinary({ id: "first" })).toMatchObject({ status: 202 });
  });

  it("delivers to the subscribers that Knative writes, and says which generation it serves", async () => {
    await world.create("invoices");
    await world.untilReady("invoices");
    await world.subscribe("invoices", subscriber("a-1", `${world.sink.url}/invoices`, 7));
    await world.untilReady("invoices", "a-1");
    const { status } = (await world.read("invoices")) ?? {};
    expect(status?.subscribers).toEqual([{ uid: "a-1", ready: "True", observedGeneration: 7 }]);
    const client = world.client("invoices", dispatcher);
    expect(await client.sendBinary({ id: "1" })).toMatchObject({ status: 202 });
    await eventually(() => received("invoices").includes("1"), {
      within: 20_000,
      what: "the delivery",
    });
  });

  it("is not of a namespace's dispatcher without the scope annotation", async () => {
    await world.api.client.create(world.api.channel("cluster-wide"));
    await world.create("after-it");
    await world.untilReady("after-it");
    expect((await world.read("cluster-wide"))?.metadata.finalizers).toBeUndefined();
    expect((await world.streams()).join()).not.toContain("CLUSTER_WIDE");
  });

  it("whose newest version cannot be served says so, and its last good one goes on", async () => {
    await world.create("edited", { stream: { config: { maxMsgs: 100 } } });
    await world.untilReady("edited");
    // What no rule of the API server can see: two subjects that overlap.
    const config = { additionalSubjects: ["a.*", "a.b"] };
    await world.api.client.patch(world.api.ref("edited"), { spec: { stream: { config } } });
    await world.until("edited", "SpecApplied", "False");
    expect(await conditionOf("edited", "SpecApplied")).toMatchObject({
      reason: "InvalidSpec",
      severity: "Warning",
      message: expect.stringMatching(/^spec\.stream\.config\.additionalSubjects: .*overlap/),
      observedGeneration: 2,
    });
    expect(await conditionOf("edited", "StreamReady")).toMatchObject({ status: "True" });
    const client = world.client("edited", dispatcher);
    expect(await client.sendBinary({})).toMatchObject({ status: 202 });
  });

  it("that was never right is not ready, and names the field", async () => {
    const config = { additionalSubjects: ["a.*", "a.b"] };
    await world.create("never-right", { stream: { config } });
    await world.until("never-right", "StreamReady", "False");
    expect(await conditionOf("never-right", "StreamReady")).toMatchObject({
      reason: "InvalidSpec",
      message: expect.stringContaining("spec.stream.config.additionalSubjects"),
    });
  });

  it("is told apart from its subscribers: a bad one is not ready alone", async () => {
    await world.create("mixed");
    await world.untilReady("mixed");
    await world.subscribe(
      "mixed",
      subscriber("good-1", `${world.sink.url}/mixed`),
      subscriber("bad-1", "not a url"),
    );
    await world.untilReady("mixed", "good-1");
    const { status } = (await world.read("mixed")) ?? {};
    expect(status?.subscribers).toEqual([
      {
        uid: "bad-1",
        ready: "False",
        observedGeneration: 1,
        message: expect.stringContaining("subscriberUri"),
      },
      { uid: "good-1", ready: "True", observedGeneration: 1 },
    ]);
  });
});

describe("a deleted channel", () => {
  it("goes once its stream has gone", async () => {
    await world.create("short-lived");
    await world.untilReady("short-lived");
    expect((await world.streams()).join()).toContain("SHORT_LIVED");
    await world.api.client.delete(world.api.ref("short-lived"));
    await eventually(async () => (await world.read("short-lived")) === undefined, {
      within: 30_000,
      what: "the object to go",
    });
    expect((await world.streams()).join()).not.toContain("SHORT_LIVED");
    expect(await world.client("short-lived", dispatcher).sendBinary({})).toMatchObject({
      status: 404,
    });
  });

  it("leaves its stream where it says so", async () => {
    await world.create("kept", { stream: { deletionPolicy: "Retain" } });
    await world.untilReady("kept");
    await world.api.client.delete(world.api.ref("kept"));
    await eventually(async () => (await world.read("kept")) === undefined, {
      within: 30_000,
      what: "the object to go",
    });
    expect((await world.streams()).join()).toContain("KEPT");
  });

  it("that nobody served meanwhile goes too, with its stream", async () => {
    await world.create("left-over");
    await world.untilReady("left-over");
    await dispatcher.kill("SIGTERM");
    await world.api.client.delete(world.api.ref("left-over"));
    dispatcher = await world.start();
    await eventually(async () => (await world.read("left-over")) === undefined, {
      within: 60_000,
      what: "the object to go",
    });
    expect((await world.streams()).join()).not.toContain("LEFT_OVER");
  });

  it("waits for NATS, and says so and what to do", async () => {
    await world.create("stuck");
    await world.untilReady("stuck");
    await world.nats.kill("SIGKILL");
    await world.api.client.delete(world.api.ref("stuck"));
    await world.until("stuck", "StreamReady", "False");
    expect(await conditionOf("stuck", "StreamReady")).toMatchObject({
      reason: "StreamNotDeleted",
      message: expect.stringMatching(/cannot be deleted: .*remove the finalizer/),
    });
    await world.nats.start();
    await eventually(async () => (await world.read("stuck")) === undefined, {
      within: 60_000,
      what: "the object to go",
    });
  });
});
