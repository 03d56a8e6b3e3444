import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aChannel } from "../../support/channels-file.ts";
import { type Answer, createCloudEventClient } from "../../support/cloud-event-client.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { eventually } from "../../support/eventually.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import { allStored, headerOf, lastSequence } from "../receiver/stored-messages.ts";

const CHANNELS = ["killed", "swallowed", "cut", "moved"];

let nats: NatsServer;
let proxy: TcpProxy;
let plane: DataPlane;

beforeAll(async () => {
  nats = await startNatsServer();
  proxy = await startTcpProxy(nats.port);
  plane = await startDataPlane({
    channels: CHANNELS.map((name) => aChannel({ name })),
    nats,
    env: { NATS_URL: `nats://127.0.0.1:${proxy.port}` },
    dispatch: { publishTimeout: "PT20S" },
  });
});

afterAll(async () => {
  await plane.stop();
  await proxy.close();
  await nats.stop();
});

/** Sends many events at once; gives their answers by their ids. */
function sendMany(channel: string, count: number): Promise<Map<string, Answer>> {
  const host = `${channel}-kn-jsm-channel.default`;
  const client = createCloudEventClient({ port: plane.dispatcher.httpPort, host, connections: 64 });
  const answers = Array.from({ length: count }, async (_, i): Promise<[string, Answer]> => {
    const id = `${channel}-${i}`;
    return [id, await client.sendBinary({ id, data: `${i}` })];
  });
  return Promise.all(answers).then((entries) => {
    client.close();
    return new Map(entries);
  });
}

async function untilStored(channel: string, count: number): Promise<void> {
  await eventually(async () => (await lastSequence(plane.nc, `KN_DEFAULT__${channel}`)) >= count, {
    within: 20_000,
    what: `${count} events in ${channel}`,
  });
}

/** Says that every event was answered 202 and is there once. */
async function expectOneCopyOfEach(channel: string, answers: Map<string, Answer>): Promise<void> {
  const refused = [...answers.values()].filter(({ status }) => status !== 202);
  expect(refused).toEqual([]);
  const stored = await allStored(plane.nc, `KN_DEFAULT__${channel.toUpperCase()}`);
  expect(stored.map((one) => headerOf(one, "ce-id")).sort()).toEqual([...answers.keys()].sort());
}

describe("events under way while NATS fails for less than their deadline", () => {
  it("get 202 and are stored once when their PubAcks are lost with the connection", async () => {
    proxy.swallow("to-client");
    const sent = sendMany("swallowed", 50);
    await untilStored("SWALLOWED", 50);
    proxy.pass();
    proxy.cut();
    await expectOneCopyOfEach("swallowed", await sent);
  });

  it("get 202 and are stored once when the connection is cut again and again", async () => {
    const sent = sendMany("cut", 3_000);
    for (const count of [1, 800, 1_600]) {
      await untilStored("CUT", count);
      proxy.cut();
    }
    await expectOneCopyOfEach("cut", await sent);
  });

  it("get 202 and are stored once when nats-server is killed and started again", async () => {
    const sent = sendMany("killed", 3_000);
    await untilStored("KILLED", 200);
    await nats.kill("SIGKILL");
    proxy.cut();
    await plane.dispatcher.waitForLog(({ msg }) => msg === "cannot connect to nats, trying again", {
      within: 20_000,
      what: "the dispatcher to notice",
    });
    await nats.start();
    await expectOneCopyOfEach("killed", await sent);
  });
});

describe("an event whose subject another stream has", () => {
  it("gets 503 with the reason, since the channel's stream does not have it", async () => {
    const api = async (subject: string, request: unknown) => {
      const reply = await plane.nc.request(`$JS.API.STREAM.${subject}`, JSON.stringify(request));
      const answer = reply.json<{ config?: Record<string, unknown> }>();
      expect(answer).not.toHaveProperty("error");
      return answer;
    };
    const stream = "KN_DEFAULT__MOVED";
    const { config } = await api(`INFO.${stream}`, {});
    await api(`UPDATE.${stream}`, { ...config, subjects: ["elsewhere"] });
    await api("CREATE.THIEF", { name: "THIEF", subjects: ["default.moved._knative"] });
    const refused = await plane.client("moved").sendBinary({});
    expect(refused).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
    expect(refused.body).toBe(
      `Not stored: stream THIEF took the event, ${stream} is the channel's.\n`,
    );
    expect(await lastSequence(plane.nc, stream)).toBe(0);
  });
});
