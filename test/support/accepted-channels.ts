/**
 * Channels that are taken, by parseChannel and by the API server, with every value in them: what users of the Go implementation have, and
 * one channel with every field there is.
 */

/** Is what is special about a channel, and its parts. */
export type Accepted = [what: string, parts: { spec?: object; metadata?: object }];

/** Is what the webhook of the Go implementation makes of a channel: its types write what is unset as zeros. */
export const GO_ZEROS = {
  stream: { config: { maxAge: "0s", duplicateWindow: "0s" } },
  consumerConfigTemplate: { ackWait: "0s", replayPolicy: "", fetchMaxWait: "0s" },
};

const AFFINITY = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: "disk", operator: "In", values: ["ssd"] }] }],
    },
  },
};

/** Lists them. */
export const ACCEPTED_CHANNELS: Accepted[] = [
  ["nothing but its name", {}],
  ["an empty spec", { spec: {} }],
  ["the zeros that Go's types write", { spec: GO_ZEROS }],
  [
    "an ackWait that the Go implementation keeps",
    { spec: { consumerConfigTemplate: { ackWait: "500ms" } } },
  ],
  [
    "all that the Go implementation has",
    {
      metadata: {
        annotations: {
          "eventing.knative.dev/scope": "namespace",
          "messaging.knative.dev/subscribable": "v1",
          "messaging.knative.dev/creator": "somebody",
        },
      },
      spec: {
        stream: {
          overrideName: "ORDERS",
          config: {
            additionalSubjects: ["legacy.orders", "legacy.*.old"],
            retention: "Limits",
            maxConsumers: 10,
            maxMsgs: 1000,
            maxBytes: 10_000_000_000,
            discard: "Old",
            maxAge: "168h0m0s",
            maxMsgSize: 1_048_576,
            storage: "File",
            replicas: 3,
            noAck: false,
            duplicateWindow: "2m0s",
            placement: { cluster: "east", tags: ["ssd"] },
            sources: [
              {
                name: "OTHER",
                optStartSeq: 5,
                optStartTime: "2026-01-01T00:00:00Z",
                filterSubject: "a.>",
              },
            ],
          },
        },
        consumerConfigTemplate: {
          deliverPolicy: "ByStartTime",
          optStartTime: "2026-01-01T00:00:00Z",
          ackWait: "30s",
          maxDeliver: 5,
          filterSubject: "a.b",
          replayPolicy: "Original",
          rateLimitBPS: 8000,
          sampleFrequency: "30%",
          maxAckPending: 100,
          consumerType: "Push",
          fetchMaxWait: "200ms",
          fetchBatchSize: 10,
        },
        deploymentSpecTemplate: {
          annotations: { a: "b" },
          labels: { c: "d" },
          nodeSelector: { disk: "ssd" },
          resources: { limits: { cpu: 1, memory: "1Gi" }, requests: { cpu: "100m" } },
          affinity: AFFINITY,
        },
        delivery: {
          retry: 3,
          backoffPolicy: "exponential",
          backoffDelay: "PT0.2S",
          timeout: "PT10S",
          retryAfterMax: "PT0S",
          format: "json",
          deadLetterSink: {
            ref: {
              apiVersion: "v1",
              kind: "Service",
              name: "dead",
              namespace: "shop",
              group: "",
              address: "a",
            },
            uri: "/path",
            audience: "dead",
          },
        },
        subscribers: [
          {
            uid: "5d1e0a4c-0b7f-4b5e-9a52-3a4f1d2c9b10",
            name: "orders",
            generation: 2,
            subscriberUri: "http://a.shop.svc.cluster.local",
            replyUri: "http://b.shop.svc.cluster.local",
            delivery: { retry: 1, deadLetterSink: { uri: "http://dead" }, backoffMax: "PT1M" },
            auth: { serviceAccountName: "orders" },
          },
        ],
      },
    },
  ],
  ["a template without affinity", { spec: { deploymentSpecTemplate: { labels: { a: "b" } } } }],
  [
    "all that we have beside that",
    {
      spec: {
        stream: {
          deletionPolicy: "Retain",
          config: {
            maxMsgsPerSubject: 0,
            compression: "S2",
            allowDirect: true,
            description: "orders of the shop",
            metadata: { team: "shop" },
            denyDelete: true,
            denyPurge: true,
          },
        },
        consumerConfigTemplate: {
          filterSubjects: ["a", "b.>"],
          rateLimitBps: 0,
          replicas: 1,
          memoryStorage: false,
          idleHeartbeat: "5s",
          fetchMaxWait: "10s",
        },
        auth: { usernamePassword: { secret: { secretName: "login" } } },
      },
    },
  ],
  [
    "words in any case",
    {
      spec: {
        stream: {
          deletionPolicy: "RETAIN",
          config: { retention: "interest", storage: "MEMORY", discard: "nEW", compression: "none" },
        },
        consumerConfigTemplate: {
          deliverPolicy: "new",
          replayPolicy: "INSTANT",
          consumerType: "pull",
        },
        delivery: { backoffPolicy: "Linear", format: "JSON" },
      },
    },
  ],
  [
    "explicit zeros that mean no maximum",
    {
      spec: {
        stream: {
          config: { maxMsgs: 0, maxBytes: -1, maxConsumers: 0, maxMsgSize: -1, replicas: 0 },
        },
        consumerConfigTemplate: { maxDeliver: 0, maxAckPending: 0, optStartSeq: 0 },
      },
    },
  ],
  [
    "sequences and percentages as text",
    {
      spec: {
        stream: { config: { mirror: { name: "A", optStartSeq: "9007199254740991" } } },
        consumerConfigTemplate: {
          deliverPolicy: "ByStartSequence",
          optStartSeq: "9007199254740990",
          sampleFrequency: 30,
        },
      },
    },
  ],
  [
    "a mirror with empty lists",
    { spec: { stream: { config: { mirror: { name: "A" }, sources: [] } } } },
  ],
  [
    "fields of a later Knative",
    {
      spec: {
        delivery: {
          retry: 1,
          later: { field: [1] },
          deadLetterSink: { ref: { name: "dead", later: 1 }, later: [] },
        },
        subscribers: [
          {
            uid: "a",
            subscriberUri: "http://a",
            later: "x",
            auth: { later: 1 },
            delivery: { later: 1 },
          },
        ],
      },
    },
  ],
];
