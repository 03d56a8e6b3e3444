import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection, headers as natsHeaders } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../../support/cli.ts";
import { documentedPermissions } from "../../support/cli-page.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { channelFor } from "../standalone/standalone-world.ts";

const CONFIG = `accounts {
  ALL { jetstream: enabled, users: [
    { user: all, password: secret }
    { user: peeker, password: secret, ${documentedPermissions} }
    { user: blind, password: secret, permissions { publish { allow: ["$JS.API.STREAM.NAMES"] } } }
  ] }
}
no_auth_user: all`;
const SEALED = JSON.stringify({
  specversion: "1.0",
  id: "go",
  source: "/go",
  type: "t",
  data: { n: 1 },
});

let nats: NatsServer;
let nc: NatsConnection;
let jsm: JetStreamManager;
let dataPlane: DataPlane;
let sink: EventSink;
let folder: string;
/** When the second half was published. */
let middle: number;

async function publish(
  data: string,
  headers: Record<string, string> = {},
  subject = "shop.orders._knative",
) {
  const all = natsHeaders();
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
  await jetstream(nc).publish(subject, data, { headers: all });
}

/** Publishes as a producer that does not care what the client library would say of its headers. */
async function publishRaw(header: string, data: string): Promise<void> {
  const block = `NATS/1.0\r\n${header}\r\n\r\n`;
  const sizes = `${block.length} ${block.length + data.length}`;
  const socket = connectSocket(nats.port, "127.0.0.1");
  socket.write(
    `CONNECT {"headers":true,"verbose":false}\r\nHPUB shop.orders._knative ${sizes}\r\n`,
  );
  socket.end(`${block}${data}\r\nPING\r\n`);
  await once(socket.resume(), "close");
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "jetstream-channel-peek-"));
  nats = await startNatsServer({ config: CONFIG });
  nc = await connect({ servers: nats.url });
  jsm = await jetstreamManager(nc);
  sink = await startEventSink();
  const config = { maxMsgs: 1000, additionalSubjects: ["bills.*"] };
  dataPlane = await startDataPlane({
    nats,
    channels: [
      channelFor("orders", {
        namespace: "shop",
        spec: { stream: { config } },
        subscribers: [{ uid: "all", uri: sink.url, delivery: { format: "json" } }],
      }),
      channelFor("named", { spec: { stream: { overrideName: "MINE", config: { maxMsgs: 10 } } } }),
    ],
  });
  const client = dataPlane.client("orders", "shop");
  await client.request({
    headers: {
      "ce-specversion": "1.0",
      "ce-id": "1",
      "ce-source": "/s",
      "ce-type": "t",
      "content-type": "application/json",
    },
    body: '{\n  "big": 12345678901234567890,\r\n  "text": "a\\nb"\n}\n',
  });
  await client.request({
    headers: { "content-type": "application/cloudevents+json; charset=utf-8" },
    body: '{"specversion":"1.0",\n "id":"2","source":"/s","type":"t","nr":7,"data_base64":"AAE="}',
  });
  await client.request({
    headers: {
      "ce-specversion": "1.0",
      "ce-id": "3%20x",
      "ce-source": "/s",
      "ce-type": "t",
      "content-type": "text/plain",
    },
    body: "lines\nof text",
  });
  await publish(SEALED);
  middle = Date.now();
  await eventually(() => Date.now() > middle + 50, { within: 1_000, what: "another time" });
  await publish("plain", {}, "bills.new");
  await publishRaw("Ce Id: not a header that the client likes", '{"a":1}');
  await dataPlane.client("named").sendBinary({ id: "n" });
  await sink.waitFor(6);
});

afterAll(async () => {
  await dataPlane.stop();
  await nc.close();
  await nats.stop();
  await sink.close();
  await rm(folder, { recursive: true, force: true });
});

const peek = (...given: string[]) => runCli(["peek", "--nats-url", nats.url, ...given]);

interface Line {
  sequence: number;
  subject: string;
  storedAt: string;
  event: { id: string };
}

