import { afterAll, beforeAll, expect, it } from "vitest";
import { StreamWatch } from "../../../src/dispatcher/stream-watch.ts";
import { createLogger } from "../../../src/runtime/logger.ts";
import { aChannel, aSubscriber, type ChannelObject } from "../../support/channels-file.ts";
import { eventually } from "../../support/eventually.ts";
import { startFlowOne } from "../consumer/flow-one.ts";
import { settingsFor } from "../stream/jetstream-world.ts";
import { dispatcherPermissions, dispatcherUser, permits } from "./documented-permissions.ts";
import {
  ADMIN_USER,
  ordersChannel,
  type PermittedWorld,
  sendsAndDelivers,
  startPermittedWorld,
} from "./permitted-world.ts";

const within = 20_000;
const { publish, subscribe } = dispatcherPermissions;
const GRANTS = [...publish, ...subscribe];

/** The user that has every documented permission but one. */
const without = (grant: string): string => `without-${GRANTS.indexOf(grant)}`;

let world: PermittedWorld;
let channels = 0;

beforeAll(async () => {
  const users = [
    ADMIN_USER,
    dispatcherUser("dispatcher"),
    ...GRANTS.map((grant) => dispatcherUser(without(grant), grant)),
  ];
  const config = `authorization { users: [ ${users.join(",\n")} ] }`;
  world = await startPermittedWorld({ config, user: "dispatcher" });
});

afterAll(() => world.stop());

function anotherChannel(spec: Record<string, unknown> = {}): ChannelObject {
  const subscribers = [aSubscriber({ uid: "one", uri: world.sink.url })];
  return aChannel({
    name: `channel${++channels}`,
    namespace: "shop",
    spec: { stream: { deletionPolicy: "Delete" }, subscribers, ...spec },
  });
}

/** What is there before the permission is missing, and what needs it. */
interface Need {
  before?: () => ChannelObject[];
  act: (before: ChannelObject[]) => Promise<unknown>;
  /** Whether a channel's own message names it, beside the list and the log. */
  isInMessage: boolean;
}

const orders = () => ordersChannel(world.sink);
const send = (id: string) => world.plane.client("orders", "shop").sendBinary({ id });
const withAnother = (spec?: Record<string, unknown>): Need => ({
  act: () => world.write(orders(), anotherChannel(spec)),
  isInMessage: true,
});

const NEEDS: Record<string, Need> = {
  "*.*._knative": {
    async act() {
      expect(await send("denied")).toMatchObject({
        status: 503,
        body: 'Not stored: the login to NATS may not publish to "shop.orders._knative".\n',
      });
    },
    isInMessage: true,
  },
  "$JS.API.STREAM.INFO.*": withAnother(),
  "$JS.API.STREAM.CREATE.*": withAnother(),
  "$JS.API.STREAM.UPDATE.*": {
    act: () =>
      world.write(
        ordersChannel(world.sink, { spec: { stream: { config: { description: "edited" } } } }),
      ),
    isInMessage: true,
  },
  "$JS.API.STREAM.DELETE.*": {
    before: () => [anotherChannel()],
    act: () => world.write(orders()),
    isInMessage: true,
  },
  // Asked of a stream that was there before its channel.
  "$JS.API.CONSUMER.LIST.*": {
    before: () => [anotherChannel({ stream: { deletionPolicy: "Retain" } })],
    async act(earlier) {
      await world.write(orders());
      await served(1);
      await world.write(orders(), ...earlier);
    },
    isInMessage: true,
  },
  // Asked where it takes no more requests than to list.
  "$JS.API.CONSUMER.INFO.*.*": {
    before: () => [anotherChannel()],
    act: ([another]) =>
      world.write(orders(), {
        ...(another as ChannelObject),
        spec: { ...another?.spec, consumerConfigTemplate: { maxAckPending: 7 } },
      }),
    isInMessage: true,
  },
  "$JS.API.CONSUMER.CREATE.>": withAnother(),
  "$JS.API.CONSUMER.DURABLE.CREATE.*.*": withAnother({
    consumerConfigTemplate: { filterSubjects: ["a.b", "a.c"] },
  }),
  "$JS.API.CONSUMER.DELETE.*.*": {
    before: () => [anotherChannel()],
    act: ([another]) =>
      world.write(orders(), {
        ...(another as ChannelObject),
        spec: { ...another?.spec, subscribers: [] },
      }),
    isInMessage: true,
  },
  // An open pull would wait for the next event; a new connection asks at once.
  "$JS.API.CONSUMER.MSG.NEXT.*.*": { act: async () => {}, isInMessage: true },
  "$JS.ACK.>": { act: () => send("unsettled"), isInMessage: false },
  "$JS.API.INFO": { act: () => world.plane.dispatcher.metrics(), isInMessage: false },
};

