import { afterAll, beforeAll, expect, it } from "vitest";
import type { DispatcherProcess } from "../../support/dispatcher-process.ts";
import { eventually } from "../../support/eventually.ts";
import { createLedger } from "../../support/ledger.ts";
import { type ClusterWorld, startClusterWorld, subscriber } from "./cluster-world.ts";

let world: ClusterWorld;
let replicas: DispatcherProcess[];

beforeAll(async () => {
  world = await startClusterWorld();
  await world.create("shared");
  replicas = [await world.start(), await world.start()];
});

afterAll(() => world.stop());

async function isLeader(dispatcher: DispatcherProcess): Promise<boolean> {
  return ((await dispatcher.channels()) as { leader: boolean }).leader;
}

it("have one leader, and both take and deliver events", async () => {
  await world.subscribe("shared", subscriber("one", `${world.sink.url}/shared`));
  await world.untilReady("shared", "one");
  const leading = await Promise.all(replicas.map(isLeader));
  expect(leading.filter(Boolean)).toHaveLength(1);
  for (const [index, replica] of replicas.entries()) {
    await eventually(
      async () =>
        (await world.client("shared", replica).sendBinary({ id: `${index}` })).status === 202,
      { within: 20_000, what: "the follower to know the stream" },
    );
    await eventually(
      async () => {
        const page = (await replica.channels()) as {
          channels: { subscribers: { attached?: boolean }[] }[];
        };
        return page.channels[0]?.subscribers[0]?.attached === true;
      },
      { within: 20_000, what: "both to pull" },
    );
  }
});

it("lose nothing when the leader is killed under load, and the other one leads", async () => {
  const ledger = createLedger("one");
  world.sink.onRequest = ({ event }) => ledger.received("one", event?.id ?? "");
  const isFirstLeader = await isLeader(replicas[0] as DispatcherProcess);
  const [leader, follower] = (isFirstLeader ? replicas : [...replicas].reverse()) as [
    DispatcherProcess,
    DispatcherProcess,
  ];
  const client = world.client("shared", follower);
  let isSending = true;
  let sent = 0;
  const sending = (async () => {
    while (isSending) {
      const id = `load-${sent++}`;
      ledger.sent(id);
      const { status } = await client.sendBinary({ id });
      if (status === 202) ledger.acknowledged(id);
    }
  })();
  await eventually(() => sent > 100, { within: 20_000, what: "load" });
  await leader.kill("SIGKILL");
  await eventually(() => isLeader(follower), { within: 60_000, what: "the other one to lead" });
  isSending = false;
  await sending;
  await world.create("later");
  await world.untilReady("later");
  await eventually(() => ledger.summary().receivers.one?.missing === 0, {
    within: 60_000,
    what: "every acknowledged event",
  });
});
