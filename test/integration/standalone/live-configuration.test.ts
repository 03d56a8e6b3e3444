/**
 * The dispatcher's configuration file, mounted as a kubelet does it, changes under a running dispatcher: it counts as a whole, at once and
 * without an event refused or lost, or not at all, and then the dispatcher says why.
 */
import { rm } from "node:fs/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { dump } from "js-yaml";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  aChannel,
  aSubscriber,
  type ChannelObject,
  writeChannels,
} from "../../support/channels-file.ts";
import { type Answer, createCloudEventClient } from "../../support/cloud-event-client.ts";
import { type DispatcherProcess, startDispatcher } from "../../support/dispatcher-process.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { makeSecretFiles, type SecretFiles } from "../../support/secret-files.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { judge, startLoad, startSubscribers } from "../faults/load.ts";
import { shownPage } from "./standalone-world.ts";

const within = 15_000;

let nats: NatsServer;
let files: SecretFiles;
let dispatcher: DispatcherProcess;
let ends: (() => unknown)[];

beforeEach(async () => {
  nats = await startNatsServer();
  files = await makeSecretFiles();
  ends = [];
});

afterEach(async () => {
  await dispatcher?.kill("SIGKILL");
  for (const end of ends) await end();
  await nats.stop();
  await files.remove();
});

const configure = (config: Record<string, unknown> | string) =>
  files.mount("config/jetstream", {
    "eventing-jetstream": typeof config === "string" ? config : dump(config),
  });

async function start(
  channels: Parameters<typeof writeChannels>[1],
  options: { untilReady?: boolean } = {},
): Promise<void> {
  const channelsPath = `${files.root}/channels.yaml`;
  await writeChannels(channelsPath, channels);
  const NATS_CONFIG_PATH = `${files.folderOf("config/jetstream")}/eventing-jetstream`;
  const env = { NATS_URL: "", NATS_CONFIG_PATH, SECRETS_PATH: files.root };
  dispatcher = await startDispatcher({ channelsPath, natsUrl: nats.url, env, ...options });
}

async function startWithLoad(...further: Parameters<typeof writeChannels>[1]) {
  const subscribers = await startSubscribers();
  ends.push(() => subscribers.close());
  await start([...subscribers.channels, ...further]);
  const load = startLoad(subscribers.ledger, () => [dispatcher.httpPort]);
  await load.acknowledges(50);
  return {
    /** Ends the load; nothing was refused, and nothing is missing, or came twice unless it may. */
    async nothingLost(what: string, { mayRepeat = false } = {}): Promise<void> {
      await load.acknowledges(50);
      await load.finish();
      expect([...load.refused]).toEqual([]);
      const { receivers } = await judge(what, subscribers.ledger, load);
      const nothing = { missing: 0, unknown: 0 };
      expect(receivers).toMatchObject({ steady: nothing, moody: nothing });
      if (!mayRepeat) expect(receivers.steady?.duplicates).toBe(0);
    },
  };
}

async function startProxy(): Promise<string> {
  const proxy = await startTcpProxy(nats.port);
  ends.push(() => proxy.close());
  return `nats://127.0.0.1:${proxy.port}`;
}

async function readyz(): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${dispatcher.adminPort}/readyz`);
  return `${answer.status} ${await answer.text()}`;
}

const says = (words: string) =>
  eventually(async () => expect(await readyz()).toContain(words), { within, what: words });
const logs = (msg: string) =>
  dispatcher.waitForLog((line) => line.msg === msg, { within, what: `"${msg}"` });
const server = async () => ((await shownPage(dispatcher)).nats as { server?: string }).server;
const isAt = (url: string) =>
  eventually(async () => expect(`nats://${await server()}`).toBe(url), { within, what: url });

function clientFor(channel: string) {
  const host = `${channel}-kn-jsm-channel.default.svc.cluster.local`;
  const client = createCloudEventClient({ port: dispatcher.httpPort, host });
  ends.push(() => client.close());
  return client;
}

async function slowChannel(): Promise<{ sink: EventSink; channel: ChannelObject }> {
  const sink = await startEventSink({ respond: () => "hang" });
  ends.push(() => sink.close());
  const spec = { subscribers: [aSubscriber({ uid: "slow", uri: sink.url })] };
  return { sink, channel: aChannel({ name: "slow", spec }) };
}