async function sequences(...given: string[]): Promise<number[]> {
  const { out, err } = await peek("-o", "messages", ...given);
  if (!err.includes("there are more")) expect(err).toBe("");
  return out
    .split("\n")
    .flatMap((line) => (line === "" ? [] : (JSON.parse(line) as Line).sequence));
}

const as = (user: string) => nats.url.replace("//", `//${user}:secret@`);

it("shows of each stored form what a subscriber got, one line for each", async () => {
  const { out, err, exitCode } = await peek("shop/orders");
  const lines = out.trimEnd().split("\n");
  const parsed = (texts: readonly string[]) =>
    texts.map((text) => JSON.parse(text) as Line["event"]);
  const received = parsed(sink.requests.map(({ body }) => body.toString()));
  // They are delivered side by side.
  const inOrder = [...received].sort((a, b) => a.id.localeCompare(b.id));
  const shown = parsed(lines);
  expect([...shown].sort((a, b) => a.id.localeCompare(b.id))).toEqual(inOrder);
  expect(shown.slice(0, 4).map(({ id }) => id)).toEqual(["1", "2", "3 x", "go"]);
  expect(lines).toHaveLength(6);
  // Digits that no JavaScript number holds.
  expect(lines[0]).toContain('"big": 12345678901234567890,');
  expect([err, exitCode]).toEqual(["", 0]);
});

it("consumes nothing, and makes no consumer", async () => {
  const look = async () => {
    const { state } = await jsm.streams.info("KN_SHOP__ORDERS");
    const consumers = await jsm.consumers.list("KN_SHOP__ORDERS").next();
    return { state, consumers: consumers.map(({ name, ack_floor }) => ({ name, ack_floor })) };
  };
  const before = await look();
  await peek("shop/orders");
  expect(await look()).toEqual(before);
});

describe("which events", () => {
  const everything = [1, 2, 3, 4, 5, 6];
  it.each([
    ["the last", ["--last", "2"], [5, 6]],
    ["more than there are", ["--last", "100"], everything],
    ["from a sequence", ["--from", "3"], [3, 4, 5, 6]],
    ["from one behind the last", ["--from", "7"], []],
    ["from the beginning, but not all", ["--from", "1", "--limit", "2"], [1, 2]],
    ["since long ago", ["--since", "P1D"], everything],
    ["since the future", ["--since", "0s"], []],
    ["a subject", ["--subject", "bills.*"], [5]],
    ["the last of a subject", ["--subject", "shop.>", "--last", "2"], [4, 6]],
    ["a subject that nobody has", ["--subject", "none"], []],
  ])("are %s", async (_, given, expected) => {
    expect(await sequences("shop/orders", ...given)).toEqual(expected);
  });

  it("are those since a while ago", async () => {
    const since = Math.ceil(Date.now() - middle - 25);
    // The program starts a moment later, and asks from its own now.
    const found = await sequences("orders", "-n", "shop", "--since", `${since + 5}ms`);
    expect([[5, 6], [6], []]).toContainEqual(found);
    const { out } = await peek("shop/orders", "--from", "5", "-o", "messages");
    const [line] = out.split("\n").map((text) => JSON.parse(text || "{}") as Partial<Line>);
    expect(line).toMatchObject({
      sequence: 5,
      subject: "bills.new",
      event: { type: "dev.knative.nats.message" },
    });
    expect(Date.parse(line?.storedAt ?? "")).toBeGreaterThanOrEqual(middle);
  });

  it("says from where it goes on when there are more", async () => {
    const { err } = await peek("shop/orders", "--from", "1", "--limit", "2");
    expect(err).toBe("jetstream-channel: there are more: --from 3\n");
  });

  it("are those around gaps, too", async () => {
    await jsm.streams.add({ name: "GAPS", subjects: ["gaps"] });
    for (let i = 0; i < 200; i += 1) await jetstream(nc).publish("gaps", `${i}`);
    const kept = [1, 3, 4, 77, 150, 200];
    for (let sequence = 1; sequence <= 200; sequence += 1) {
      if (!kept.includes(sequence)) await jsm.streams.deleteMessage("GAPS", sequence);
    }
    expect(await sequences("--stream", "GAPS", "--last", "4")).toEqual([4, 77, 150, 200]);
    expect(await sequences("--stream", "GAPS", "--last", "9")).toEqual(kept);
    expect(await sequences("--stream", "GAPS", "--from", "2")).toEqual(kept.slice(1));
    expect(await sequences("--stream", "GAPS", "--since", "1h")).toEqual(kept);
  });
});

