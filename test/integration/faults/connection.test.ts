/** The line between a dispatcher and nats-server: slow, cut, half closed, deaf in one direction, held up, not permitted. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";
import { startDataPlane } from "../../support/data-plane.ts";
import { startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import { createLedger } from "../../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import { metric } from "../delivery/lanes.ts";
import { either, MINUTES, rounds } from "./length.ts";
import { CONCURRENCY, withFaultWorld } from "./world.ts";

const PATIENT = { publishTimeout: "PT30S" };

/** What happens to the line, and for how long; what is lost of it is lost with its connection. */
const FAULTS: [what: string, begin: (line: TcpProxy) => void, forMs: number][] = [
  ["200 ms more each way", (line) => line.delay(200), 1_500],
  ["a cut", (line) => line.cut(), 0],
  ["an end of what the client says", (line) => line.halfClose("to-server"), 0],
  ["an end of what the server says", (line) => line.halfClose("to-client"), 0],
  ["nothing of the client arriving", (line) => line.swallow("to-server"), 1_000],
  ["nothing of the server arriving", (line) => line.swallow("to-client"), 1_000],
  ["nothing of the client being read", (line) => line.stall("to-server"), 1_000],
];

it.each(either<(1 | 2)[]>({ short: [1], long: [1, 2] }))(
  "a bad line of one of %i dispatchers to nats-server costs no event and no answer",
  async (replicas) => {
    const options = { replicas, dispatch: PATIENT };
    await withFaultWorld(options, async ({ load, lines: { nats }, goesOn, judged }) => {
      let faults = 0;
      for (const _ of rounds({ short: 1, long: 25 })) {
        for (const [what, begin, forMs] of FAULTS) {
          await load.acknowledges(50);
          begin(nats);
          await pause(forMs);
          if (what.startsWith("nothing")) nats.cut();
          else nats.pass();
          await goesOn(what);
          faults += 1;
        }
      }
      const what = `a bad line of one of ${replicas}, ${faults} times`;
      await judged(what, { duplicates: faults * CONCURRENCY });
      expect(Object.fromEntries(load.refused)).toEqual({});
    });
  },
);

it("a dispatcher that nats-server cuts off as a slow consumer is back at once and loses nothing", async () => {
  const nats = await startNatsServer({ config: 'write_deadline: "500ms"' });
  const line = await startTcpProxy(nats.port);
  const sink = await startEventSink({
    record: "ids",
    respond: () => ({ status: 200, afterMs: 20 }),
  });
  const consumerConfigTemplate = { ackWait: "1s" };
  const channel = (subscribers: object[]) => [
    aChannel({ name: "large", spec: { consumerConfigTemplate, subscribers } }),
  ];
  const env = { NATS_URL: `nats://127.0.0.1:${line.port}` };
  const plane = await startDataPlane({ nats, env, channels: channel([]) });
  const ledger = createLedger("sink");
  sink.onRequest = ({ event }) => ledger.received("sink", event?.id ?? "");
  try {
    const client = plane.client("large");
    const data = Buffer.alloc(400_000, "x");
    for (let event = 1; event <= either({ short: 150, long: 1_000 }); event++) {
      const id = `${event}`;
      ledger.sent(id);
      expect((await client.sendBinary({ id, data })).status).toBe(202);
      ledger.acknowledged(id);
    }
    await plane.write(channel([aSubscriber({ uri: sink.url })]));
    let cuts = 0;
    let stalls = 0;
    for (const round of rounds({ short: 3, long: 20 })) {
      // By now it pulls many events at once, mostly more than the sockets take.
      await sink.waitFor(sink.ids.length + 30, 20_000);
      line.stall("to-client");
      const isCutOff = async () => (await slowConsumers(nats)) > cuts;
      await eventually(isCutOff, { within: 3_000, what: "a slow consumer" }).catch(() => undefined);
      line.cut();
      cuts = await slowConsumers(nats);
      stalls = round;
      if (cuts > 0 && MINUTES === 0) break;
    }
    expect(cuts).toBeGreaterThan(0);
    const startedAt = performance.now();
    await eventually(() => ledger.missing("sink").length === 0, { within: 60_000, what: "all" });
    const tookMs = Math.round(performance.now() - startedAt);
    console.info(
      `slow consumer, ${cuts} times: ${JSON.stringify({ ...ledger.summary(), tookMs })}`,
    );
    expect(ledger.duplicates("sink").size).toBeLessThanOrEqual(stalls * 100);
  } finally {
    await plane.stop();
    await sink.close();
    await line.close();
    await nats.stop();
  }
});

async function slowConsumers({ monitorUrl }: NatsServer): Promise<number> {
  const response = await fetch(`${monitorUrl}/varz`);
  return ((await response.json()) as { slow_consumers: number }).slow_consumers;
}

it("acks that the login may not give any more are given when it may again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "nats-users-"));
  const permit = (permissions: string) =>
    writeFile(
      join(folder, "users.conf"),
      `authorization { users: [ { user: test, password: test }, { user: us, password: us ${permissions} } ] }`,
    );
  await permit("");
  const config = `include "../${basename(folder)}/users.conf"`;
  const nats = await startNatsServer({ config });
  try {
    const user = { user: "test", pass: "test" };
    await withFaultWorld({ nats, user, login: "us:us@" }, async (world) => {
      const { load, plane, goesOn, judged } = world;
      let times = 0;
      for (const round of rounds({ short: 1, long: 25 })) {
        await load.acknowledges(50);
        await permit(', permissions: { publish: { deny: "$JS.ACK.>" } }');
        process.kill(nats.pid, "SIGHUP");
        const settledAgain = () =>
          metric(plane, "jetstream_channel_deliveries_total", { outcome: "settled_again" });
        const before = await settledAgain();
        await eventually(async () => (await settledAgain()) > before, {
          within: 20_000,
          what: "an event that comes again because its ack was refused",
        });
        await permit("");
        process.kill(nats.pid, "SIGHUP");
        await goesOn("$JS.ACK was permitted again");
        times = round;
      }
      await judged(`$JS.ACK withdrawn, ${times} times`, { duplicates: times * CONCURRENCY });
    });
  } finally {
    await nats.stop();
    await rm(folder, { recursive: true });
  }
});