describe("a file that is right", () => {
  it("counts at once for deliveries and for senders, under load", async () => {
    await configure({ url: nats.url, dispatch: { concurrency: 1 } });
    const { sink, channel } = await slowChannel();
    const { nothingLost } = await startWithLoad(channel);
    const client = clientFor("slow");
    const large = () => client.sendBinary({ data: "x".repeat(3_000) });
    for (let event = 0; event < 10; event += 1) await client.sendBinary({});
    expect((await large()).status).toBe(202);
    await sink.waitFor(1);
    await configure({
      url: nats.url,
      dispatch: { concurrency: 7, maxEventSize: "2Ki", memory: "32Mi", keepAliveTimeout: "PT9S" },
    });
    await sink.waitFor(7);
    expect(sink.requests).toHaveLength(7);
    const refused = await eventually(async () => [await large()].find(isRefused) ?? false, {
      within,
      what: "the large event to be refused",
    });
    expect(refused.headers["keep-alive"]).toBe("timeout=9");
    expect(await dispatcher.metrics()).toMatch(/^jetstream_channel_memory_bound_bytes 33554432$/m);
    await nothingLost("other settings");
    expect(await readyz()).toBe("200 ok\n");
  });

  it("leads to other servers without an event refused, lost or repeated", async () => {
    await configure({ url: nats.url });
    const { nothingLost } = await startWithLoad();
    const url = await startProxy();
    await configure({ url });
    await isAt(url);
    await nothingLost("other servers");
    expect(await readyz()).toBe("200 ok\n");
  });

  it("leads to another JetStream, where nothing is settled of what was delivered before", async () => {
    await configure({ url: nats.url });
    const { sink, channel } = await slowChannel();
    sink.respond = ({ event }) =>
      event?.id === "first" ? { status: 200, afterMs: 2_000 } : "hang";
    await start([channel]);
    await clientFor("slow").sendBinary({ id: "first" });
    await sink.waitFor(1);
    const other = await startNatsServer();
    ends.push(() => other.stop());
    await configure({ url: other.url });
    await isAt(other.url);
    // It has the same stream sequence there as the first one had.
    await eventually(
      async () => (await clientFor("slow").sendBinary({ id: "second" })).status === 202,
      {
        within,
        what: "the channel to be served there",
      },
    );
    await sink.waitFor(2);
    await eventually(async () => (await dispatcher.metrics()).includes('outcome="disowned"} 1'), {
      within,
      what: "the first one to be done",
    });
    expect(await ackPending(other)).toBe(1);
    expect(await ackPending(nats)).toBe(1);
  });
});

it("a Secret that was named from the start and is not there is no reason to refuse what is new beside it", async () => {
  const auth = { usernamePassword: { secret: { secretName: "login" } } };
  await configure({ url: nats.url, auth });
  await start([], { untilReady: false });
  await says("not there");
  await configure({ url: nats.url, auth, dispatch: { memory: "32Mi" } });
  await logs("configuration changed");
  expect(await readyz()).not.toContain("configuration:");
});

describe("a file that does not count", () => {
  const kept = "; the last one that was right counts";

  const rows: [text: string, words: string][] = [
    ["url: [", "it is not YAML"],
    ["dispatch: { concurency: 7 }", 'unknown key "concurency"; allowed: timeout'],
    [
      "jetstream: { streamPrefix: EAST_ }\ndispatch: { maxEventSize: 1 }",
      `jetstream.streamPrefix: counts from the next start of the dispatcher on, and so does all of the file until then${kept}`,
    ],
    [
      "dispatch: { gracePeriod: PT9S, maxEventSize: 1 }",
      "dispatch.gracePeriod: counts from the next start",
    ],
    [
      "tls: { caConfigMap: { name: ca } }\ndispatch: { maxEventSize: 1 }",
      `ConfigMap "ca" is named and not mounted here: it counts in Pods that have it${kept}`,
    ],
  ];

  it("since it is wrong, or could count only in part, is named, and the dispatcher stays ready with the last one", async () => {
    await configure({ url: nats.url });
    await start([aChannel({ name: "a" })]);
    for (const [text, words] of rows) {
      await configure(text);
      await says(words);
      expect(await readyz()).toMatch(/^200 ok\nconfiguration: /);
    }
    await logs("the configuration is not taken over, the last one that was right stays in use");
    expect((await clientFor("a").sendBinary({})).status).toBe(202);
    await configure({ url: nats.url, dispatch: { timeout: "PT9S" } });
    await logs("the configuration is right again");
    expect(await readyz()).toBe("200 ok\n");
    await rm(`${files.folderOf("config/jetstream")}/eventing-jetstream`);
    await says("eventing-jetstream is not there any more; the last one that was right counts");
  });

  it("since its Secret is not mounted leaves the servers as they were too, until it is", async () => {
    await configure({ url: nats.url });
    const { nothingLost } = await startWithLoad();
    const url = await startProxy();
    const secret = { secretName: "login" };
    await configure({ url, auth: { usernamePassword: { secret } } });
    await says('Secret "login" is named and not mounted here');
    expect(`nats://${await server()}`).toBe(nats.url);
    await files.mount("login", { username: "somebody", password: "secret" });
    await isAt(url);
    expect(await readyz()).toBe("200 ok\n");
    // Who logs in otherwise may be in another account, so what was being delivered comes again.
    await nothingLost("a Secret and servers", { mayRepeat: true });
  });

  it("since nobody is at its url leaves the connection, and says so", async () => {
    await configure({ url: nats.url });
    const { nothingLost } = await startWithLoad();
    await configure({ url: `nats://127.0.0.1:${await freePort()}` });
    await says("; the connection of before is kept");
    expect(await readyz()).toMatch(/^200 ok\nNATS: .*ECONNREFUSED/);
    await nothingLost("a url of nobody");
    await configure({ url: nats.url });
    await eventually(async () => expect(await readyz()).toBe("200 ok\n"), { within, what: "ok" });
  });
});

const isRefused = ({ status }: Answer) => status === 413;

async function ackPending({ url }: NatsServer): Promise<number> {
  const nc = await connect({ servers: url });
  const jsm = await jetstreamManager(nc);
  const { num_ack_pending } = await jsm.consumers.info("KN_DEFAULT__SLOW", "KN_SUB_SLOW");
  await nc.close();
  return num_ack_pending;
}
