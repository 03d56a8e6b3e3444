import { z } from "zod";
import { ChannelAuth } from "./auth.ts";
import { CHANNEL_RULES } from "./channel-rules.ts";
import { clusterRules } from "./cluster-rules.ts";
import { ConsumerConfigTemplate } from "./consumer-spec.ts";
import { Addressable, Condition, DeliverySpec, SubscriberSpec, SubscriberStatus } from "./duck.ts";
import { Dns1035Label, Dns1123Label } from "./fields.ts";
import { API_VERSION, KIND } from "./names.ts";
import { StreamSpec } from "./stream-spec.ts";

/** The object that users and Knative write: `NatsJetStreamChannel`. Unknown fields pass everywhere; faults carry their path. */

const StringMap = z.record(z.string(), z.string());

const ObjectMeta = z.looseObject({
  name: Dns1035Label,
  namespace: Dns1123Label.default("default"),
  uid: z.string().optional(),
  resourceVersion: z.string().optional(),
  generation: z.int().min(0).optional(),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  labels: StringMap.optional(),
  annotations: StringMap.optional(),
  finalizers: z.array(z.string()).optional(),
});

const PASSED_ON = { "x-kubernetes-preserve-unknown-fields": true };

/** Describes how the dispatcher's Deployment runs; what it holds beyond these maps is Kubernetes' own and passed on. */
const DeploymentSpecTemplate = z.looseObject({
  annotations: StringMap.optional().describe("Annotations of the Deployment."),
  labels: StringMap.optional().describe("Labels of the Deployment."),
  nodeSelector: StringMap.optional().describe("Labels that a node must have."),
  resources: z
    .looseObject({})
    .meta(PASSED_ON)
    .optional()
    .describe("Requests and limits of the container."),
  affinity: z.looseObject({}).meta(PASSED_ON).optional().describe("Affinity of the Pods."),
});

/** Describes what a channel should be. */
export const ChannelSpec = z.looseObject({
  stream: StreamSpec.optional().describe("The JetStream stream that keeps the channel's events."),
  consumerConfigTemplate: ConsumerConfigTemplate.optional().describe(
    "What the JetStream consumers of the channel's subscribers have in common.",
  ),
  deploymentSpecTemplate: DeploymentSpecTemplate.optional().describe(
    "How the dispatcher of a channel with the annotation eventing.knative.dev/scope: namespace runs; that of the namespace's oldest channel counts. Without effect on the cluster's dispatcher.",
  ),
  delivery: DeliverySpec.optional().describe(
    "How events are delivered to subscribers that have no delivery of their own.",
  ),
  subscribers: z
    .array(SubscriberSpec)
    .optional()
    .describe("Who gets the events. Written by Knative: create a Subscription instead."),
  auth: ChannelAuth.optional().describe(
    "How the dispatcher logs in to NATS for this channel; unset: as its own configuration says.",
  ),
});

/** Says what a channel is at the moment. */
const ChannelStatus = z.looseObject({
  observedGeneration: z
    .int()
    .optional()
    .describe("Generation of the channel that all of the status is about."),
  conditions: z
    .array(Condition)
    .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] })
    .optional()
    .describe("What is known about the channel; Ready sums it up."),
  annotations: StringMap.optional().describe("Further facts, for programs."),
  address: Addressable.optional().describe("Where the channel takes events."),
  addresses: z
    .array(Addressable)
    .optional()
    .describe("All places where the channel takes events, the preferred one first."),
  subscribers: z
    .array(SubscriberStatus)
    .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"] })
    .optional()
    .describe("Whether events reach each of the subscribers."),
  deadLetterSinkUri: z.string().optional().describe("URL of spec.delivery's dead-letter sink."),
  deadLetterSinkCACerts: z
    .string()
    .optional()
    .describe("Certificates (PEM) of the authorities that are trusted for the dead-letter sink."),
  deadLetterSinkAudience: z.string().optional().describe("OIDC audience of the dead-letter sink."),
  policies: z
    .array(
      z.looseObject({
        apiVersion: z.string().optional().describe("Group and version of the policy's API."),
        name: z.string().optional().describe("Name of the policy."),
      }),
    )
    .optional()
    .describe("The EventPolicies that are applied to the channel."),
  stream: z
    .looseObject({
      name: z.string().optional().describe("Name of the stream."),
      subjects: z.array(z.string()).optional().describe("Subjects of the stream."),
      storage: z.string().max(16).optional().describe("Where it keeps events: file or memory."),
      replicas: z.int().optional().describe("Servers that hold a copy."),
      retention: z
        .string()
        .max(16)
        .optional()
        .describe("How long it keeps events: limits, interest or workqueue."),
    })
    .optional()
    .describe("The stream as the NATS server has it."),
});

/** Describes one channel, as Kubernetes holds it or a file gives it (there `namespace` defaults to "default"). */
export const NatsJetStreamChannel = z
  .looseObject({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal(KIND),
    metadata: ObjectMeta,
    spec: ChannelSpec.optional().describe("What the channel should be."),
    status: ChannelStatus.optional().describe("What the channel is at the moment."),
  })
  .describe(
    "NatsJetStreamChannel is a channel of Knative Eventing whose events are kept in NATS JetStream.",
  )
  .meta(clusterRules(...CHANNEL_RULES));
export type NatsJetStreamChannel = z.infer<typeof NatsJetStreamChannel>;
