import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { auditEvents, isWrite } from "../../support/audit-log.ts";
import { type ClusterWorld, startClusterWorld, subscriber } from "./cluster-world.ts";

const QUIET_MS = 15_000;
let world: ClusterWorld;

beforeAll(async () => {
  world = await startClusterWorld();
});

afterAll(() => world?.stop());

it("two replicas that serve five channels write nothing but their lease while nothing happens", async () => {
  for (let i = 0; i < 5; i++) {
    await world.create(`quiet-${i}`);
    await world.subscribe(`quiet-${i}`, subscriber(`quiet-${i}`, world.sink.url));
  }
  const replicas = [await world.start(), await world.start()];
  for (let i = 0; i < 5; i++) await world.untilReady(`quiet-${i}`, `quiet-${i}`);
  // The last Events of the beginning are written in the background.
  await pause(1_000);
  const since = new Date();
  await pause(QUIET_MS);
  const all = await auditEvents(inject("cluster").auditLogPath, since);
  const theirs = all.filter(({ user }) =>
    user.username.startsWith(`system:serviceaccount:${world.api.namespace}:`),
  );
  const writes = theirs.filter(isWrite).map(({ objectRef }) => objectRef?.resource);
  expect(new Set(writes)).toEqual(new Set(["leases"]));
  const reads = theirs.filter((event) => !isWrite(event));
  expect(new Set(reads.map(({ objectRef }) => objectRef?.resource))).toEqual(new Set(["leases"]));
  // One renews every two seconds, one looks about as often.
  expect(theirs.length).toBeLessThan((2 * QUIET_MS) / 1_000);
  expect(await Promise.all(replicas.map((replica) => replica.readiness()))).toEqual([200, 200]);
});