/** What the watch of the streams asks for, every half minute; here it is asked to look. */
const WATCHED: Record<string, () => Promise<unknown>> = {
  "$JS.API.STREAM.LIST": async () => {},
  // To tell a deleted stream from one whose servers are away.
  "$JS.API.STREAM.NAMES": () => world.jsm.streams.delete("KN_DEFAULT__WATCHED"),
};

it("shows of every documented permission what it is for", () => {
  const shown = [...Object.keys(NEEDS), ...Object.keys(WATCHED), "_INBOX.>"];
  expect(shown.sort()).toEqual(GRANTS.toSorted());
});

/** Logs in as another user and waits until the dispatcher is connected as such. */
async function logInAs(user: string): Promise<void> {
  const connections = () =>
    world.plane.dispatcher.logs.filter(({ msg }) => msg === "connected to nats").length;
  const before = connections();
  await world.logInAs(user);
  await eventually(() => connections() > before, { within, what: `a connection as ${user}` });
}

it.each(Object.keys(NEEDS))(
  "names the missing permission to publish to %s once, and recovers",
  async (grant) => {
    const { before = () => [], act, isInMessage } = NEEDS[grant] as Need;
    const earlier = before();
    await world.write(orders(), ...earlier);
    await sendsAndDelivers(world, `before ${grant}`);
    await served(1 + earlier.length);
    const { logs } = world.plane.dispatcher;
    const linesBefore = logs.length;

    await logInAs(without(grant));
    await act(earlier);
    const subjectOf = (denied: unknown) => /^publish to "(.*)"$/.exec(String(denied))?.[1] ?? "";
    const subject = await eventually(
      async () => {
        const { denied } = (await world.page()).nats;
        return denied.map(subjectOf).find((one) => permits(grant, one)) ?? false;
      },
      { within, what: "the denied subject in /channels" },
    );
    if (isInMessage) {
      await eventually(
        async () => JSON.stringify((await world.page()).channels).includes(subject),
        {
          within,
          what: `a message of a channel that names ${subject}`,
        },
      );
    }
    const told = () =>
      logs.slice(linesBefore).filter(({ denied }) => permits(grant, subjectOf(denied)));
    await eventually(() => told().length > 0, { within, what: `a line of the log: ${subject}` });
    expect(told()).toMatchObject([{ msg: expect.stringContaining("lacks a permission") }]);

    await logInAs("dispatcher");
    await eventually(
      async () => !JSON.stringify(await world.page()).includes("Permissions Violation"),
      { within, what: "no message about permissions any more" },
    );
    await sendsAndDelivers(world, `after ${grant}`);
  },
);

it.each(Object.entries(WATCHED))(
  "names the missing permission to publish to %s when it looks after the streams",
  async (grant, prepare) => {
    const { url } = world.plane.nats;
    const flow = await startFlowOne(url.replace("//", `//${without(grant)}:secret@`));
    try {
      const { served, reconcile } = flow.reconciler;
      const settings = settingsFor({ name: "watched" });
      flow.said.channels.set(settings.key, settings);
      expect(await reconcile(settings.key)).toMatchObject({ outcome: "done" });
      await prepare();
      const log = createLogger({ name: "test", level: "silent" });
      const source = { isLeader: () => true, note: () => undefined };
      await new StreamWatch({ served, source, log, requeue: () => undefined }).look();
      const [channel] = served.values();
      expect(channel?.client.connection.state.denied).toEqual([`publish to "${grant}"`]);
    } finally {
      await flow.stop();
    }
  },
);

/** Waits until as many channels are ready, and say nothing beside it. */
async function served(count: number): Promise<void> {
  await eventually(
    async () => {
      const ready = (await world.page()).channels.filter((one) => one.ready && !one.message);
      return ready.length === count && ready.every((one) => one.subscribers?.every((s) => s.ready));
    },
    { within, what: `${count} channels to be served` },
  );
}

it("is not ready without the permission to subscribe to _INBOX.>, says so once, and recovers", async () => {
  const { plane } = world;
  await world.write(orders());
  await sendsAndDelivers(world, "before");
  const kept = "changed login to nats does not work, keeping the connection";
  await world.logInAs(without("_INBOX.>"));
  const refusal = 'the login may not subscribe to "_INBOX.>", where NATS sends every answer';
  const isKept = ({ msg, error }: { msg?: string; error?: unknown }) =>
    msg === kept && error === refusal;
  await plane.dispatcher.waitForLog(isKept, { within, what: "the refused login" });
  expect(await send("kept")).toMatchObject({ status: 202 });

  await plane.nats.restart();
  await eventually(async () => (await world.page()).nats.lastError === refusal, {
    within,
    what: "the reason in /channels",
  });
  const ready = await fetch(`http://127.0.0.1:${plane.dispatcher.adminPort}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.text()).toContain(refusal);

  await logInAs("dispatcher");
  await sendsAndDelivers(world, "recovered");
  const tries = plane.dispatcher.logs.filter(
    ({ msg, error }) => msg?.startsWith("cannot connect") && error === refusal,
  );
  expect(tries.length).toBe(1);
});
