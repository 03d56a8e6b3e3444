import { beforeAll, describe, expect, it } from "vitest";
import { type ChannelApi, channelApi, sentenceOf } from "./channel-api.ts";

let api: ChannelApi;
beforeAll(async () => {
  api = await channelApi();
});

const NOW = "give another spec.stream.overrideName with it, or create another channel";
const STORAGE = `spec.stream.config.storage: Invalid value: cannot change: NATS cannot change the storage of an existing stream; ${NOW}`;
const WORK = `spec.stream.config.retention: Invalid value: cannot change to or from Work: NATS cannot do so with an existing stream; ${NOW}`;
const MIRROR = `spec.stream.config.mirror: Invalid value: cannot be added, changed or removed: NATS cannot do so with an existing stream; ${NOW}`;
const OFF = `Invalid value: cannot be turned off: NATS cannot do so with an existing stream; ${NOW}`;

/** The configuration of a stream before and after, and the refusal of the change. */
const REFUSED_CHANGES: [before: object | undefined, after: object | undefined, sentence: string][] =
  [
    [{ storage: "File" }, { storage: "Memory" }, STORAGE],
    [{ storage: "memory" }, { storage: "FILE" }, STORAGE],
    [{}, { storage: "Memory" }, STORAGE],
    [undefined, { storage: "Memory" }, STORAGE],
    [{ storage: "Memory" }, undefined, STORAGE],
    [{ storage: "Memory" }, {}, STORAGE],
    [{ retention: "Limits" }, { retention: "Work" }, WORK],
    [{ retention: "work" }, { retention: "Interest" }, WORK],
    [{ retention: "Work" }, undefined, WORK],
    [{ mirror: { name: "A" } }, { mirror: { name: "B" } }, MIRROR],
    [{ mirror: { name: "A" } }, { mirror: { name: "A", filterSubject: "a" } }, MIRROR],
    [{ mirror: { name: "A" } }, {}, MIRROR],
    [undefined, { mirror: { name: "A" } }, MIRROR],
    [{ denyDelete: true }, { denyDelete: false }, `spec.stream.config.denyDelete: ${OFF}`],
    [{ denyPurge: true }, {}, `spec.stream.config.denyPurge: ${OFF}`],
  ];

const TAKEN_CHANGES: [before: object | undefined, after: object | undefined][] = [
  [{ storage: "File" }, { storage: "file" }],
  [undefined, { storage: "File" }],
  [{ storage: "" }, undefined],
  [{ retention: "Limits" }, { retention: "Interest" }],
  [{ retention: "Work" }, { retention: "WORK" }],
  [{ mirror: { name: "A" } }, { mirror: { name: "A" }, description: "a mirror" }],
  [{ denyDelete: false }, { denyDelete: true }],
  [
    { maxAge: "1h", maxMsgs: 5 },
    { maxAge: "2h", maxMsgs: 6, replicas: 3, discard: "New" },
  ],
];

describe("an edit of a channel's stream", () => {
  it.each(REFUSED_CHANGES)("from %j to %j is refused", async (before, after, sentence) => {
    await create("refused", { stream: { config: before } });
    expect(await edit("refused", { stream: { config: after } })).toContain(sentence);
  });

  it.each(TAKEN_CHANGES)("from %j to %j is taken", async (before, after) => {
    await create("taken", { stream: { config: before } });
    expect(await edit("taken", { stream: { config: after } })).toBeUndefined();
  });

  it("is refused where all of spec.stream or the spec goes", async () => {
    await create("refused", { stream: { config: { storage: "Memory" } } });
    expect(await edit("refused", {})).toContain(STORAGE);
    const { metadata } = await api.client.get(api.ref("refused"));
    const bare = { ...api.channel("refused"), metadata };
    expect(await sentenceOf(api.client.replace(bare, { dryRun: true }))).toContain(STORAGE);
  });

  it("can change what is fixed together with the stream's name, which takes another stream", async () => {
    await create("moving", { stream: { config: { storage: "File", denyPurge: true } } });
    const stream = { overrideName: "OTHER", config: { storage: "Memory", mirror: { name: "A" } } };
    expect(await edit("moving", { stream })).toBeUndefined();
  });

  it("can take back what never took effect, as the status has it", async () => {
    const wrong = { storage: "Memory", retention: "Work" };
    await create("corrected", { stream: { config: wrong } });
    const status = { stream: { storage: "file", retention: "limits" } };
    await api.client.patch(api.ref("corrected", "status"), { status });
    const right = { storage: "File", retention: "Limits" };
    expect(await edit("corrected", { stream: { config: right } })).toBeUndefined();
  });
});

async function create(name: string, spec: object): Promise<void> {
  await api.client.delete(api.ref(name));
  await api.client.create(api.channel(name, { spec }));
}

/** Replaces the spec on trial. */
async function edit(name: string, spec: object): Promise<string | undefined> {
  const { metadata } = await api.client.get(api.ref(name));
  const channel = { ...api.channel(name, { spec }), metadata };
  return await sentenceOf(api.client.replace(channel, { dryRun: true }));
}
