import { afterEach, describe, expect, it } from "vitest";
import { KubeClient } from "../../../src/kube/client.ts";
import { LeaseElector } from "../../../src/kube/lease.ts";
import { type Lease, RESOURCES } from "../../../src/kube/objects.ts";
import { eventually } from "../../support/eventually.ts";
import { kubeWorld, silentLog } from "./kube-world.ts";

const world = kubeWorld();
const durationMs = 2_000;
const renewDeadlineMs = 1_200;
const leases = "/apis/coordination.k8s.io/v1/namespaces/ns/leases";
const name = "leader1";
const within = 20_000;

const electors: LeaseElector[] = [];
const direct: KubeClient[] = [];
/** What happened, in order: `+a` a leads, `-a` a lost it. */
let told: { what: string; at: number }[] = [];

afterEach(async () => {
  await Promise.all(electors.splice(0).map((elector) => elector.stop()));
  await Promise.all(direct.splice(0).map((client) => client.close()));
  told = [];
});

function elector(identity: string, client: KubeClient = world.client): LeaseElector {
  const tell = (sign: string) => () =>
    told.push({ what: `${sign}${identity}`, at: performance.now() });
  const made = new LeaseElector({
    client,
    namespace: "ns",
    name,
    identity,
    log: silentLog,
    onAcquired: tell("+"),
    onLost: tell("-"),
    durationMs,
    renewDeadlineMs,
    retryMs: 100,
  });
  electors.push(made);
  made.start();
  return made;
}

/** Speaks with the stand-in past the proxy. */
function directClient(): KubeClient {
  const client = new KubeClient({ access: world.server.access(), userAgent: "direct" });
  direct.push(client);
  return client;
}

const lease = () => world.server.get(`${leases}/${name}`) as Lease | undefined;
const words = () => told.map(({ what }) => what);
const isTold = (...expected: string[]) =>
  eventually(() => expect(words()).toEqual(expected), { within, what: "the election" });

describe("the lease", () => {
  it("goes to the first, and the others see who has it", async () => {
    const a = elector("a");
    await isTold("+a");
    const b = elector("b");
    await eventually(() => b.holder() === "a", { within, what: "b to see a" });
    expect([a.isLeader(), b.isLeader()]).toEqual([true, false]);
    expect(a.deadlineMs()).toBeGreaterThan(0);
    expect(a.deadlineMs()).toBeLessThanOrEqual(durationMs);
    expect(b.deadlineMs()).toBe(0);
    const six = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(lease()?.spec).toEqual({
      holderIdentity: "a",
      leaseDurationSeconds: 2,
      acquireTime: six,
      renewTime: six,
      leaseTransitions: 0,
    });
  });

  it("is given back by one who stops, and the next has it before it would have expired", async () => {
    const a = elector("a");
    await isTold("+a");
    const b = elector("b");
    await eventually(() => b.holder() === "a", { within, what: "b to see a" });
    const stopped = performance.now();
    await a.stop();
    expect(a.isLeader()).toBe(false);
    await isTold("+a", "+b");
    expect((told.at(-1)?.at ?? 0) - stopped).toBeLessThan(durationMs);
    expect(lease()?.spec).toMatchObject({ holderIdentity: "b", leaseTransitions: 1 });
  });

  it("is lost by one who cannot renew it, before another can get it", async () => {
    const a = elector("a");
    await isTold("+a");
    elector("b", directClient());
    world.proxy.swallow("to-client");
    await isTold("+a", "-a", "+b");
    expect(a.isLeader()).toBe(false);
    world.proxy.cut();
    await eventually(() => a.holder() === "b", { within, what: "a to see b" });
  });

  it("stays where it is while the server is away for less than the deadline", async () => {
    const a = elector("a");
    await isTold("+a");
    await world.server.stop();
    await eventually(() => a.deadlineMs() < durationMs - 400, { within, what: "an outage" });
    await world.server.start();
    await eventually(() => a.deadlineMs() > durationMs - 300, { within, what: "a renewal" });
    expect(words()).toEqual(["+a"]);
  });

  it("of one that is gone is taken after its duration on the clock of the one who waits", async () => {
    // Its times would say that it has been free for years.
    const time = "2001-01-01T00:00:00.000000Z";
    world.server.put(leases, {
      metadata: { namespace: "ns", name },
      spec: { holderIdentity: "gone", leaseDurationSeconds: 2, acquireTime: time, renewTime: time },
    } as Lease);
    const began = performance.now();
    const b = elector("b");
    await eventually(() => b.holder() === "gone", { within, what: "b to see it" });
    await isTold("+b");
    expect((told[0]?.at ?? 0) - began).toBeGreaterThan(durationMs);
    expect(lease()?.spec).toMatchObject({ holderIdentity: "b", leaseTransitions: 1 });
  });

  it("that somebody gives to another by hand is lost at once", async () => {
    elector("a");
    await isTold("+a");
    const before = lease();
    world.server.put(leases, {
      ...before,
      spec: { ...before?.spec, holderIdentity: "another", leaseDurationSeconds: 60 },
    } as Lease);
    await isTold("+a", "-a");
  });

  it("that is deleted is made again, and nobody loses it", async () => {
    const a = elector("a");
    await isTold("+a");
    world.server.remove(leases, name);
    await eventually(() => lease()?.spec?.holderIdentity === "a", { within, what: "a new lease" });
    expect(words()).toEqual(["+a"]);
    expect(a.isLeader()).toBe(true);
  });

  it("keeps the labels and annotations that others put on it", async () => {
    elector("a");
    await isTold("+a");
    await directClient().mergePatch(
      RESOURCES.leases,
      { namespace: "ns", name },
      { patch: { metadata: { annotations: { seen: "yes" } } } },
    );
    const renewed = lease()?.spec?.renewTime;
    await eventually(() => lease()?.spec?.renewTime !== renewed, { within, what: "a renewal" });
    expect(lease()?.metadata?.annotations).toEqual({ seen: "yes" });
  });
});

it("a process that was frozen knows before anything else runs that its time is over", async () => {
  const a = elector("a");
  await isTold("+a");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs + 50);
  expect([a.isLeader(), a.deadlineMs()]).toEqual([false, 0]);
  // Nobody else wanted it, so it gets it back, but not as if nothing had been.
  await isTold("+a", "-a", "+a");
});

it("of many who want it at once, one at a time has it", async () => {
  const all = ["a", "b", "c", "d", "e"].map((identity) => elector(identity));
  for (let round = 0; round < all.length; round++) {
    await eventually(() => told.length === round + 1, { within, what: "a leader" });
    const leaders = all.filter((one) => one.isLeader());
    expect(leaders).toHaveLength(1);
    await leaders[0]?.stop();
  }
  expect(new Set(words()).size).toBe(all.length);
});
