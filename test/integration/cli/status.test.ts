import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ChannelReport } from "../../../src/cli/channel-reports.ts";
import { type CliResult, runCli } from "../../support/cli.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { channelFor } from "../standalone/standalone-world.ts";

const EVENTS = 5;
let dataPlane: DataPlane;
let taking: EventSink;
let failing: EventSink;

beforeAll(async () => {
  taking = await startEventSink();
  failing = await startEventSink({ respond: () => ({ status: 503 }) });
  const limits = { stream: { config: { maxMsgs: 1000 } } };
  dataPlane = await startDataPlane({
    channels: [
      channelFor("orders", {
        spec: limits,
        subscribers: [
          { uid: "takes", name: "billing", uri: taking.url },
          { uid: "fails", uri: failing.url },
        ],
      }),
      channelFor("endless", {}),
      channelFor("wrong", { spec: { stream: { config: { maxAge: "soon" } } } }),
      channelFor("elsewhere", { namespace: "other", spec: limits }),
    ],
  });
  const client = dataPlane.client("orders");
  for (let id = 1; id <= EVENTS; id++) await client.sendBinary({ id: `${id}` });
  await eventually(() => taking.requests.length === EVENTS && failing.requests.length >= EVENTS, {
    within: 10_000,
    what: "every event to be tried",
  });
});

afterAll(async () => {
  await dataPlane.stop();
  await taking.close();
  await failing.close();
});

const status = (...more: string[]): Promise<CliResult> =>
  runCli([
    ...["status", "--standalone", "--dispatcher-url"],
    `http://127.0.0.1:${dataPlane.dispatcher.adminPort}/`,
    ...more,
  ]);

const reportsOf = async (...more: string[]) => {
  const { out, err } = await status("-o", "json", ...more);
  expect(err).toBe("");
  return (JSON.parse(out) as { channels: ChannelReport[] }).channels;
};

describe("with a dispatcher that reads files", () => {
  it("gives each channel with JetStream's counts, and each subscriber with its last failure", async () => {
    const [orders] = await eventually(
      async () => {
        const found = await reportsOf("orders");
        // The acknowledgement of the last event is under way.
        return found[0]?.subscribers[0]?.ackPending === 0 && found;
      },
      { within: 10_000, what: "every acknowledgement to be counted" },
    );
    expect(orders).toMatchObject({
      ...{ namespace: "default", name: "orders", ready: "True", stream: "KN_DEFAULT__ORDERS" },
      ...{
        storage: "file",
        messages: EVENTS,
        bytes: expect.any(Number),
        unapplied: [],
        warnings: [],
      },
      address: "http://orders-kn-jsm-channel.default.svc.cluster.local",
      subscribers: [
        { uid: "takes", name: "billing", ready: "True", pending: 0, redelivered: 0, held: false },
        {
          ...{ uid: "fails", ready: "True", pending: 0, ackPending: EVENTS, held: false },
          lastFailure: { role: "subscriber", destination: failing.url },
        },
      ],
    });
    expect(orders?.bytes).toBeGreaterThan(EVENTS * 50);
  });

  it("shows them in columns, and below them what is not as it should be", async () => {
    const { out, err, exitCode } = await status();
    const lines = out.split("\n").map((line) => line.trim().split(/ {2,}/));
    expect(lines[0]?.slice(0, 5)).toEqual(["NAMESPACE", "CHANNEL", "READY", "REASON", "STREAM"]);
    const orders = lines.find(([, name]) => name === "orders");
    expect(orders).toEqual([
      ...[
        "default",
        "orders",
        "True",
        "KN_DEFAULT__ORDERS",
        "5",
        expect.stringMatching(/^\d+ B$|KiB$/),
      ],
      ...["2/2", "0", "5", expect.any(String)],
    ]);
    expect(lines.find(([channel, who]) => channel === "default/orders" && who === "fails")).toEqual(
      [
        ...["default/orders", "fails", "True", "0", "5", expect.any(String), "0"],
        expect.stringMatching(/^20\S+Z http:\S+ .*503/),
      ],
    );
    expect(out).toContain("default/endless: spec.stream.config: the stream has no limit");
    expect(out).toContain("default/wrong: not Ready: InvalidSpec: spec.stream.config.maxAge: ");
    expect([err, exitCode]).toEqual(["", 0]);
  });

  it.each([
    ["a name", ["orders"], ["default/orders"]],
    ["a name with its namespace", ["other/elsewhere"], ["other/elsewhere"]],
    ["a namespace", ["-n", "other"], ["other/elsewhere"]],
  ])("narrows to %s", async (_, given, expected) => {
    const found = await reportsOf(...given);
    expect(found.map(({ namespace, name }) => `${namespace}/${name}`)).toEqual(expected);
  });

  it("fails for a channel that is not there", async () => {
    const { out, err, exitCode } = await status("nothing");
    expect([out, err, exitCode]).toEqual([
      "",
      "jetstream-channel: there is no channel nothing\n",
      1,
    ]);
  });

  it("fails where no dispatcher answers, and says where it asked", async () => {
    const { err, exitCode } = await runCli([
      "status",
      "--standalone",
      "--dispatcher-url=http://127.0.0.1:1",
    ]);
    expect(err).toContain("cannot get http://127.0.0.1:1/channels: ");
    expect(exitCode).toBe(1);
  });
});

it("says of a replica twice what it does, and of the stream once", async () => {
  const replica = await dataPlane.startReplica();
  const [orders] = await reportsOf(
    "orders",
    `--dispatcher-url=http://127.0.0.1:${replica.adminPort}`,
  );
  expect(orders).toMatchObject({
    messages: EVENTS,
    subscribers: [{ uid: "takes" }, { uid: "fails" }],
  });
  await replica.kill("SIGKILL");
});

it("still shows the channels when NATS is away, and that nobody can count", async () => {
  await dataPlane.nats.kill();
  const { out, err, exitCode } = await eventually(
    async () => {
      const result = await status();
      // A request under way when the server went fails in words of its own.
      return result.err.includes("there is no connection to NATS") && result;
    },
    { within: 20_000, what: "the loss to be told" },
  );
  expect(err).toMatch(/^jetstream-channel: http:\S+ cannot ask JetStream: there is no connection/);
  expect(out).toMatch(/ orders .* KN_DEFAULT__ORDERS +- +- +/);
  expect(exitCode).toBe(0);
  await dataPlane.nats.start();
});
