import { afterEach, describe, expect, it } from "vitest";
import {
  EventRecorder,
  type EventRecorderDeps,
  type Happening,
} from "../../../src/kube/event-recorder.ts";
import type { Event } from "../../../src/kube/objects.ts";
import { sendStatus } from "../../support/api-stand-in.ts";
import { eventually } from "../../support/eventually.ts";
import { kubeWorld, silentLog } from "./kube-world.ts";

const world = kubeWorld();
const events = "/apis/events.k8s.io/v1/namespaces/ns/events";
const recorders: EventRecorder[] = [];

afterEach(async () => {
  await Promise.all(recorders.splice(0).map((recorder) => recorder.stop()));
});

function recorderWith(options: Partial<EventRecorderDeps> = {}): EventRecorder {
  const recorder = new EventRecorder({
    client: world.client,
    component: "the-controller",
    instance: "pod-1",
    log: silentLog,
    ...options,
  });
  recorders.push(recorder);
  return recorder;
}

const regarding = {
  apiVersion: "example.dev/v1",
  kind: "Thing",
  metadata: { namespace: "ns", name: "a1", uid: "u1", resourceVersion: "7" },
};

function happening(note = "the stream is full"): Happening {
  return { regarding, type: "Warning", reason: "StreamFull", action: "Publish", note };
}

const posted = () =>
  world.server.requests
    .filter(({ method }) => method === "POST")
    .map(({ body }) => JSON.parse(body) as Event);
const patched = () =>
  world.server.requests
    .filter(({ method }) => method === "PATCH")
    .map(({ body }) => JSON.parse(body) as Event);
const soon = (check: () => unknown, what: string) =>
  eventually(check as () => boolean, { within: 30_000, what });

describe("an Event", () => {
  it("says what happened to which object, and who says so", async () => {
    recorderWith().record(happening());
    await soon(() => posted().length === 1, "an Event");
    expect(posted()[0]).toEqual({
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { namespace: "ns", name: expect.stringMatching(/^a1\.[0-9a-f]{16}$/) },
      eventTime: expect.stringMatching(/\.\d{6}Z$/),
      reportingController: "the-controller",
      reportingInstance: "pod-1",
      regarding: {
        apiVersion: "example.dev/v1",
        kind: "Thing",
        namespace: "ns",
        name: "a1",
        uid: "u1",
        resourceVersion: "7",
      },
      type: "Warning",
      reason: "StreamFull",
      action: "Publish",
      note: "the stream is full",
    });
  });

  it("has a note of at most 1,024 bytes, cut between two characters", async () => {
    recorderWith().record(happening("ü".repeat(1_000)));
    await soon(() => posted().length === 1, "an Event");
    const note = posted()[0]?.note ?? "";
    expect(note).toBe(`${"ü".repeat(510)}…`);
    expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1_024);
  });

  it("about an object of the cluster is in the namespace default", async () => {
    const metadata = { name: "x.".repeat(120) };
    recorderWith().record({ ...happening(), regarding: { metadata } });
    await soon(() => posted().length === 1, "an Event");
    expect(posted()[0]?.metadata?.namespace).toBe("default");
    expect(posted()[0]?.metadata?.name).toMatch(/^(x\.)+x\.[0-9a-f]{16}$/);
  });
});

describe("the same Event again", () => {
  it("counts up the one that is there, however often it happened since", async () => {
    const recorder = recorderWith({ countEveryMs: 100 });
    for (let i = 0; i < 50; i++) recorder.record(happening());
    await soon(() => patched().length === 1, "a count");
    expect(posted()).toHaveLength(1);
    expect(patched()[0]).toEqual({
      series: { count: 50, lastObservedTime: expect.stringMatching(/\.\d{6}Z$/) },
    });
    recorder.record(happening());
    await soon(() => patched().length === 2, "a second count");
    expect(patched()[1]?.series?.count).toBe(51);
  });

  it("is written anew when the server has forgotten the first", async () => {
    const recorder = recorderWith({ countEveryMs: 100 });
    recorder.record(happening());
    await soon(() => posted().length === 1, "an Event");
    world.server.remove(events, posted()[0]?.metadata?.name ?? "");
    recorder.record(happening());
    await soon(() => posted().length === 2, "another Event");
    expect(posted()[1]?.metadata?.name).not.toBe(posted()[0]?.metadata?.name);
  });

  it("with another note is another Event", async () => {
    const recorder = recorderWith();
    recorder.record(happening("one"));
    recorder.record(happening("two"));
    await soon(() => posted().length === 2, "two Events");
  });
});

describe("an Event is dropped and counted", () => {
  it("when its object has had its share, which comes back with time", async () => {
    const recorder = recorderWith({ burst: 2, oneMoreAfterMs: 1_000 });
    for (const note of ["one", "two", "three", "four"]) recorder.record(happening(note));
    expect(recorder.dropped()).toBe(2);
    const other = { ...regarding, metadata: { ...regarding.metadata, uid: "u2" } };
    recorder.record({ ...happening("five"), regarding: other });
    await soon(() => posted().length === 3, "three Events");
    await soon(() => {
      recorder.record(happening(`six ${recorder.dropped()}`));
      return posted().length > 3;
    }, "a fourth Event");
  });

  it("when the server refuses it", async () => {
    world.server.fault = (_, response) => {
      sendStatus(response, 403, "Forbidden");
      return true;
    };
    const recorder = recorderWith();
    recorder.record(happening());
    await soon(() => recorder.dropped() === 1, "a drop");
    expect(world.server.requests).toHaveLength(1);
  });

  it("when it is the two thousand and second that waits for a server that does not answer", async () => {
    world.proxy.swallow("to-client");
    const recorder = recorderWith({ burst: 3_000 });
    // One is on its way.
    for (let i = 0; i < 2_002; i++) recorder.record(happening(`${i}`));
    expect(recorder.dropped()).toBe(1);
  });
});

it("an Event is written when the server comes back soon", async () => {
  await world.server.stop();
  const recorder = recorderWith();
  recorder.record(happening());
  await world.server.start();
  await soon(() => posted().length === 1, "an Event");
  expect(recorder.dropped()).toBe(0);
});

it("a recorder that stops writes what waits", async () => {
  const recorder = recorderWith();
  for (const note of ["one", "two", "three"]) recorder.record(happening(note));
  await recorder.stop();
  expect(posted()).toHaveLength(3);
  recorder.record(happening("four"));
  expect(posted()).toHaveLength(3);
});

it("a recorder that stops does not wait long for a server that does not answer", async () => {
  world.proxy.swallow("to-client");
  const recorder = recorderWith();
  recorder.record(happening());
  const began = performance.now();
  await recorder.stop();
  expect(performance.now() - began).toBeLessThan(8_000);
});
