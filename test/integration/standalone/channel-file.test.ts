import { open, writeFile } from "node:fs/promises";
import { dump } from "js-yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aChannel, writeFileAtOnce } from "../../support/channels-file.ts";
import { type EventSink, startEventSink } from "../../support/event-sink.ts";
import { eventually } from "../../support/eventually.ts";
import {
  channelFor,
  type ShownPage,
  type StandaloneWorld,
  shownChannel,
  shownPage,
  startStandalone,
} from "./standalone-world.ts";

let world: StandaloneWorld;
let sink: EventSink;

beforeAll(async () => {
  sink = await startEventSink();
  world = await startStandalone({ steady: { subscribers: [{ uid: "steady", uri: sink.url }] } });
});

afterAll(async () => {
  await world.stop();
  await sink.close();
});

/** Gives the text of the file: the steady channel, and what a test adds. */
function textOf(...more: object[]): string {
  const steady = channelFor("steady", { subscribers: [{ uid: "steady", uri: sink.url }] });
  return [steady, ...more].map((object) => dump(object)).join("---\n");
}

const write = (text: string) => writeFileAtOnce(world.dataPlane.channelsPath, text);

const pageShows = (check: (page: ShownPage) => unknown, what: string) =>
  eventually(
    async () => {
      const page = await shownPage(world.dataPlane.dispatcher);
      return check(page) === false ? false : page;
    },
    { within: 10_000, what: `/channels to show ${what}` },
  );

const fileError = ({ files }: ShownPage) => files[0]?.error ?? false;

/** The channel that is always there takes an event and delivers it. */
async function steadyWorks(): Promise<void> {
  const id = crypto.randomUUID();
  const { status } = await world.dataPlane.client("steady").sendBinary({ id });
  expect(status).toBe(202);
  await eventually(() => sink.ids.includes(id), { within: 10_000, what: "the event to arrive" });
}

describe("a file that cannot be used", () => {
  it.each([
    ["does not parse", "metadata: [unclosed", /metadata|flow|expected/i],
    ["is empty", "", /^the file is empty$/],
    ["has nothing but comments and separators", "# nothing\n---\n---\n", /^the file is empty$/],
    ["has one key twice", "kind: A\nkind: B\n", /duplicate/i],
  ])(
    "because it %s is told on the log and on /channels, and the last good state stays",
    async (_what, text, error) => {
      await write(textOf());
      await pageShows((page) => fileError(page) === false, "no error");
      await write(text);
      const page = await pageShows((page) => fileError(page) !== false, "the error");
      expect(fileError(page)).toMatch(error);
      expect(page.channels.map(({ channel, ready }) => [channel, ready])).toEqual([
        ["default/steady", true],
      ]);
      const line = { path: world.dataPlane.channelsPath, error: fileError(page), level: "error" };
      expect(world.dataPlane.dispatcher.logs).toContainEqual(expect.objectContaining(line));
      await steadyWorks();
    },
  );

  it("is used again once it is put right", async () => {
    await write(textOf(channelFor("repaired", {})));
    await world.shows("repaired", ({ ready }) => ready, "ready");
    expect(fileError(await shownPage(world.dataPlane.dispatcher))).toBe(false);
  });
});

describe("a change of the file", () => {
  it("by a rename takes effect", async () => {
    await write(textOf(channelFor("renamed", {})));
    await world.shows("renamed", ({ ready }) => ready, "ready");
  });

  it("in place takes effect", async () => {
    await writeFile(world.dataPlane.channelsPath, textOf(channelFor("in-place", {})));
    await world.shows("in-place", ({ ready }) => ready, "ready");
  });

  it("in place, written in pieces, counts as a whole only: what comes last in it does not go meanwhile", async () => {
    const last = channelFor("last", { subscribers: [{ uid: "last", uri: sink.url }] });
    const text = textOf(...["p1", "p2", "p3"].map((name) => channelFor(name, {})), last);
    await write(text);
    await world.shows("last", ({ ready }) => ready, "ready");
    const { created } = await world.jsm.consumers.info("KN_DEFAULT__LAST", "KN_SUB_LAST");
    // The file is cut to nothing and filled document by document, each of which parses.
    const file = await open(world.dataPlane.channelsPath, "w");
    for (const piece of `${text}---\n${dump(channelFor("p4", {}))}`.split(/(?=---\n)/)) {
      await file.write(piece);
      await file.sync();
    }
    await file.close();
    await world.shows("p4", ({ ready }) => ready, "ready");
    const info = await world.jsm.consumers.info("KN_DEFAULT__LAST", "KN_SUB_LAST");
    expect(info.created).toBe(created);
    const { logs } = world.dataPlane.dispatcher;
    const isEnd = ({ msg }: { msg?: string }) => msg === "channel is no longer served";
    expect(logs.filter((line) => line.channel === "default/last" && isEnd(line))).toEqual([]);
  });
});

