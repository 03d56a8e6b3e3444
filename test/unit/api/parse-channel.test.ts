import { expect, it } from "vitest";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import type { ChannelSettings, Refusal } from "../../../src/api/settings.ts";

const jetstream = { subjectPrefix: "", streamPrefix: "" };

it("compiles a channel of which only the name is given", () => {
  expect(parseChannel(channelWith({}), { jetstream })).toEqual({
    ok: true,
    refusals: [],
    channel: {
      key: "default/orders",
      namespace: "default",
      name: "orders",
      uid: "",
      generation: 0,
      annotations: {},
      stream: {
        name: "KN_DEFAULT__ORDERS",
        overridden: false,
        subject: "default.orders._knative",
        deletionPolicy: undefined,
        additionalSubjects: [],
        retention: undefined,
        storage: undefined,
        discard: undefined,
        replicas: undefined,
        maxConsumers: undefined,
        maxMsgs: undefined,
        maxBytes: undefined,
        maxMsgSize: undefined,
        maxMsgsPerSubject: undefined,
        maxAgeMs: undefined,
        duplicateWindowMs: undefined,
        noAck: false,
        placement: undefined,
        mirror: undefined,
        sources: [],
        compression: undefined,
        allowDirect: undefined,
        description: undefined,
        metadata: {},
        denyDelete: undefined,
        denyPurge: undefined,
        template: undefined,
      },
      consumer: {
        deliverPolicy: "all",
        optStartSeq: undefined,
        optStartTime: undefined,
        ackWaitMs: undefined,
        maxDeliver: undefined,
        filterSubjects: [],
        replayPolicy: "instant",
        rateLimitBps: undefined,
        sampleFrequencyPercent: undefined,
        maxAckPending: undefined,
        replicas: undefined,
        memoryStorage: false,
        idleHeartbeatMs: undefined,
        fetchBatchSize: undefined,
        fetchMaxWaitMs: undefined,
        consumerType: "pull",
      },
      subscribers: [],
    },
  });
});

it("takes metadata and prefixes over", () => {
  const object = {
    ...channelWith({}),
    metadata: {
      name: "orders",
      namespace: "my-shop",
      uid: "5d1e",
      generation: 3,
      annotations: { "eventing.knative.dev/scope": "cluster" },
    },
  };
  const prefixes = { subjectPrefix: "east", streamPrefix: "EAST_" };
  const parsed = parseChannel(object, { jetstream: prefixes });
  expect(parsed.ok && parsed.channel).toMatchObject({
    key: "my-shop/orders",
    namespace: "my-shop",
    uid: "5d1e",
    generation: 3,
    annotations: { "eventing.knative.dev/scope": "cluster" },
    stream: { name: "EAST_KN_MY_SHOP__ORDERS", subject: "east.my-shop.orders._knative" },
  });
});

it("takes a null for a field that is not there, as Kubernetes does", () => {
  const object = {
    ...channelWith({ stream: null, subscribers: null, delivery: null }),
    metadata: { name: "orders", namespace: null, annotations: null },
    status: null,
  };
  expect(parseChannel(object, { jetstream })).toEqual(parseChannel(channelWith({}), { jetstream }));
});

it("uses an override's name as it is, without the prefix", () => {
  const object = channelWith({ stream: { overrideName: "Their_Stream-1" } });
  const parsed = parseChannel(object, { jetstream: { subjectPrefix: "", streamPrefix: "EAST_" } });
  expect(parsed.ok && parsed.channel.stream).toMatchObject({
    name: "Their_Stream-1",
    overridden: true,
    subject: "default.orders._knative",
  });
});

it.each([
  ["deletionPolicy", "RETAIN", { deletionPolicy: "Retain" }],
  ["deletionPolicy", "Delete", { deletionPolicy: "Delete" }],
])("compiles spec.stream.%s %j", (field, value, wanted) => {
  expect(settingsOf(channelWith({ stream: { [field]: value } })).stream).toMatchObject(wanted);
});

