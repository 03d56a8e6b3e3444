import { beforeAll, describe, expect, it } from "vitest";
import {
  REFUSED_CHANNELS,
  REFUSED_CONSUMER_TEMPLATES,
  REFUSED_STREAM_CONFIGS,
  type Refused,
} from "../../support/refused-channels.ts";
import { type ChannelApi, channelApi, refusal } from "./channel-api.ts";

let api: ChannelApi;
beforeAll(async () => {
  api = await channelApi();
});

const CORPUS: Refused[] = [
  ...REFUSED_STREAM_CONFIGS.map(([config, sentence, why]): Refused => {
    return [{ spec: { stream: { config } } }, `spec.stream.config${sentence}`, why];
  }),
  ...REFUSED_CONSUMER_TEMPLATES.map(([template, sentence, why]): Refused => {
    const spec = { consumerConfigTemplate: template };
    return [{ spec }, `spec.consumerConfigTemplate${sentence}`, why];
  }),
  ...REFUSED_CHANNELS,
];

describe("a channel that a dispatcher would refuse", () => {
  it.each(CORPUS.filter(([, , why]) => why === undefined))(
    "is refused by the API server, too, which names the field: %j",
    async (parts, sentence) => {
      const [path = ""] = sentence.split(/: |\["/);
      expect(await refusal(api.client, api.channel("orders", parts))).toContain(path);
    },
  );

  it.each(CORPUS.filter(([, , why]) => why !== undefined))(
    "is taken by the API server only for a reason: %j: %s (%s)",
    async (parts) => {
      expect(await refusal(api.client, api.channel("orders", parts))).toBeUndefined();
    },
  );

  it("is refused with all of its faults at once", async () => {
    const config = {
      storage: "disk",
      maxAge: "1 week",
      mirror: { name: "A" },
      sources: [{ name: "B" }],
    };
    const spec = { stream: { config }, delivery: { timeout: "PT0S" } };
    const sentence = await refusal(api.client, api.channel("orders", { spec }));
    for (const fault of [
      'spec.stream.config.storage: Invalid value: "disk": "File" or "Memory" expected (in any case)',
      'spec.stream.config.maxAge: Invalid value: "1 week": a duration like "1h30m" expected (units h, m, s, ms, us, ns), 0 or at least 100ms',
      "spec.stream.config.sources: Invalid value: cannot be given beside mirror: a mirror takes its events from one stream only",
      'spec.delivery.timeout: Invalid value: "PT0S": an ISO 8601 duration like "PT10S" expected (weeks, days, hours, minutes, seconds), more than 0',
    ]) {
      expect(sentence).toContain(fault);
    }
  });

  it("is refused for its name at the name", async () => {
    expect(await refusal(api.client, api.channel("1st"))).toBe(
      'NatsJetStreamChannel.messaging.knative.dev "1st" is invalid: metadata.name: Invalid value: ' +
        'a DNS-1035 label (a-z, 0-9, "-", a letter first, at most 63 characters) expected',
    );
  });

  it("is refused without a word of what may be a password in the wrong place", async () => {
    const auth = { usernamePassword: { secret: { secretName: "s", passwordKey: "hunter 2" } } };
    const sentence = await refusal(api.client, api.channel("orders", { spec: { auth } }));
    expect(sentence).toContain("passwordKey: Forbidden: a key of a Secret");
    expect(sentence).not.toContain("hunter");
  });

  it("is refused where a field has a typo, as kubectl asks for it", async () => {
    const spec = { stream: { config: { maxMesages: 5 } } };
    const sentence = await refusal(api.client, api.channel("orders", { spec }));
    expect(sentence).toContain('unknown field "spec.stream.config.maxMesages"');
  });
});