const refusals: [what: string, spec: Record<string, unknown>, path: string, reason: RegExp][] = [
  [
    "a bad duration of the stream",
    { stream: { config: { maxAge: "soon" } } },
    "spec.stream.config.maxAge",
    /got "soon": this is not a Go duration/,
  ],
  [
    "an unknown enum",
    { stream: { config: { storage: "Tape" } } },
    "spec.stream.config.storage",
    /^"File" or "Memory" expected, got "Tape"$/,
  ],
  [
    "a subscriber without any URI",
    { subscribers: [{ uid: "nowhere" }] },
    "spec.subscribers[0].subscriberUri",
    /^required \(or a replyUri\)/,
  ],
  [
    "a bad duration of a delivery",
    {
      subscribers: [
        { uid: "slow", subscriberUri: "http://a.example", delivery: { timeout: "5m" } },
      ],
    },
    "spec.subscribers[0].delivery.timeout",
    /got "5m": this is not an ISO 8601 duration/,
  ],
  [
    "an unknown back-off policy",
    {
      subscribers: [
        { uid: "odd", subscriberUri: "http://a.example", delivery: { backoffPolicy: "random" } },
      ],
    },
    "spec.subscribers[0].delivery.backoffPolicy",
    /^"linear" or "exponential" expected, got "random"$/,
  ],
];

describe.each(refusals)("a channel with %s", (what, spec, path, reason) => {
  const name = `bad-${refusals.findIndex(([one]) => one === what)}`;

  it("is reported with path and reason on the log and on /channels, and the others keep running", async () => {
    const bad = { ...channelFor(name, {}), spec };
    await write(textOf(bad, channelFor(`beside-${name}`, {})));
    const shown = await world.shows(name, ({ refusals }) => refusals.length === 1, "a refusal");
    expect(shown.refusals).toMatchObject([{ path, reason: expect.stringMatching(reason) }]);
    expect(world.dataPlane.dispatcher.logs).toContainEqual(
      expect.objectContaining({
        channel: `default/${name}`,
        path,
        reason: shown.refusals[0]?.reason,
        level: "error",
      }),
    );
    await world.shows(`beside-${name}`, ({ ready }) => ready, "ready");
    await steadyWorks();
  });
});