describe("which stream", () => {
  it("is the one of the channel, whatever its name", async () => {
    const { out } = await peek("named");
    expect(JSON.parse(out)).toMatchObject({ id: "n" });
  });

  it("is said to be missing by the subject that was looked for", async () => {
    const { err, exitCode } = await peek("nothing");
    expect(err).toContain(
      "no stream of this account has the subject default.nothing._knative of channel default/nothing",
    );
    expect(exitCode).toBe(1);
  });
});

describe("how NATS is reached", () => {
  it("is as a configuration says, with its Secrets", async () => {
    const { port } = new URL(nats.url);
    const config = join(folder, "eventing-jetstream");
    const secret = "{ secret: { secretName: login } }";
    await writeFile(
      config,
      `url: nats://127.0.0.1:${port}\nauth: { usernamePassword: ${secret} }\n`,
    );
    const login = join(folder, "knative-eventing/login");
    await mkdir(login, { recursive: true });
    await writeFile(join(login, "username"), "peeker");
    await writeFile(join(login, "password"), "secret\n");
    const { out, err } = await runCli([
      "peek",
      "shop/orders",
      "--last=1",
      "--nats-config",
      config,
      "--secrets",
      folder,
    ]);
    expect([out.split("\n").length, err]).toEqual([2, ""]);
    const without = await runCli(["peek", "shop/orders", "--nats-config", config]);
    expect(without.err).toContain("names a Secret: --secrets, or --creds expected");
    expect(without.exitCode).toBe(2);
  });

  it("works with the permissions that the page says, by channel and by stream", async () => {
    for (const which of [["shop/orders"], ["--stream", "KN_SHOP__ORDERS"]]) {
      const { out, err } = await runCli(["peek", ...which, "--nats-url", as("peeker")]);
      expect([out.split("\n").length, err]).toEqual([7, ""]);
    }
  });

  it.each([
    ["a user that may not", () => as("blind"), /^jetstream-channel: .*STREAM\.INFO/i],
    [
      "a wrong password",
      () => nats.url.replace("//", "//all:wrong@"),
      /^jetstream-channel: cannot connect to NATS: .*uthorization/,
    ],
    ["nobody there", () => "nats://127.0.0.1:1", /^jetstream-channel: cannot connect to NATS: /],
  ])("says what is wrong with %s, without a password", async (_, url, expected) => {
    const { out, err, exitCode } = await runCli(["peek", "shop/orders", "--nats-url", url()]);
    expect(err).toMatch(expected);
    expect(err).not.toMatch(/secret|wrong/);
    expect([out, exitCode]).toEqual(["", 1]);
  });
});

it.each([
  [["peek"], "a channel, or --stream, expected"],
  [["peek", "a"], "--nats-url, or --nats-config of a file with url, expected"],
  [["peek", "a", "--last", "0"], '--last: a whole number from 1 expected, got "0"'],
  [
    ["peek", "a", "--last", "1", "--from", "2"],
    "one of --last, --from, --since expected, got --last and --from",
  ],
  [["peek", "a", "--limit", "1"], "--limit goes with --from or --since"],
  [["peek", "a", "--since", "soon"], "--since: a duration like"],
  [["peek", "a", "--subject", "a..b"], '--subject: a subject of NATS expected, got "a..b"'],
  [["peek", "a", "b"], 'unexpected argument "b"'],
])("refuses %j", async (given, expected) => {
  const { err, exitCode } = await runCli(given);
  expect(err).toContain(expected);
  expect(exitCode).toBe(2);
});
