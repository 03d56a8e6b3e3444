import { expect, it } from "vitest";
import { NatsJetStreamChannel } from "../../../src/api/channel.ts";

const whole = {
  apiVersion: "messaging.knative.dev/v1alpha1",
  kind: "NatsJetStreamChannel",
  metadata: {
    name: "orders",
    namespace: "shop",
    uid: "5d1e",
    resourceVersion: "77",
    generation: 3,
    creationTimestamp: "2026-01-01T00:00:00Z",
    labels: { team: "shop" },
    annotations: { "eventing.knative.dev/scope": "namespace" },
    finalizers: ["natsjetstreamchannels.messaging.knative.dev"],
    managedFields: [{ manager: "kubectl" }],
  },
  spec: {
    stream: {
      overrideName: "ORDERS",
      deletionPolicy: "retain",
      config: {
        additionalSubjects: ["legacy.orders.>"],
        retention: "WORK",
        maxConsumers: 10,
        maxMsgs: 1_000_000,
        maxBytes: 10_000_000_000,
        discard: "new",
        maxAge: "168h",
        maxMsgSize: 1_048_576,
        maxMsgsPerSubject: 0,
        storage: "file",
        replicas: 3,
        noAck: false,
        duplicateWindow: "2m",
        placement: { cluster: "east", tags: ["ssd"] },
        sources: [{ name: "OTHER", optStartSeq: 5, filterSubject: "a.*" }],
        compression: "S2",
        allowDirect: true,
        description: "orders of the shop",
        metadata: { team: "shop" },
        denyDelete: true,
        denyPurge: true,
        template: "BASE",
        republish: { src: ">" },
      },
    },
    consumerConfigTemplate: {
      deliverPolicy: "bystartsequence",
      optStartSeq: "9007199254740991",
      ackWait: "30s",
      maxDeliver: 5,
      filterSubjects: ["a", "b"],
      replayPolicy: "instant",
      rateLimitBPS: 8000,
      sampleFrequency: "30%",
      maxAckPending: 100,
      replicas: 1,
      memoryStorage: false,
      idleHeartbeat: "5s",
      fetchBatchSize: 10,
      fetchMaxWait: "10s",
      consumerType: "PUSH",
    },
    deploymentSpecTemplate: { nodeSelector: { disk: "ssd" }, tolerations: [{ key: "a" }] },
    delivery: { retry: 3, deadLetterSink: { ref: { kind: "Service", name: "dead" } } },
    subscribers: [{ uid: "a", subscriberUri: "http://a" }],
    auth: { credentialFile: { secret: { secretName: "login", key: "user.creds" } } },
    futureField: true,
  },
  status: {
    observedGeneration: 3,
    conditions: [{ type: "Ready", status: "True" }],
    annotations: { a: "b" },
    address: { url: "http://orders-kn-jsm-channel.shop.svc.cluster.local" },
    addresses: [{ url: "http://orders-kn-jsm-channel.shop.svc.cluster.local" }],
    subscribers: [{ uid: "a", ready: "True", observedGeneration: 1 }],
    deadLetterSinkUri: "http://dead",
    deadLetterSinkCACerts: "",
    deadLetterSinkAudience: "",
    policies: [{ apiVersion: "eventing.knative.dev/v1alpha1", name: "p" }],
    stream: { name: "ORDERS", subjects: ["a"], storage: "file", replicas: 3, retention: "limits" },
  },
};

it("lets a whole channel pass unchanged, fields that nobody knows included", () => {
  expect(NatsJetStreamChannel.parse(whole)).toEqual(whole);
});

it("gives the namespace default to a channel that names none", () => {
  const channel = NatsJetStreamChannel.parse({ ...whole, metadata: { name: "orders" } });
  expect(channel.metadata.namespace).toBe("default");
});

it.each([
  ["observedGeneration", "3"],
  ["conditions", [{ type: "Ready" }]],
  ["address", {}],
  ["stream", { subjects: "a" }],
])("refuses a status whose %s is %j", (field, value) => {
  const parsed = NatsJetStreamChannel.safeParse({ ...whole, status: { [field]: value } });
  expect(parsed.error?.issues[0]?.path.slice(0, 2)).toEqual(["status", field]);
});
