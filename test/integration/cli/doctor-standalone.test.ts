import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { consumerMetadataFor, streamMetadataFor } from "../../../src/api/ownership.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { faulty, linesOf } from "../../support/doctor-lines.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { channelFor } from "../standalone/standalone-world.ts";

const LIMITS = { stream: { config: { maxMsgs: 1000 } } };
const TWO_ACCOUNTS = `accounts {
  WITH { jetstream: enabled, users: [{ user: with, password: secret }] }
  WITHOUT { users: [{ user: without, password: secret }] }
}
no_auth_user: with`;

let nats: NatsServer;
let dataPlane: DataPlane;
let failing: EventSink;

beforeAll(async () => {
  nats = await startNatsServer({ config: TWO_ACCOUNTS });
  failing = await startEventSink({ respond: () => ({ status: 503 }) });
  dataPlane = await startDataPlane({ nats, channels: [channelFor("orders", { spec: LIMITS })] });
});

afterAll(async () => {
  await dataPlane.stop();
  await nats.stop();
  await failing.close();
});

const standalone = (...more: string[]) => {
  const url = `http://127.0.0.1:${dataPlane.dispatcher.adminPort}`;
  return linesOf(["--standalone", "--dispatcher-url", url, ...more]);
};

it("has no line but such as are ok while all is well", async () => {
  const lines = await standalone("--nats-url", nats.url);
  expect(faulty(lines)).toEqual([]);
  expect(lines.filter(({ check }) => check === "NATS")).toHaveLength(2);
});

it("is told of: a stream that is left behind", async () => {
  const jsm = await jetstreamManager(dataPlane.nc);
  const owner = { clusterId: "standalone", channel: { namespace: "default", name: "gone" } };
  const metadata = streamMetadataFor({ ...owner, origin: "created" });
  await jsm.streams.add({ name: "KN_DEFAULT__GONE", subjects: ["gone"], metadata });
  await jsm.consumers.add("KN_DEFAULT__GONE", {
    durable_name: "KN_SUB_A",
    ack_policy: "explicit",
    metadata: consumerMetadataFor({ ...owner, subscriberUid: "a" }),
  });
  const other = streamMetadataFor({ ...owner, clusterId: "other", origin: "created" });
  await jsm.streams.add({ name: "OTHERS", subjects: ["others"], metadata: other });
  // From the dispatcher and from here it is one stream, and another cluster's is nobody's business.
  expect(faulty(await standalone("--nats-url", nats.url))).toEqual([
    {
      level: "warn",
      check: "streams",
      message:
        "KN_DEFAULT__GONE is of channel default/gone, which is not there; it keeps 0 events (0 B)",
      remedy: expect.stringContaining("nats stream rm KN_DEFAULT__GONE"),
    },
  ]);
  for (const name of ["KN_DEFAULT__GONE", "OTHERS"]) await jsm.streams.delete(name);
});

it("is told of: a stream without a limit, a channel that is not ready, a subscriber that is held", async () => {
  const template = { maxAckPending: 1 };
  const slow = { retry: 9, backoffDelay: "PT60S" };
  await dataPlane.write([
    channelFor("orders", { spec: LIMITS }),
    channelFor("endless", {}),
    channelFor("wrong", { spec: { stream: { config: { maxAge: "soon" } } } }),
    channelFor("held", {
      spec: { ...LIMITS, consumerConfigTemplate: template },
      subscribers: [{ uid: "fails", uri: failing.url, delivery: slow }],
    }),
  ]);
  await eventually(
    async () => (await dataPlane.client("held").sendBinary({ id: "1" })).status === 202,
    { within: 10_000, what: "the channel to be served" },
  );
  const lines = await eventually(
    async () => {
      const found = faulty(await standalone());
      return found.some(({ check }) => check === "subscribers") && found;
    },
    { within: 20_000, what: "the subscriber to be held" },
  );
  expect(lines.map(({ level, check }) => `${level} ${check}`)).toEqual([
    "warn channels",
    "warn subscribers",
    "fail channels",
  ]);
  const messages = lines.map(({ message }) => message).join("\n");
  expect(messages).toContain("default/endless: spec.stream.config: the stream has no limit");
  expect(messages).toContain(
    "default/wrong is not Ready: InvalidSpec: spec.stream.config.maxAge: ",
  );
  expect(messages).toMatch(/default\/held: subscriber fails is held, .* http:\S+ .*503/);
  await dataPlane.write([channelFor("orders", { spec: LIMITS })]);
  await eventually(
    async () => faulty(await standalone()).every(({ check }) => check === "streams"),
    {
      within: 10_000,
      what: "the channels to be gone",
    },
  );
});

it("is told of: an account without JetStream", async () => {
  const url = nats.url.replace("//", "//without:secret@");
  const lines = await standalone("--nats-url", url);
  expect(faulty(lines).filter(({ check }) => check === "JetStream")).toEqual([
    {
      level: "fail",
      check: "JetStream",
      message: expect.stringMatching(/^from here: .*jetstream.*not enabled/i),
      remedy: expect.stringContaining("jetstream: enabled"),
    },
  ]);
});

it("is told of: NATS that is away, from the dispatcher and from here", async () => {
  await nats.kill();
  const lines = await eventually(
    async () => {
      const found = (await standalone("--nats-url", nats.url)).filter(
        ({ check, level }) => check === "NATS" && level === "fail",
      );
      return found.length === 2 && found;
    },
    { within: 20_000, what: "both to say so" },
  );
  expect(lines.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^http:\S+: not connected: /),
    expect.stringMatching(/^from here: cannot connect to NATS: /),
  ]);
});
