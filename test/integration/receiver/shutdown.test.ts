import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aChannel } from "../../support/channels-file.ts";
import { createCloudEventClient } from "../../support/cloud-event-client.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import { allStored, headerOf } from "./stored-messages.ts";

const HOST = "last-kn-jsm-channel.default";

let plane: DataPlane;

beforeAll(async () => {
  plane = await startDataPlane({
    channels: [aChannel({ name: "last" })],
    dispatch: { quietPeriod: "PT1S", gracePeriod: "PT10S" },
  });
});

afterAll(async () => {
  await plane.stop();
});

async function untilMetric(dispatcher: DispatcherProcess, what: RegExp): Promise<void> {
  await eventually(async () => what.test(await dispatcher.metrics()), {
    within: 10_000,
    what: `the metric ${what}`,
  });
}

/** Whether nobody listens on a port. */
async function isClosed(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return false;
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
}

async function terminate(dispatcher: DispatcherProcess): Promise<void> {
  dispatcher.signal("SIGTERM");
  await dispatcher.waitForLog(({ msg }) => msg === "shutting down", {
    within: 10_000,
    what: "the end to begin",
  });
}

describe("a receiver that is told to end", () => {
  it("answers what is under way, takes what still comes with Connection: close, and exits with 0", async () => {
    const dispatcher = await plane.startReplica();
    const client = createCloudEventClient({ port: dispatcher.httpPort, host: HOST });
    await plane.nats.pause();
    const earlier = client.sendBinary({ id: "under-way" });
    await untilMetric(dispatcher, /publishes_in_flight 1\b/);
    await terminate(dispatcher);
    expect(await dispatcher.readiness()).toBe(503);
    const later = client.sendBinary({ id: "late" });
    await untilMetric(dispatcher, /publishes_in_flight 2\b/);
    await eventually(() => isClosed(dispatcher.httpPort), {
      within: 10_000,
      what: "a closed port",
    });
    plane.nats.resume();
    expect(await earlier).toMatchObject({ status: 202 });
    expect(await later).toMatchObject({ status: 202, headers: { connection: "close" } });
    const endsAt = performance.now();
    expect(await dispatcher.exited).toBe(0);
    // The first connection is not waited for, though its answer did not say that it is the last.
    expect(performance.now() - endsAt).toBeLessThan(2_000);
    client.close();
    const ids = (await allStored(plane.nc, "KN_DEFAULT__LAST")).map((one) =>
      headerOf(one, "ce-id"),
    );
    expect(ids.sort()).toEqual(["late", "under-way"]);
  });

  it("does not wait for a sender that never ends", async () => {
    const dispatcher = await plane.startReplica();
    const socket = connect(dispatcher.httpPort, "127.0.0.1");
    socket.write(
      `POST / HTTP/1.1\r\nHost: ${HOST}\r\nce-specversion: 1.0\r\nce-id: slow\r\nce-source: /a\r\nce-type: t\r\nContent-Length: 10\r\n\r\nabc`,
    );
    socket.on("error", () => undefined);
    const closed = once(socket, "close");
    await untilMetric(dispatcher, /receiving_bytes 3\b/);
    await terminate(dispatcher);
    expect(await dispatcher.exited).toBe(0);
    await closed;
  });
});
