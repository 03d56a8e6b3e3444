import type { Condition } from "../api/duck.ts";
import { KIND } from "../api/names.ts";
import type { KubeObject, Resource } from "../kube/resource.ts";

/** A channel as the API server gives it; what is in `spec` is judged by api/parse-channel.ts. */
export interface ChannelObject extends KubeObject {
  spec?: { subscribers?: { uid: string; generation?: number }[]; [field: string]: unknown };
  status?: {
    conditions?: Condition[];
    stream?: object;
    subscribers?: { uid: string; ready?: string }[];
    [field: string]: unknown;
  };
}

const messaging = { group: "messaging.knative.dev", namespaced: true } as const;

/** Describes our own type. */
export const CHANNELS: Resource<ChannelObject> = {
  ...messaging,
  version: "v1alpha1",
  kind: KIND,
  plural: "natsjetstreamchannels",
};

/** Describes Knative's Subscriptions, of which only the uid counts here. */
export const SUBSCRIPTIONS: Resource<KubeObject> = {
  ...messaging,
  version: "v1",
  kind: "Subscription",
  plural: "subscriptions",
};
