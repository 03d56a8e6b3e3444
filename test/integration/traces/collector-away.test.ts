/** What becomes of events and of the process when spans go nowhere: the collector is away, or none are to be made. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startEventSink } from "../../support/event-sink.ts";
import { freePort } from "../../support/free-port.ts";
import { startOtlpReceiver } from "../../support/otlp-receiver.ts";
import { type Lanes, startLanes } from "../delivery/lanes.ts";

const within = 30_000;
const context = {
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  tracestate: "a=b",
};
/** Says each OpenTelemetry module that the program loads, among the lines of its log. */
const WATCH_MODULES = `
import { registerHooks } from "node:module";
registerHooks({
  load(url, context, next) {
    if (url.includes("/@opentelemetry/")) console.log("loaded " + url);
    return next(url, context);
  },
});
`;

let folder: string;
let world: Lanes<"orders">;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "jetstream-channel-traces-"));
});

afterEach(async () => {
  await world?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(
  env: Record<string, string>,
  dispatch: Record<string, unknown> = {},
): Promise<void> {
  const hooks = join(folder, "watch-modules.mjs");
  await writeFile(hooks, WATCH_MODULES);
  world = await startLanes(
    { orders: {} },
    { dispatch, env: { ...env, NODE_OPTIONS: `--import=${hooks}` } },
  );
}

const loaded = () =>
  world.dataPlane.dispatcher.logs
    .filter(({ msg }) => msg?.startsWith("loaded "))
    // prom-client loads the API of OpenTelemetry by itself.
    .filter(({ msg }) => !msg?.includes("/@opentelemetry/api/"));

it("without a collector nothing of OpenTelemetry's SDK is loaded, and a trace goes through to the letter", async () => {
  await start({});
  const { orders } = world.lanes;
  await orders.send({}, context);
  await orders.settled();
  expect(orders.subscriber.requests[0]?.headers).toMatchObject(context);
  expect(loaded()).toEqual([]);
});

it("events go on while the collector is away, with one warning, and spans when it is there", async () => {
  const port = await freePort();
  await start({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    // Or an export is tried again for ten seconds.
    OTEL_EXPORTER_OTLP_TIMEOUT: "500",
  });
  const { orders } = world.lanes;
  const { dispatcher } = world.dataPlane;
  expect(loaded()).not.toEqual([]);
  const warning = "spans cannot be sent and are dropped, events go on";
  await orders.send({}, context);
  await orders.settled();
  await dispatcher.waitForLog(({ msg }) => msg === warning, { within, what: "the warning" });
  const collector = await startOtlpReceiver(port);
  try {
    await orders.send({}, context);
    await orders.settled();
    await dispatcher.waitForLog(({ msg }) => msg === "spans are sent again", {
      within,
      what: "that spans are sent again",
    });
    await collector.waitFor(2);
  } finally {
    await collector.close();
  }
  expect(dispatcher.logs.filter(({ msg }) => msg === warning)).toHaveLength(1);
  expect(orders.subscriber.requests).toHaveLength(2);
});

it("what was not sent yet leaves when the dispatcher ends", async () => {
  const collector = await startOtlpReceiver();
  try {
    await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    await world.lanes.orders.send({}, context);
    await world.lanes.orders.settled();
    expect(await world.dataPlane.dispatcher.kill("SIGTERM")).toBe(0);
    expect(collector.spans.map(({ name }) => name).sort()).toEqual([
      "deliver default/orders",
      "receive default/orders",
    ]);
  } finally {
    await collector.close();
  }
});

it("an end does not wait for a collector that does not answer", async () => {
  const silent = await startEventSink({ respond: () => "hang" });
  try {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: silent.url, OTEL_EXPORTER_OTLP_TIMEOUT: "300000" };
    // Waiting for it would use that up, and end with 1.
    await start(env, { gracePeriod: "PT15S" });
    await world.lanes.orders.send({}, context);
    await world.lanes.orders.settled();
    await silent.waitFor(1);
    expect(await world.dataPlane.dispatcher.kill("SIGTERM")).toBe(0);
  } finally {
    await silent.close();
  }
});
