import { expect, it } from "vitest";
import type {
  ChannelsPage,
  LoginState,
  LoginStreams,
  StreamsPage,
} from "../../../src/api/dispatcher-pages.ts";
import { channelLines, leftBehindLines, replicaLines } from "../../../src/cli/check-channels.ts";
import type { Replica } from "../../../src/cli/replicas.ts";

const connected: LoginState = {
  state: "connected",
  server: "nats:4222",
  serverVersion: "2.11.0",
  lastError: undefined,
  changedLogin: undefined,
  denied: [],
};
const away = { ...connected, state: "connecting", lastError: "refused" };
const notEnabled = { login: "", fault: "JetStream is not enabled", streams: [] };

function replica(page: Partial<ChannelsPage>, logins?: LoginStreams[]): Replica {
  const streams: StreamsPage | undefined = logins && { clusterId: "c", logins };
  const channels = { nats: connected, logins: [], channels: [], ...page };
  return { name: "ns/pod", channels, streams, faults: [] };
}

const stream = (name: string, channel: string) => ({
  ...{ name, channel, origin: "created", storage: "file", lastTime: undefined, consumers: [] },
  ...{ messages: 3, bytes: 2048, firstSequence: 1, lastSequence: 3 },
});

it.each<[string, Replica, string[]]>([
  ["a connection", replica({}), ["ok NATS: ns/pod: nats-server 2.11.0 at nats:4222"]],
  ["none", replica({ nats: away }), ["fail NATS: ns/pod: not connected: refused"]],
  [
    "none, and so nothing of JetStream",
    replica({ nats: away }, [notEnabled]),
    ["fail NATS: ns/pod: not connected: refused"],
  ],
  [
    "a login of a channel",
    replica({ logins: [{ login: "shop/creds", ...away }] }),
    ["ok NATS: ns/pod: nats", "fail NATS: ns/pod, login shop/creds: not connected: refused"],
  ],
  [
    "a permission that is missing",
    replica({ nats: { ...connected, denied: ['publish to "a"'] } }),
    ["ok NATS: ", 'fail NATS permissions: ns/pod: the login may not publish to "a"'],
  ],
  [
    "a changed login",
    replica({ nats: { ...connected, changedLogin: "no such user" } }),
    ["ok NATS: ", "warn NATS: ns/pod: the changed login does not work"],
  ],
  [
    "JetStream that is not enabled",
    replica({}, [notEnabled]),
    ["ok NATS: ", "fail JetStream: ns/pod: JetStream is not enabled"],
  ],
  [
    "a stream whose consumers cannot be told",
    replica({}, [{ login: "", streams: [{ ...stream("S", "a/b"), fault: "timeout" }] }]),
    [
      "ok NATS: ",
      "ok JetStream: ns/pod: it has 1 of",
      "warn JetStream: ns/pod: consumers of S: timeout",
    ],
  ],
])("says of a replica: %s", (_, given, expected) => {
  const lines = replicaLines({ replicas: [given], faults: [] });
  const shown = lines.map(({ level, check, message }) => `${level} ${check}: ${message}`);
  expect(shown.map((line, index) => line.slice(0, expected[index]?.length))).toEqual(expected);
  for (const { level, remedy } of lines) expect(remedy === undefined).toBe(level === "ok");
});

it("finds a stream without its channel once, whoever tells of it", () => {
  const page = [{ login: "", streams: [stream("S", "a/here"), stream("T", "a/gone")] }];
  const lines = leftBehindLines([replica({}, page), replica({}, page)], new Set(["a/here"]));
  expect(lines.map(({ message }) => message)).toEqual([
    "T is of channel a/gone, which is not there; it keeps 3 events (2.0 KiB)",
  ]);
  expect(leftBehindLines([replica({}, page)], new Set(["a/here", "a/gone"]))).toMatchObject([
    { level: "ok", message: "each of 2 has its channel" },
  ]);
  expect(leftBehindLines([replica({})], new Set())).toEqual([]);
});

it("says what is not as it should be with channels and subscribers, each with what to do", () => {
  const failure = { at: "2026", role: "subscriber", destination: "http://x", reason: "503" };
  const lines = channelLines([
    {
      ...{ namespace: "a", name: "b", ready: "False", reason: "NatsNotConnected", message: "away" },
      unapplied: [{ path: "spec.x", reason: "cannot change" }],
      warnings: [{ path: "spec.y", reason: "no limit" }],
      subscribers: [
        { uid: "u", ready: "False", message: "no consumer" },
        { uid: "v", name: "named", ready: "True", held: true, lastFailure: failure },
      ],
    },
    { namespace: "a", name: "c", ready: "Unknown", unapplied: [], warnings: [], subscribers: [] },
  ]);
  expect(lines.map(({ level, check, message }) => `${level} ${check}: ${message}`)).toEqual([
    "fail channels: a/b is not Ready: NatsNotConnected: away",
    "warn channels: a/b: spec.x: cannot change",
    "warn channels: a/b: spec.y: no limit",
    "warn subscribers: a/b: subscriber u is not ready: no consumer",
    "warn subscribers: a/b: subscriber named is held, everything that may be pending waits for another attempt: http://x 503",
    "fail channels: a/c is not Ready: nobody has said why yet",
  ]);
  expect(lines.every(({ remedy }) => remedy !== undefined)).toBe(true);
});
