import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FINALIZER } from "../../../src/api/names.ts";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import { type ClusterWorld, startClusterWorld, subscriber } from "./cluster-world.ts";

const within = 60_000;
let world: ClusterWorld;
let dispatcher: DispatcherProcess;
let count = 0;
let name: string;

beforeAll(async () => {
  world = await startClusterWorld();
  dispatcher = await world.start();
});

afterAll(() => world?.stop());

beforeEach(() => {
  name = `c${++count}`;
});

const stream = (): string =>
  `KN_${world.api.namespace}__${name}`.toUpperCase().replaceAll("-", "_");
const info = async () => (await jetstreamManager(world.nc)).streams.info(stream());
const send = async () => await world.client(name, dispatcher).sendBinary({});

async function untilGone(): Promise<void> {
  const isGone = async () => (await world.read(name)) === undefined;
  await eventually(isGone, { within, what: `${name} to go` });
}

describe("a channel with which Knative demands what cannot be done", () => {
  const says = (status: string, reason: string, message: string) =>
    world.api.client.patch(world.api.ref(name, "status"), {
      status: {
        conditions: [
          { type: "StreamReady", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" },
          { type: "Addressable", status, reason, message },
        ],
      },
    });

  it.each([
    ["False", "OIDCNotSupported"],
    ["False", "EncryptionNotSupported"],
    ["False", "EventPolicyNotSupported"],
    ["Unknown", "PoliciesUnknown"],
  ])(
    "refuses events with the sentence of the condition while Addressable is %s: %s",
    async (status, reason) => {
      await world.create(name);
      await world.untilReady(name);
      expect(await send()).toMatchObject({ status: 202 });
      await says(status, reason, "this cannot be checked yet");
      await eventually(async () => (await send()).status === 403, { within, what: "403" });
      expect((await send()).body).toContain("this cannot be checked yet");
      await says("True", "", "");
      await eventually(async () => (await send()).status === 202, { within, what: "202" });
    },
  );

  it("takes events while it has no address for another reason", async () => {
    await world.create(name);
    await world.untilReady(name);
    await says("False", "ServiceMissing", "the Service is not there");
    const { addressable } = await eventually(
      async () => {
        const conditions = (await world.read(name))?.status?.conditions ?? [];
        const addressable = conditions.find(({ type }) => type === "Addressable");
        return addressable !== undefined && { addressable };
      },
      { within, what: "the condition" },
    );
    expect(addressable.status).toBe("False");
    expect(await send()).toMatchObject({ status: 202 });
  });
});

describe("a channel that no controller has seen yet", () => {
  const sendToPath = async () =>
    await fetch(`http://127.0.0.1:${dispatcher.httpPort}/${world.api.namespace}/${name}`, {
      method: "POST",
      headers: { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/a", "ce-type": "t" },
    });

  it("takes no events, though its stream is there", async () => {
    await world.createUndecided(name);
    await world.untilReady(name);
    const answer = await sendToPath();
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
    expect(await answer.text()).toContain("The controller has not decided yet");
    expect(await send()).toMatchObject({ status: 503 });
    const { state } = await info();
    expect(state.messages).toBe(0);
  });

  it("lets those in who wait at its address when it is decided, and needs no controller from then on", async () => {
    await world.createUndecided(name);
    await world.untilReady(name);
    const sending = send();
    await world.decide(name);
    expect(await sending).toMatchObject({ status: 202 });
    await world.api.client.patch(world.api.ref(name), {
      spec: { stream: { config: { maxMsgs: 7 } } },
    });
    await eventually(async () => (await info()).config.max_msgs === 7, {
      within,
      what: "the edit",
    });
    expect((await sendToPath()).status).toBe(202);
    await dispatcher.kill("SIGTERM");
    dispatcher = await world.start();
    expect((await sendToPath()).status).toBe(202);
  });
});

describe("a change of a channel", () => {
  it("of an annotation alone is noticed: events may be dropped from now on", async () => {
    await world.create(name, { stream: { config: { maxMsgs: 100 } } });
    await world.untilReady(name);
    for (let sent = 0; sent < 20; sent++) await send();
    const spec = { stream: { config: { maxMsgs: 5 } } };
    await world.api.client.patch(world.api.ref(name), { spec });
    await world.until(name, "SpecApplied", "False");
    expect((await info()).state.messages).toBe(20);
    const annotations = { "nats.messaging.knative.dev/allow-dropping-events": "true" };
    await world.api.client.patch(world.api.ref(name), { metadata: { annotations } });
    await world.until(name, "SpecApplied", "True");
    expect((await info()).state.messages).toBe(5);
  });

  it("that takes the finalizer away is put right", async () => {
    await world.create(name);
    await world.untilReady(name);
    await world.api.client.patch(world.api.ref(name), { metadata: { finalizers: null } });
    await eventually(
      async () => ((await world.read(name))?.metadata.finalizers as string[])?.includes(FINALIZER),
      { within, what: "the finalizer" },
    );
  });
});

describe("a channel that is deleted and made again under its name", () => {
  it("while the dispatcher is busy has a stream of its own", async () => {
    await world.create(name);
    await world.subscribe(name, subscriber("again", `${world.sink.url}/${name}`));
    await world.untilReady(name, "again");
    await send();
    const { created } = await info();
    await world.api.client.delete(world.api.ref(name));
    await untilGone();
    await world.create(name);
    await world.subscribe(name, subscriber("again", `${world.sink.url}/${name}`));
    await world.untilReady(name, "again");
    expect((await info()).created).not.toBe(created);
    expect((await info()).state.messages).toBe(0);
    await eventually(async () => (await send()).status === 202, { within, what: "202" });
    await eventually(
      () => world.sink.requests.filter(({ path }) => path === `/${name}`).length >= 2,
      { within, what: "its deliveries" },
    );
  });

  it("while the dispatcher is away is the newer one for it, and has the stream that was left behind", async () => {
    await world.create(name);
    await world.untilReady(name);
    await send();
    await dispatcher.kill("SIGTERM");
    await world.api.client.delete(world.api.ref(name));
    await world.api.client.patch(world.api.ref(name), { metadata: { finalizers: null } });
    await untilGone();
    await world.create(name, { stream: { config: { maxAge: "1h" } } });
    dispatcher = await world.start();
    await world.untilReady(name);
    expect((await world.read(name))?.metadata.finalizers).toEqual([FINALIZER]);
    await eventually(async () => (await info()).config.max_age === 3_600e9, {
      within,
      what: "the newer one's settings",
    });
    expect((await info()).state.messages).toBe(1);
  });

  it.each([
    ["Retain", true],
    ["Delete", false],
  ])(
    "with a policy that was changed while the dispatcher was away, to %s, is heard",
    async (deletionPolicy, stays) => {
      const before = deletionPolicy === "Retain" ? "Delete" : "Retain";
      await world.create(name, { stream: { deletionPolicy: before } });
      await world.untilReady(name);
      await dispatcher.kill("SIGTERM");
      const spec = { stream: { deletionPolicy } };
      await world.api.client.patch(world.api.ref(name), { spec });
      await world.api.client.delete(world.api.ref(name));
      dispatcher = await world.start();
      await untilGone();
      expect((await world.streams()).includes(stream())).toBe(stays);
    },
  );

  it("keeps its stream by policy although the rest of its spec is not right", async () => {
    const config = { additionalSubjects: ["a.*", "a.b"] };
    await world.create(name, { stream: { deletionPolicy: "Retain" } });
    await world.untilReady(name);
    await world.api.client.patch(world.api.ref(name), { spec: { stream: { config } } });
    await world.until(name, "SpecApplied", "False");
    // Whoever starts now has no last good state.
    await dispatcher.kill("SIGTERM");
    await world.api.client.delete(world.api.ref(name));
    dispatcher = await world.start();
    await untilGone();
    expect(await world.streams()).toContain(stream());
  });

  it("keeps its stream by a policy that came with an edit that is refused", async () => {
    const config = { additionalSubjects: ["a.*", "a.b"] };
    await world.create(name);
    await world.untilReady(name);
    const spec = { stream: { deletionPolicy: "Retain", config } };
    await world.api.client.patch(world.api.ref(name), { spec });
    await world.api.client.delete(world.api.ref(name));
    await untilGone();
    expect(await world.streams()).toContain(stream());
  });
});