it.each<[object, object]>([
  [{ retention: "Interest" }, { retention: "interest" }],
  [{ retention: "work" }, { retention: "workqueue" }],
  [{ retention: "LIMITS" }, { retention: "limits" }],
  [{ storage: "memory" }, { storage: "memory" }],
  [{ discard: "NEW" }, { discard: "new" }],
  [{ compression: "s2" }, { compression: "s2" }],
  [{ compression: "None" }, { compression: "none" }],
  [{ replicas: 5 }, { replicas: 5 }],
  [
    { maxConsumers: 0, maxMsgs: 0, maxBytes: 0, maxMsgSize: 0, maxMsgsPerSubject: 0 },
    { maxConsumers: -1, maxMsgs: -1, maxBytes: -1, maxMsgSize: -1, maxMsgsPerSubject: -1 },
  ],
  [
    { maxConsumers: -1, maxMsgs: 5, maxBytes: 2 ** 40, maxMsgSize: 2 ** 20 },
    { maxConsumers: -1, maxMsgs: 5, maxBytes: 2 ** 40, maxMsgSize: 2 ** 20 },
  ],
  [{ maxAge: "1h30m" }, { maxAgeMs: 5_400_000 }],
  [{ maxAge: "0s" }, { maxAgeMs: 0 }],
  [
    { maxAge: "0s", duplicateWindow: "2m" },
    { maxAgeMs: 0, duplicateWindowMs: 120_000 },
  ],
  [
    { maxAge: "1m", duplicateWindow: "1m" },
    { maxAgeMs: 60_000, duplicateWindowMs: 60_000 },
  ],
  [{ duplicateWindow: "100ms" }, { duplicateWindowMs: 100 }],
  [{ duplicateWindow: "0" }, { duplicateWindowMs: 0 }],
  [{ noAck: false }, { noAck: false }],
  [{ placement: { cluster: "east" } }, { placement: { cluster: "east", tags: [] } }],
  [{ placement: { tags: ["ssd"] } }, { placement: { cluster: undefined, tags: ["ssd"] } }],
  [{ placement: {} }, { placement: undefined }],
  [{ additionalSubjects: ["legacy.*", "old.>"] }, { additionalSubjects: ["legacy.*", "old.>"] }],
  [
    { mirror: { name: "OTHER" }, additionalSubjects: [], sources: [] },
    {
      mirror: {
        name: "OTHER",
        optStartSeq: undefined,
        optStartTime: undefined,
        filterSubject: undefined,
      },
    },
  ],
  [
    { sources: [{ name: "A", optStartSeq: "007", optStartTime: "2026-01-01T00:00:00Z" }] },
    { sources: [{ name: "A", optStartSeq: "7", optStartTime: undefined }] },
  ],
  [
    { sources: [{ name: "A", optStartSeq: 0, optStartTime: "2026-01-01T00:00:00+01:00" }] },
    { sources: [{ name: "A", optStartSeq: undefined, optStartTime: "2026-01-01T00:00:00+01:00" }] },
  ],
  [
    { sources: [{ name: "A", optStartSeq: "9007199254740991", filterSubject: "a.>" }] },
    { sources: [{ name: "A", optStartSeq: "9007199254740991", filterSubject: "a.>" }] },
  ],
  [
    { allowDirect: false, denyDelete: true, denyPurge: true, template: "BASE" },
    { allowDirect: false, denyDelete: true, denyPurge: true, template: "BASE" },
  ],
  [
    { description: "orders", metadata: { team: "shop" } },
    { description: "orders", metadata: { team: "shop" } },
  ],
])("compiles the stream configuration %j", (config, wanted) => {
  expect(settingsOf(channelWith({ stream: { config } })).stream).toMatchObject(wanted);
});