describe("the last good state", () => {
  const good = () => channelFor("edited", { subscribers: [{ uid: "kept", uri: sink.url }] });
  const sent = async (id: string) => {
    const { status } = await world.dataPlane.client("edited").sendBinary({ id });
    expect(status).toBe(202);
    await eventually(() => sink.ids.includes(id), { within: 10_000, what: `${id} to arrive` });
  };

  it("of a channel stays when its newest is refused", async () => {
    await write(textOf(good()));
    await world.shows("edited", ({ ready }) => ready, "ready");
    const bad = { ...good(), spec: { stream: { config: { replicas: 77 } } } };
    await write(textOf(bad));
    await world.shows("edited", ({ refusals }) => refusals.length === 1, "a refusal");
    await sent("by the last good channel");
    expect(await world.consumers("edited")).toEqual(["KN_SUB_KEPT"]);
  });

  it("of a subscriber stays when its newest is refused, and /channels says that it does", async () => {
    await write(textOf(good()));
    await world.shows("edited", ({ refusals }) => refusals.length === 0, "no refusal");
    const spec = { subscribers: [{ uid: "kept", subscriberUri: "ftp://nowhere.example" }] };
    await write(textOf({ ...good(), spec }));
    const shown = await world.shows(
      "edited",
      ({ subscribers }) => subscribers?.[0]?.message !== undefined,
      "a message",
    );
    expect(shown).toMatchObject({
      ready: true,
      refusals: [{ path: "spec.subscribers[0].subscriberUri", subscriberUid: "kept" }],
      subscribers: [
        {
          uid: "kept",
          ready: true,
          message: "its newest settings are refused, the last good ones count",
        },
      ],
    });
    await sent("by the last good subscriber");
  });

  it("of a subscriber stays when its uid goes missing", async () => {
    await write(textOf(good()));
    await world.shows("edited", ({ refusals }) => refusals.length === 0, "no refusal");
    await write(textOf({ ...good(), spec: { subscribers: [{ subscriberUri: sink.url }] } }));
    await world.shows("edited", ({ refusals }) => refusals.length === 1, "a refusal");
    await sent("by the subscriber whose uid is missing");
    expect(await world.consumers("edited")).toEqual(["KN_SUB_KEPT"]);
  });

  it("of a channel stays when its name goes missing, stream and all", async () => {
    const stream = { deletionPolicy: "Delete" };
    const subscribers = [{ uid: "kept", uri: sink.url }];
    const named = channelFor("edited", { spec: { stream }, subscribers });
    await write(textOf(named));
    await world.shows("edited", ({ refusals }) => refusals.length === 0, "no refusal");
    await write(textOf({ ...named, metadata: { name: "" } }));
    await pageShows(
      ({ channels }) => channels.some(({ channel }) => channel.includes("object 2")),
      "it",
    );
    await sent("by the channel whose name is missing");
  });
});

it("of two channels with one name the first counts, and the log and /channels say so", async () => {
  const twin = { ...channelFor("steady", {}), spec: { stream: { config: { maxMsgs: 3 } } } };
  await write(textOf(twin));
  const shown = await world.shows("steady", ({ refusals }) => refusals.length === 1, "a refusal");
  const { channelsPath } = world.dataPlane;
  const reason = `there is another channel default/steady in ${channelsPath}, the first one counts`;
  expect(shown.refusals).toEqual([{ path: "metadata.name", reason }]);
  expect(world.dataPlane.dispatcher.logs).toContainEqual(
    expect.objectContaining({ channel: "default/steady", path: "metadata.name", reason }),
  );
  await steadyWorks();
  expect((await world.jsm.streams.info("KN_DEFAULT__STEADY")).config.max_msgs).toBe(-1);
});

it("what is wrong is logged once, however often the file is looked at", async () => {
  await write(
    textOf({ ...channelFor("nagging", {}), spec: { stream: { config: { storage: 7 } } } }),
  );
  await world.shows("nagging", ({ refusals }) => refusals.length === 1, "a refusal");
  await write(
    textOf(
      { ...channelFor("nagging", {}), spec: { stream: { config: { storage: 7 } } } },
      channelFor("another", {}),
    ),
  );
  await world.shows("another", ({ ready }) => ready, "ready");
  const { logs } = world.dataPlane.dispatcher;
  expect(logs.filter(({ channel }) => channel === "default/nagging")).toHaveLength(1);
  expect((await shownChannel(world.dataPlane.dispatcher, "default/nagging"))?.ready).toBe(false);
});

describe("a field of a channel that is not known", () => {
  it("passes, and is named in the log, since it may be misspelt", async () => {
    await write(textOf(aChannel({ name: "misspelt", spec: { subscriber: [] } })));
    const line = await world.dataPlane.dispatcher.waitForLog(
      ({ msg, channel }) =>
        msg === "field is not known and has no effect" && channel === "default/misspelt",
      { within: 10_000, what: "the log to name the field" },
    );
    expect(line.path).toBe("spec.subscriber");
    await pageShows(
      ({ channels }) =>
        channels.some(({ channel, ready }) => channel === "default/misspelt" && ready),
      "the channel being served",
    );
  });
});
