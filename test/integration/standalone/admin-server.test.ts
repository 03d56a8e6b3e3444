import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMetrics } from "../../../src/runtime/metrics.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { notThere } from "../../support/observability-files.ts";
import { channelFor, shownChannel } from "./standalone-world.ts";

const EVENTS = 5;
let nats: NatsServer;
let dataPlane: DataPlane;
const sinks: EventSink[] = [];

async function aSink(...options: Parameters<typeof startEventSink>): Promise<string> {
  const sink = await startEventSink(...options);
  sinks.push(sink);
  return sink.url;
}

const ask = (path: string) => fetch(`http://127.0.0.1:${dataPlane.dispatcher.adminPort}${path}`);

/** Reads the series of a metric whose labels hold all of these; the value of each by its labels. */
async function series(name: string, ...labels: string[]): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const line of (await dataPlane.dispatcher.metrics()).split("\n")) {
    const [, metric, all = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (metric === name && labels.every((label) => all.includes(label))) found[all] = Number(value);
  }
  return found;
}

const one = async (name: string, ...labels: string[]) =>
  Object.values(await series(name, ...labels)).reduce((sum, value) => sum + value, 0);

/**
 * Sends five events, one of them twice, and one that is none. Of the three subscribers one takes all, one fails once for
 * each, one never accepts and has a dead-letter sink.
 */
beforeAll(async () => {
  nats = await startNatsServer();
  const nc = await connect({ servers: nats.url });
  const jsm = await jetstreamManager(nc);
  await jsm.streams.add({ name: "KN_DEFAULT__TAKEN", subjects: ["somebody.elses"] });
  await nc.close();
  const flaky = (_request: unknown, attempt: number) => ({ status: attempt === 1 ? 503 : 200 });
  const deadLetterSink = { uri: await aSink() };
  const retry = { retry: 3, backoffDelay: "PT0.05S", backoffPolicy: "linear" };
  dataPlane = await startDataPlane({
    nats,
    channels: [
      channelFor("counted", {
        subscribers: [
          { uid: "takes", uri: await aSink() },
          { uid: "flaky", uri: await aSink({ respond: flaky }), delivery: retry },
          {
            uid: "never",
            uri: await aSink({ respond: () => ({ status: 500 }) }),
            delivery: { retry: 0, deadLetterSink },
          },
        ],
      }),
      channelFor("taken", {}),
      channelFor("refused", { spec: { stream: { config: { maxAge: "soon" } } } }),
    ],
  });
  const client = dataPlane.client("counted");
  for (let id = 1; id <= EVENTS; id++) await client.sendBinary({ id: `${id}`, source: "/s" });
  await client.sendBinary({ id: "1", source: "/s" });
  await client.request({ headers: { "ce-id": "1" } });
  const settled = "jetstream_channel_deliveries_total";
  await eventually(async () => (await one(settled, 'outcome="acked"')) === 3 * EVENTS, {
    within: 10_000,
    what: "every event to be settled for every subscriber",
  });
});

afterAll(async () => {
  await dataPlane.stop();
  await nats.stop();
  await Promise.all(sinks.map((sink) => sink.close()));
});

