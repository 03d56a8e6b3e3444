import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { auditEvents, isWrite } from "../../support/audit-log.ts";
import { eventually } from "../../support/eventually.ts";
import { type Channel, type ClusterWorld, startClusterWorld, subscriber } from "./cluster-world.ts";

const CHANNELS = 300;
let world: ClusterWorld;

beforeAll(async () => {
  world = await startClusterWorld();
});

afterAll(() => world?.stop());

it("300 channels that come at once, each with a subscriber, are served with few requests each", async () => {
  const dispatcher = await world.start();
  const names = Array.from({ length: CHANNELS }, (_, index) => `many-${index}`);
  const since = new Date();
  const startedAt = performance.now();
  const make = async (name: string) => {
    await world.create(name);
    await world.subscribe(name, subscriber(name, `${world.sink.url}/${name}`));
  };
  for (let at = 0; at < CHANNELS; at += 20) await Promise.all(names.slice(at, at + 20).map(make));
  const madeMs = performance.now() - startedAt;
  const { client } = world.api;
  await eventually(
    async () => {
      const all = { ...world.api.ref(""), name: undefined };
      const { items } = await client.list<Channel>(all);
      return items.every(({ status }) => status?.subscribers?.[0]?.ready === "True");
    },
    { within: 100_000, what: "all to be ready" },
  );
  const readyMs = performance.now() - startedAt;
  const all = await auditEvents(inject("cluster").auditLogPath, since);
  const theirs = all.filter(({ user }) =>
    user.username.startsWith(`system:serviceaccount:${world.api.namespace}:`),
  );
  const requests: Record<string, number> = {};
  for (const { verb, objectRef } of theirs) {
    const what = `${verb} ${[objectRef?.resource, objectRef?.subresource].filter(Boolean).join("/")}`;
    requests[what] = (requests[what] ?? 0) + 1;
  }
  console.info(
    `${CHANNELS} channels made in ${Math.round(madeMs)} ms, all ready after ${Math.round(readyMs)} ms; requests of the dispatcher: ${JSON.stringify(requests)}`,
  );
  // The finalizer, an Event, and status twice: each gets its subscriber a moment after it was made.
  expect(theirs.filter(isWrite).length / CHANNELS).toBeLessThan(5);
  expect(await dispatcher.readiness()).toBe(200);
});