it.each<[object, object]>([
  [{ deliverPolicy: "NEW" }, { deliverPolicy: "new" }],
  [{ deliverPolicy: "Last" }, { deliverPolicy: "last" }],
  [
    { deliverPolicy: "ByStartSequence", optStartSeq: 5, optStartTime: "2026-01-01T00:00:00Z" },
    { deliverPolicy: "by_start_sequence", optStartSeq: "5", optStartTime: undefined },
  ],
  [
    { deliverPolicy: "byStartTime", optStartTime: "2026-01-01T00:00:00Z", optStartSeq: 0 },
    {
      deliverPolicy: "by_start_time",
      optStartSeq: undefined,
      optStartTime: "2026-01-01T00:00:00Z",
    },
  ],
  [{ optStartSeq: "0" }, { deliverPolicy: "all", optStartSeq: undefined }],
  [{ ackWait: "1.5s" }, { ackWaitMs: 1500 }],
  [
    { maxDeliver: 0, maxAckPending: 0 },
    { maxDeliver: -1, maxAckPending: -1 },
  ],
  [
    { maxDeliver: 5, maxAckPending: -1 },
    { maxDeliver: 5, maxAckPending: -1 },
  ],
  [{ filterSubject: "a.*" }, { filterSubjects: ["a.*"] }],
  [{ filterSubjects: ["a", "b.>"] }, { filterSubjects: ["a", "b.>"] }],
  [{ replayPolicy: "Original" }, { replayPolicy: "original" }],
  [{ rateLimitBPS: 8000 }, { rateLimitBps: 8000 }],
  [{ rateLimitBps: 8000 }, { rateLimitBps: 8000 }],
  [{ rateLimitBPS: 8000, rateLimitBps: 8000 }, { rateLimitBps: 8000 }],
  [{ rateLimitBps: 0 }, { rateLimitBps: undefined }],
  [{ sampleFrequency: "30%" }, { sampleFrequencyPercent: 30 }],
  [{ sampleFrequency: "100" }, { sampleFrequencyPercent: 100 }],
  [{ sampleFrequency: 0 }, { sampleFrequencyPercent: 0 }],
  [
    { replicas: 3, memoryStorage: true },
    { replicas: 3, memoryStorage: true },
  ],
  [
    { idleHeartbeat: "5s", fetchMaxWait: "10s", fetchBatchSize: 20 },
    { idleHeartbeatMs: 5000, fetchMaxWaitMs: 10_000, fetchBatchSize: 20 },
  ],
  [{ consumerType: "push" }, { consumerType: "push" }],
  [{ flowControl: true }, { consumerType: "pull" }],
])("compiles the consumer template %j", (template, wanted) => {
  const object = channelWith({ consumerConfigTemplate: template });
  expect(settingsOf(object).consumer).toMatchObject(wanted);
});

it("ignores what it cannot read of the status", () => {
  const object = { ...channelWith({}), status: { conditions: "?", deadLetterSinkUri: 5 } };
  expect(parseChannel(object, { jetstream }).ok).toBe(true);
});

it.each([
  ["a name, no object", "orders"],
  ["nothing", undefined],
  ["null", null],
  ["a list", []],
  ["a number", 5],
])("refuses %s without throwing", (_, value) => {
  expect(parseChannel(value, { jetstream })).toMatchObject({
    ok: false,
    key: undefined,
    refusals: [{ path: "", reason: expect.stringContaining("an object") }],
  });
});

it.each([
  [{ name: "orders" }, "default/orders"],
  [{ name: "orders", namespace: "shop" }, "shop/orders"],
  [{ name: "Orders!", namespace: "shop" }, "shop/Orders!"],
  [{ name: 5 }, undefined],
  [{ name: "" }, undefined],
  ["orders", undefined],
])("names a refused channel with metadata %j %s", (metadata, key) => {
  const parsed = parseChannel({ kind: "Other", metadata }, { jetstream });
  expect(parsed).toMatchObject({ ok: false, key });
});

it("stays within its promise for objects without end", () => {
  const object: Record<string, unknown> = channelWith({});
  object.self = object;
  expect(parseChannel(object, { jetstream }).ok).toBe(true);
});

function channelWith(spec: object): Record<string, unknown> {
  return {
    apiVersion: "messaging.knative.dev/v1alpha1",
    kind: "NatsJetStreamChannel",
    metadata: { name: "orders" },
    spec,
  };
}

function settingsOf(object: unknown): ChannelSettings {
  const parsed = parseChannel(object, { jetstream });
  const refusals: Refusal[] = parsed.refusals;
  expect(refusals).toEqual([]);
  if (!parsed.ok) throw new Error("the channel was refused");
  return parsed.channel;
}
