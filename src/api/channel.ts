import { z } from "zod";
import { ChannelAuth } from "./auth.ts";
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

/** Describes how the dispatcher's Deployment runs; what it holds beyond these maps is Kubernetes' own and passed on. */
const DeploymentSpecTemplate = z.looseObject({
  annotations: StringMap.optional(),
  labels: StringMap.optional(),
  nodeSelector: StringMap.optional(),
  resources: z.looseObject({}).optional(),
  affinity: z.looseObject({}).optional(),
});

/** Describes what a channel should be. */
export const ChannelSpec = z.looseObject({
  stream: StreamSpec.optional(),
  consumerConfigTemplate: ConsumerConfigTemplate.optional(),
  deploymentSpecTemplate: DeploymentSpecTemplate.optional(),
  delivery: DeliverySpec.optional(),
  subscribers: z.array(SubscriberSpec).optional(),
  auth: ChannelAuth.optional(),
});

/** Says what a channel is at the moment. */
const ChannelStatus = z.looseObject({
  observedGeneration: z.int().optional(),
  conditions: z.array(Condition).optional(),
  annotations: StringMap.optional(),
  address: Addressable.optional(),
  addresses: z.array(Addressable).optional(),
  subscribers: z.array(SubscriberStatus).optional(),
  deadLetterSinkUri: z.string().optional(),
  deadLetterSinkCACerts: z.string().optional(),
  deadLetterSinkAudience: z.string().optional(),
  policies: z
    .array(z.looseObject({ apiVersion: z.string().optional(), name: z.string().optional() }))
    .optional(),
  stream: z
    .looseObject({
      name: z.string().optional(),
      subjects: z.array(z.string()).optional(),
      storage: z.string().optional(),
      replicas: z.int().optional(),
      retention: z.string().optional(),
    })
    .optional(),
});

/** Describes one channel, as Kubernetes holds it or a file gives it (there `namespace` defaults to "default"). */
export const NatsJetStreamChannel = z.looseObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal(KIND),
  metadata: ObjectMeta,
  spec: ChannelSpec.optional(),
  status: ChannelStatus.optional(),
});
export type NatsJetStreamChannel = z.infer<typeof NatsJetStreamChannel>;