describe("/metrics", () => {
  it("has every metric of the table, with its help and type", async () => {
    const text = await dataPlane.dispatcher.metrics();
    const table = createMetrics().registry.getMetricsAsArray();
    // Nothing expires here: credentials/expiry.test.ts has that one.
    const names = table
      .map(({ name }) => name)
      .filter((name) => /^(jetstream|kn)_(?!.*expiry)/.test(name));
    expect(names.length).toBeGreaterThan(35);
    for (const name of names) {
      expect(text).toMatch(new RegExp(`^# HELP ${name} \\S`, "m"));
      expect(text).toMatch(new RegExp(`^# TYPE ${name} (counter|gauge|histogram)$`, "m"));
      expect(text).toMatch(new RegExp(`^${name}(_count)?(\\{.*\\})? (\\d|\\+Inf)`, "m"));
    }
  });

  it("has every metric and label that a rule or a dashboard of the chart asks a dispatcher for", async () => {
    const text = await dataPlane.dispatcher.metrics();
    const isOfController = /^jetstream_channel_controller_/;
    expect(notThere(text, (metric) => !isOfController.test(metric))).toEqual([]);
  });

  it("is in Prometheus' text format", async () => {
    expect((await ask("/metrics")).headers.get("content-type")).toMatch(/^text\/plain; version=0/);
  });

  const counted = 'channel="default/counted"';
  const rows: [name: string, labels: string[], value: number][] = [
    ["events_received_total", [counted, 'outcome="accepted"'], EVENTS],
    ["events_received_total", [counted, 'outcome="duplicate"'], 1],
    ["events_received_total", [counted, 'outcome="invalid"'], 1],
    ["publish_duration_seconds_count", [], EVENTS + 1],
    ["publishes_in_flight", [], 0],
    ["receiving_bytes", [], 0],
    ["deliveries_total", ['subscriber="takes"', 'outcome="acked"'], EVENTS],
    ["deliveries_total", ['subscriber="takes"', 'outcome="retried"'], 0],
    ["deliveries_total", ['subscriber="flaky"', 'outcome="retried"'], EVENTS],
    ["deliveries_total", ['subscriber="flaky"', 'outcome="acked"'], EVENTS],
    ["deliveries_total", ['subscriber="never"', 'outcome="acked"'], EVENTS],
    ["requests_total", ['subscriber="takes"', 'role="subscriber"', 'outcome="success"'], EVENTS],
    ["requests_total", ['subscriber="flaky"', 'outcome="retriable"'], EVENTS],
    ["requests_total", ['subscriber="flaky"', 'outcome="success"'], EVENTS],
    ["requests_total", ['role="dead-letter"', 'outcome="success"'], EVENTS],
    ["delivery_duration_seconds_count", ['subscriber="flaky"'], 2 * EVENTS],
    ["redeliveries_total", ['subscriber="flaky"'], EVENTS],
    ["redeliveries_total", ['subscriber="takes"'], 0],
    ["events_by_type_total", [counted, 'cloudevents_type="test.event"'], EVENTS],
    ["oldest_unacknowledged_seconds", [counted], 0],
    ["dispatcher_leader", [], 1],
    ["deliveries_in_flight", [counted], 0],
    ["retries_waiting", [counted], 0],
    ["subscriber_held", [counted], 0],
    ["pending_messages", [counted], 0],
    ["memory_bound_bytes", [], 128 * 1024 * 1024],
    ["channels", ['state="ready"'], 1],
    ["channels", ['state="not_ready"'], 1],
    ["nats_connected", [`login="dispatcher"`], 1],
    ["nats_disconnects_total", [`login="dispatcher"`], 0],
  ];

  it.each(rows)("counts %s %j as it was: %d", async (name, labels, value) => {
    expect(await one(`jetstream_channel_${name}`, ...labels)).toBe(value);
  });

  const dispatched: [labels: string[], value: number][] = [
    [['subscriber="takes"', 'http_response_status_code="200"'], EVENTS],
    [['subscriber="flaky"', 'http_response_status_code="503"'], EVENTS],
    [['subscriber="flaky"', 'http_response_status_code="200"'], EVENTS],
    [['kn_channel_namespace="default"', 'kn_channel_name="counted"'], 4 * EVENTS],
  ];

  it.each(dispatched)(
    "tells under Knative's name how long requests %j took",
    async (labels, value) => {
      expect(await one("kn_eventing_dispatch_duration_seconds_count", ...labels)).toBe(value);
    },
  );

  it("tells under Knative's names of the work queue of channels", async () => {
    expect(await one("kn_workqueue_adds_total", 'name="channel"')).toBeGreaterThan(0);
    expect(await one("kn_workqueue_depth", 'name="channel"')).toBe(0);
  });

  it("tells which version runs", async () => {
    const { default: own } = await import("../../../package.json", { with: { type: "json" } });
    expect(await one("jetstream_channel_build_info", `version="${own.version}"`)).toBe(1);
  });

  it("tells a gauge of each subscriber, and of nobody else", async () => {
    const gauge = await series("jetstream_channel_subscriber_held");
    const subscribers = Object.keys(gauge).map((labels) => /subscriber="(\w+)"/.exec(labels)?.[1]);
    expect(subscribers.sort()).toEqual(["flaky", "never", "takes"]);
  });
});

describe("/healthz and /readyz", () => {
  it("answer ok, although a channel is refused and another cannot have its stream", async () => {
    for (const path of ["/healthz", "/readyz"]) {
      const answer = await ask(path);
      expect(answer.status).toBe(200);
      expect(await answer.text()).toBe("ok\n");
    }
    const { dispatcher } = dataPlane;
    expect(await shownChannel(dispatcher, "default/taken")).toMatchObject({
      ready: false,
      reason: "StreamOwnedByAnother",
    });
    expect(await shownChannel(dispatcher, "default/refused")).toMatchObject({
      ready: false,
      refusals: [{ path: "spec.stream.config.maxAge" }],
    });
  });
});

describe("/channels", () => {
  it("shows the stream, the address, and what each subscriber does", async () => {
    const shown = await shownChannel(dataPlane.dispatcher, "default/counted");
    const idle = { ready: true, attached: true, held: false, inFlight: 0, waiting: 0 };
    expect(shown).toMatchObject({
      ready: true,
      address: "http://counted-kn-jsm-channel.default.svc.cluster.local",
      path: "/default/counted",
      stream: {
        name: "KN_DEFAULT__COUNTED",
        subjects: ["default.counted._knative"],
        storage: "file",
        replicas: 1,
        retention: "limits",
        origin: "created",
      },
      unapplied: [],
      refusals: [],
      subscribers: [
        { uid: "takes", consumer: "KN_SUB_TAKES", deadLetters: 0, ...idle },
        {
          uid: "flaky",
          consumer: "KN_SUB_FLAKY",
          lastFailure: { role: "subscriber", reason: expect.stringContaining("503") },
          ...idle,
        },
        {
          uid: "never",
          consumer: "KN_SUB_NEVER",
          deadLetters: EVENTS,
          lastFailure: { role: "subscriber", reason: expect.stringContaining("500") },
          ...idle,
        },
      ],
    });
    expect(shown?.subscribers?.[0]).not.toHaveProperty("lastFailure");
    expect(shown?.subscribers?.[0]).not.toHaveProperty("message");
  });

  it("is JSON", async () => {
    expect((await ask("/channels")).headers.get("content-type")).toMatch(/^application\/json/);
  });
});

it("what is not there is 404", async () => {
  expect((await ask("/")).status).toBe(404);
});
