import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { streamOwnerOf } from "../../../src/api/ownership.ts";
import type { ChannelSettings } from "../../../src/api/settings.ts";
import { ensureStream } from "../../../src/dispatcher/stream.ts";
import type { StreamContext } from "../../../src/dispatcher/stream-ownership.ts";
import type { ChannelParts } from "../../support/channels-file.ts";
import { type JetStreamWorld, settingsFor, startJetStreamWorld } from "./jetstream-world.ts";

const ROUNDS = 20;
let world: JetStreamWorld;
let elsewhere: NatsConnection;
let contexts: [here: StreamContext, there: StreamContext];

beforeAll(async () => {
  world = await startJetStreamWorld();
  elsewhere = await connect({ servers: world.nats.url });
  const jsm = await jetstreamManager(elsewhere);
  contexts = [world.context(), { ...world.context("there"), jsm }];
});

afterAll(async () => {
  await elsewhere.close();
  await world.stop();
});

/**
 * Has two dispatchers, each with a channel, want a stream at once, again and again with another one. The second is from none
 * to four requests behind, so that its writing falls before, between and after what the first does.
 */
async function race(
  partsOf: (round: number) => [ChannelParts, ChannelParts],
  streamOf: (round: number) => string,
): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const channels = partsOf(round).map(settingsFor) as [ChannelSettings, ChannelSettings];
    const outcome = await Promise.all([
      ensureStream(channels[0], contexts[0]),
      behind(round % 5).then(() => ensureStream(channels[1], contexts[1])),
    ]);
    const { config } = await world.jsm.streams.info(streamOf(round));
    const owner = streamOwnerOf(config.metadata);
    const { namespace, name } = owner?.channel ?? {};
    const isFirst = owner?.clusterId === "here";
    expect(outcome.map(({ ok }) => ok)).toEqual([isFirst, !isFirst]);
    expect(outcome.find(({ ok }) => !ok)).toMatchObject({
      reason: "StreamOwnedByAnother",
      message: expect.stringContaining(
        `belongs to channel ${namespace}/${name} of cluster ${owner?.clusterId}`,
      ),
    });
    const subjects = config.subjects.filter((subject) => subject.endsWith("._knative"));
    expect(subjects).toEqual([`${namespace}.${name}._knative`]);
  }
}

async function behind(requests: number): Promise<void> {
  for (let i = 0; i < requests; i++) await contexts[1].jsm.getAccountInfo();
}

describe("of two channels that want one stream at the same moment", () => {
  it("one adopts it, and the other says whose it is and leaves nothing on it", async () => {
    const streamOf = (round: number): string => `RACED_${round}`;
    for (let round = 0; round < ROUNDS; round++) {
      await world.jsm.streams.add({ name: streamOf(round), subjects: [`raced.${round}`] });
    }
    await race((round) => {
      const spec = { stream: { overrideName: streamOf(round) } };
      return [
        { name: `first${round}`, spec },
        { name: `second${round}`, spec },
      ];
    }, streamOf);
  });

  it("one claims what the Go implementation left, and the other cluster's says whose it is", async () => {
    const streamOf = (round: number): string => `KN_DEFAULT__LEFT${round}`;
    for (let round = 0; round < ROUNDS; round++) {
      const subjects = [`default.left${round}._knative`];
      await world.jsm.streams.add({ name: streamOf(round), subjects });
    }
    await race((round) => [{ name: `left${round}` }, { name: `left${round}` }], streamOf);
  });

  it("one makes it, and the other says whose it is", async () => {
    await race(
      (round) => [
        { namespace: `m${round}`, name: "a--b" },
        { namespace: `m${round}--a`, name: "b" },
      ],
      (round) => `KN_M${round}__A__B`,
    );
  });
});
