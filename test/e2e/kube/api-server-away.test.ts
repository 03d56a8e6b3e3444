import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findAccess } from "../../../src/kube/access.ts";
import { KubeClient } from "../../../src/kube/client.ts";
import { LeaseElector } from "../../../src/kube/lease.ts";
import { RESOURCES } from "../../../src/kube/objects.ts";
import { Reflector } from "../../../src/kube/reflector.ts";
import { createLogger } from "../../../src/runtime/logger.ts";
import { type ControlPlane, startControlPlane } from "../../support/control-plane.ts";
import { eventually } from "../../support/eventually.ts";

const log = createLogger({ name: "test", level: "silent" });
const within = 110_000;
const { configMaps } = RESOURCES;
const namespace = "default";
const silentMs = 3_000;
let controlPlane: ControlPlane;
let client: KubeClient;
let reflector: Reflector<object>;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  const access = await findAccess({ kubeconfig: controlPlane.cluster.kubeconfigPath });
  client = new KubeClient({ access, userAgent: "kube-test" });
  const selection = { namespace, labelSelector: "seen=yes" };
  reflector = new Reflector({ client, resource: configMaps, selection, log, silentMs });
  reflector.start();
  await reflector.hasSynced();
});

afterAll(async () => {
  await reflector?.stop();
  await client?.close();
  await controlPlane?.stop();
});

const labels = { seen: "yes" };
const make = (name: string) =>
  client.create(configMaps, { metadata: { namespace, name, labels } }, { timeoutMs: within });
const isSeen = (name: string) =>
  eventually(() => reflector.store.get(`${namespace}/${name}`) !== undefined, {
    within,
    what: `${name} to be seen`,
  });

describe("a reflector of a server", () => {
  it.each(["SIGTERM", "SIGKILL"] as const)(
    "that ended by %s goes on when it is back",
    async (signal) => {
      await controlPlane.stopApiServer(signal);
      await eventually(() => reflector.downForMs() > 500, { within, what: "the outage" });
      await controlPlane.startApiServer();
      await make(`after-${signal.toLowerCase()}`);
      await isSeen(`after-${signal.toLowerCase()}`);
      await eventually(() => reflector.failure() === undefined, { within, what: "the watch" });
    },
  );

  it("that stood still with its connections open goes on", async () => {
    await controlPlane.pauseApiServer();
    await eventually(() => reflector.downForMs() > silentMs, { within, what: "the silence" });
    controlPlane.resumeApiServer();
    await make("after-silence");
    await isSeen("after-silence");
  });
});

it("a leader whose server stands still stops leading in time, and leads again afterwards", async () => {
  const told: string[] = [];
  const elector = new LeaseElector({
    client,
    namespace,
    name: "leader",
    identity: "me",
    log,
    durationMs: 6_000,
    renewDeadlineMs: 4_000,
    retryMs: 500,
    onAcquired: () => told.push("acquired"),
    onLost: () => told.push(elector.deadlineMs() === 0 ? "lost" : "still ours"),
  });
  elector.start();
  await eventually(() => told.length === 1, { within, what: "the lease" });
  await controlPlane.pauseApiServer();
  const paused = performance.now();
  await eventually(() => told.length === 2, { within, what: "the loss" });
  expect(performance.now() - paused).toBeLessThan(6_000);
  controlPlane.resumeApiServer();
  await eventually(() => expect(told).toEqual(["acquired", "lost", "acquired"]), {
    within,
    what: "the lease again",
  });
  await elector.stop();
});
