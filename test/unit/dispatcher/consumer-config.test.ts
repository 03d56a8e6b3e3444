import { describe, expect, it } from "vitest";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import { consumerChanges, consumerConfigFor } from "../../../src/dispatcher/consumer-config.ts";
import type { ConsumerConfig } from "../../../src/nats/jetstream.ts";
import { aChannel, aSubscriber } from "../../support/channels-file.ts";

const SECOND_NS = 1_000_000_000;

function wanted(consumerConfigTemplate: Record<string, unknown> = {}) {
  const subscribers = [aSubscriber({ uid: "7b1d-Ab", uri: "http://a.example" })];
  const object = aChannel({ name: "a", spec: { consumerConfigTemplate, subscribers } });
  const parsed = parseChannel(object, { jetstream: { subjectPrefix: "", streamPrefix: "" } });
  const [subscriber] = parsed.ok ? parsed.channel.subscribers : [];
  if (!parsed.ok || subscriber === undefined) throw new Error(JSON.stringify(parsed.refusals));
  return consumerConfigFor(parsed.channel, subscriber);
}

/** A consumer as the server tells of it. */
const aConsumer = (config: Partial<ConsumerConfig> = {}) =>
  ({ ...wanted(), num_replicas: 0, max_ack_pending: 1_000, ...config }) as ConsumerConfig;

const fields = (current: ConsumerConfig, template: Record<string, unknown>) =>
  consumerChanges(current, wanted(template)).map(({ field, obstacle }) => [
    field,
    obstacle === undefined ? "possible" : "impossible",
  ]);

describe("the configuration of a consumer", () => {
  it("has the server's defaults in words where the channel says nothing, but one that the server's limits decide", () => {
    expect(wanted()).toEqual({
      durable_name: "KN_SUB_7B1DAB",
      ack_policy: "explicit",
      ack_wait: 30 * SECOND_NS,
      max_deliver: -1,
      deliver_policy: "all",
      replay_policy: "instant",
      num_replicas: 0,
    });
  });

  it.each([1, 5, -1])(
    "never ends deliveries on the server, whatever maxDeliver %d says",
    (maxDeliver) => {
      expect(wanted({ maxDeliver }).max_deliver).toBe(-1);
    },
  );

  it.each([
    [{ filterSubject: "a" }, { filter_subject: "a" }],
    [{ filterSubjects: ["a"] }, { filter_subject: "a" }],
    [{ filterSubjects: ["a", "b"] }, { filter_subjects: ["a", "b"] }],
    [{ sampleFrequency: "7%" }, { sample_freq: "7" }],
    [{ ackWait: "1.23456789s" }, { ack_wait: 1_234_567_890 }],
    [{ ackWait: "999ms" }, { ack_wait: 1_000_000_000 }],
    [{ maxAckPending: 0 }, { max_ack_pending: -1 }],
  ])("has for %j what the server calls it", (template, config) => {
    expect(wanted(template)).toMatchObject(config);
  });

  it("is never one that is pushed to", () => {
    expect(wanted({ consumerType: "Push" })).not.toHaveProperty("deliver_subject");
  });
});

describe("what a consumer has otherwise than its channel", () => {
  it.each([
    [
      "the same instant in another spelling",
      { opt_start_time: "2026-01-31T10:00:00Z", deliver_policy: "by_start_time" as const },
      { deliverPolicy: "ByStartTime", optStartTime: "2026-01-31T12:00:00+02:00" },
    ],
    ["absent instead of off", { mem_storage: false, filter_subject: "" }, {}],
    ["an absent number of replicas", { num_replicas: undefined as unknown as number }, {}],
  ])("is nothing for %s", (_what, is, template) => {
    expect(fields(aConsumer(is), template)).toEqual([]);
  });

  it.each([
    ["ack_wait", { ack_wait: 5 }, {}, "possible"],
    ["max_ack_pending", { max_ack_pending: 5 }, {}, "possible"],
    ["max_deliver", { max_deliver: 5 }, {}, "possible"],
    ["num_replicas", { num_replicas: 3 }, {}, "possible"],
    ["filter_subject", { filter_subject: "old" }, {}, "possible"],
    ["deliver_policy", { deliver_policy: "new" as const }, {}, "impossible"],
    ["replay_policy", { replay_policy: "original" as const }, {}, "impossible"],
    ["mem_storage", { mem_storage: true }, {}, "impossible"],
  ])("%s is found, and whether the server takes it", (field, is, template, possible) => {
    expect(fields(aConsumer(is), template)).toEqual([[field, possible]]);
  });

  it("carries path and both values", () => {
    expect(consumerChanges(aConsumer({ ack_wait: 5 }), wanted())).toEqual([
      {
        field: "ack_wait",
        path: "spec.consumerConfigTemplate.ackWait",
        from: 5,
        to: 30 * SECOND_NS,
        obstacle: undefined,
      },
    ]);
  });
});
