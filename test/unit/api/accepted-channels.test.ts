import { expect, it } from "vitest";
import { API_VERSION, KIND } from "../../../src/api/names.ts";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import { ACCEPTED_CHANNELS, GO_ZEROS } from "../../support/accepted-channels.ts";

it.each(ACCEPTED_CHANNELS)("takes a channel with %s", (_, parts) => {
  expect(parsed(parts)).toMatchObject({ ok: true, refusals: [] });
});

it("reads the zeros that Go's types write as nothing set", () => {
  expect(parsed({ spec: GO_ZEROS })).toMatchObject({
    channel: {
      stream: { maxAgeMs: 0 },
      consumer: { ackWaitMs: undefined, replayPolicy: "instant", fetchMaxWaitMs: undefined },
    },
  });
});

function parsed({ metadata, ...parts }: { metadata?: object; spec?: object }) {
  const object = { apiVersion: API_VERSION, kind: KIND, ...parts };
  return parseChannel(
    { ...object, metadata: { name: "orders", ...metadata } },
    { jetstream: { subjectPrefix: "", streamPrefix: "" } },
  );
}
