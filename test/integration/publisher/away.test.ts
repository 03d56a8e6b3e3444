import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { aChannel, writeChannels } from "../../support/channels-file.ts";
import { type Answer, createCloudEventClient } from "../../support/cloud-event-client.ts";
import { startDataPlane } from "../../support/data-plane.ts";
import { startDispatcher } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { startNatsServer } from "../../support/nats-server.ts";
import { allStored, headerOf } from "../receiver/stored-messages.ts";

const HOST = "early-kn-jsm-channel.default";

describe("a dispatcher that starts before NATS", () => {
  it("waits, says so on /readyz, and takes events when NATS is there", async () => {
    const folder = await mkdtemp(join(tmpdir(), "jetstream-channel-test-"));
    const channelsPath = join(folder, "channels.yaml");
    await writeChannels(channelsPath, [aChannel({ name: "early" })]);
    const port = await freePort();
    const dispatcher = await startDispatcher({
      channelsPath,
      natsUrl: `nats://127.0.0.1:${port}`,
      untilReady: false,
    });
    const client = createCloudEventClient({ port: dispatcher.httpPort, host: HOST });
    let nats: Awaited<ReturnType<typeof startNatsServer>> | undefined;
    try {
      const ready = await fetch(`http://127.0.0.1:${dispatcher.adminPort}/readyz`);
      expect([ready.status, await ready.text()]).toEqual([
        503,
        expect.stringMatching(/^not connected to NATS: /),
      ]);
      expect(await client.sendBinary({})).toMatchObject({
        status: 503,
        headers: { "retry-after": "1" },
        body: expect.stringMatching(/waits for its stream|not connected to NATS/),
      });
      nats = await startNatsServer({ port });
      await eventually(async () => (await dispatcher.readiness()) === 200, {
        within: 30_000,
        what: "/readyz",
      });
      expect(await client.sendBinary({})).toMatchObject({ status: 202 });
    } finally {
      client.close();
      await dispatcher.kill("SIGKILL");
      await nats?.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe("a dispatcher whose NATS is away or frozen for longer than an event may wait", () => {
  it("answers 503 with Retry-After, goes to a new connection, and loses nothing that got 202", async () => {
    const plane = await startDataPlane({
      channels: [aChannel({ name: "early" })],
      dispatch: { publishTimeout: "PT3S" },
    });
    const client = createCloudEventClient({
      port: plane.dispatcher.httpPort,
      host: HOST,
      connections: 64,
    });
    try {
      const answers = new Map<string, Answer>();
      const pending: Promise<void>[] = [];
      let isSending = true;
      const sending = (async () => {
        for (let i = 0; isSending; i++) {
          const id = `frozen-${i}`;
          pending.push(client.sendBinary({ id }).then((answer) => void answers.set(id, answer)));
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      })();
      await eventually(() => answers.size > 3, { within: 10_000, what: "the first answers" });
      await plane.nats.pause();
      await plane.dispatcher.waitForLog(({ msg }) => msg === "connection to nats lost", {
        within: 60_000,
        what: "the frozen server to be noticed",
      });
      expect(await plane.dispatcher.readiness()).toBe(503);
      plane.nats.resume();
      await eventually(async () => (await plane.dispatcher.readiness()) === 200, {
        within: 60_000,
        what: "a new connection",
      });
      isSending = false;
      await sending;
      await Promise.all(pending);
      expect(await client.sendBinary({ id: "after" })).toMatchObject({ status: 202 });

      const late = [...answers.values()].filter(({ status }) => status !== 202);
      expect(late.length).toBeGreaterThan(0);
      for (const answer of late) {
        expect(answer).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
        expect(answer.body).toMatch(/^Not stored: .*(no connection to NATS|in time)\.\n$/);
      }
      const stored = (await allStored(plane.nc, "KN_DEFAULT__EARLY")).map((one) =>
        headerOf(one, "ce-id"),
      );
      expect(new Set(stored).size).toBe(stored.length);
      const acknowledged = [...answers]
        .filter(([, { status }]) => status === 202)
        .map(([id]) => id);
      expect(acknowledged.filter((id) => !stored.includes(id))).toEqual([]);
    } finally {
      client.close();
      await plane.stop();
    }
  });

  it("answers 503 after the deadline while NATS is down, and 202 when it is back", async () => {
    const plane = await startDataPlane({
      channels: [aChannel({ name: "early" })],
      dispatch: { publishTimeout: "PT1S" },
    });
    try {
      await plane.nats.kill("SIGKILL");
      const client = plane.client("early");
      const startedAt = performance.now();
      const answer = await client.sendBinary({ id: "down" });
      expect(answer).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
      expect(answer.body).toBe("Not stored: there is no connection to NATS.\n");
      expect(performance.now() - startedAt).toBeGreaterThan(990);
      await plane.nats.start();
      await eventually(async () => (await client.sendBinary({ id: "down" })).status === 202, {
        within: 30_000,
        what: "202",
      });
      const stored = await allStored(plane.nc, "KN_DEFAULT__EARLY");
      expect(stored.map((one) => headerOf(one, "ce-id"))).toEqual(["down"]);
    } finally {
      await plane.stop();
    }
  });
});
