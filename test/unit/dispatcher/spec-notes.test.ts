import { describe, expect, it } from "vitest";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import type { ChannelSettings } from "../../../src/api/settings.ts";
import { specNotes, specWarnings } from "../../../src/dispatcher/spec-notes.ts";
import { streamConfigFor } from "../../../src/dispatcher/stream-config.ts";
import type { StreamInfo } from "../../../src/nats/jetstream.ts";
import { aChannel } from "../../support/channels-file.ts";

function channelOf(spec: Record<string, unknown>): ChannelSettings {
  const jetstream = { subjectPrefix: "", streamPrefix: "" };
  const parsed = parseChannel(aChannel({ name: "orders", spec }), { jetstream });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.refusals));
  return parsed.channel;
}

it.each([
  [{}, []],
  [
    { consumerConfigTemplate: { consumerType: "Push" } },
    ["spec.consumerConfigTemplate.consumerType"],
  ],
  [{ consumerConfigTemplate: { consumerType: "Pull" } }, []],
  [{ consumerConfigTemplate: { ackWait: "999ms" } }, ["spec.consumerConfigTemplate.ackWait"]],
  [{ consumerConfigTemplate: { ackWait: "1s" } }, []],
  [{ consumerConfigTemplate: { ackWait: "0s" } }, []],
])("notes of %j the paths %j", (spec, paths) => {
  expect(specNotes(channelOf(spec)).map(({ path }) => path)).toEqual(paths);
});

describe("what is warned of", () => {
  const warnings = (
    { consumerConfigTemplate, ...config }: Record<string, unknown>,
    origin: "created" | "claimed" | "adopted" = "created",
  ) => {
    const channel = channelOf({ consumerConfigTemplate, stream: { config } });
    const info = { config: streamConfigFor(channel.stream) } as StreamInfo;
    return specWarnings(channel, { info, origin });
  };

  it.each([
    [{}, "the stream has no limit and keeps every event until the disk is full"],
    [
      { storage: "Memory", maxMsgs: 0, maxAge: "0s" },
      "the stream has no limit and keeps every event until the server's memory is full",
    ],
    [
      { retention: "Interest" },
      "the stream has no limit, and while a subscriber is away its events fill the disk",
    ],
    [
      { retention: "Work", discard: "New" },
      "the stream has no limit, and while a subscriber is away its events fill the disk",
    ],
    [
      { maxMsgsPerSubject: 5, additionalSubjects: ["more.*"] },
      "the stream has no limit and keeps every event until the disk is full",
    ],
  ])("is a stream without a limit: %j", (config, reason) => {
    const path = "spec.stream.config";
    expect(warnings(config)).toEqual([
      { path, reason: `${reason}; set maxAge, maxBytes or maxMsgs` },
    ]);
  });

  it.each([
    [{ maxAge: "1h" }],
    [{ maxBytes: 1 }],
    [{ maxMsgs: 1 }],
    [{ maxMsgsPerSubject: 5, additionalSubjects: ["more"] }],
  ])("is no stream with one: %j", (config) => {
    expect(warnings(config)).toEqual([]);
  });

  it("is no stream whose limits are another's to set", () => {
    expect(warnings({}, "adopted")).toEqual([]);
    expect(warnings({}, "claimed")).toHaveLength(1);
  });

  it("is a filter that no subject of the stream can match", () => {
    const filterSubjects = ["default.orders.*", "defualt.orders._knative", "shop.new.>"];
    const consumerConfigTemplate = { filterSubjects };
    const config = { maxMsgs: 1, additionalSubjects: ["shop.*.first"], consumerConfigTemplate };
    expect(warnings(config)).toEqual([
      {
        path: "spec.consumerConfigTemplate.filterSubject",
        reason:
          '"defualt.orders._knative" matches no subject of the stream (default.orders._knative, shop.*.first), and selects no event',
      },
    ]);
    expect(warnings({ ...config, sources: [{ name: "OTHER" }] })).toEqual([]);
  });

  it("are consumers that are kept in memory", () => {
    expect(warnings({ maxMsgs: 1, consumerConfigTemplate: { memoryStorage: true } })).toEqual([
      {
        path: "spec.consumerConfigTemplate.memoryStorage",
        reason: "new consumers forget their position when the server restarts",
      },
    ]);
  });
});
