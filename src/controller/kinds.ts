import type { Addressable, Condition } from "../api/duck.ts";
import type { KubeObject, Resource } from "../kube/resource.ts";

/** The objects that are not Kubernetes' own, as far as the controller reads them. Others write them, so what is unknown is looked at where it is used. */

/** Is a channel as the API server has it. */
export interface Channel extends KubeObject {
  spec?: {
    delivery?: { deadLetterSink?: unknown };
    subscribers?: unknown[];
    auth?: unknown;
    deploymentSpecTemplate?: unknown;
    stream?: { overrideName?: string; deletionPolicy?: string };
  };
  status?: ChannelStatus;
}

export interface ChannelStatus {
  observedGeneration?: number;
  conditions?: Condition[];
  address?: Addressable;
  addresses?: Addressable[];
  deadLetterSinkUri?: string;
  deadLetterSinkCACerts?: string;
  deadLetterSinkAudience?: string;
  stream?: { name?: string };
}

/** Is a Subscription of Knative's. */
export interface Subscription extends KubeObject {
  /** Its channel may be in another namespace. */
  spec?: { channel?: { name?: string; namespace?: string } };
}

/** Is an EventPolicy of Knative's. */
export interface EventPolicy extends KubeObject {
  spec?: { to?: PolicyTarget[] };
}

/** Names what an EventPolicy is for: one object, or those of a kind with these labels. */
export interface PolicyTarget {
  ref?: { apiVersion?: string; kind?: string; name?: string };
  selector?: {
    apiVersion?: string;
    kind?: string;
    matchLabels?: Record<string, string>;
    matchExpressions?: { key?: string; operator?: string; values?: string[] }[];
  };
}

/** Is a configuration of admission webhooks, of either kind. */
export interface WebhookConfiguration extends KubeObject {
  webhooks?: { name: string }[];
}

/** Is any object that may have an address. */
export interface AddressableObject extends KubeObject {
  status?: { address?: Partial<Addressable>; addresses?: Partial<Addressable>[] };
}

export const CHANNELS: Resource<Channel> = {
  group: "messaging.knative.dev",
  version: "v1alpha1",
  namespaced: true,
  kind: "NatsJetStreamChannel",
  plural: "natsjetstreamchannels",
};

export const SUBSCRIPTIONS: Resource<Subscription> = {
  group: "messaging.knative.dev",
  version: "v1",
  namespaced: true,
  kind: "Subscription",
  plural: "subscriptions",
};

export const EVENT_POLICIES: Resource<EventPolicy> = {
  group: "eventing.knative.dev",
  version: "v1alpha1",
  namespaced: true,
  kind: "EventPolicy",
  plural: "eventpolicies",
};
