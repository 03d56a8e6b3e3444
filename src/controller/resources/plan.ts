import { FIELD_MANAGERS, MANAGED_BY_LABEL } from "../../api/cluster-names.ts";
import type { DispatcherSettings } from "../../api/dispatcher-defaults.ts";
import { CHANNEL_LABEL, ROLE_LABEL } from "../../api/names.ts";
import type { OwnerReference } from "../../kube/metadata.ts";
import type { NatsSource } from "../dispatcher-plan.ts";

/** Is all that one dispatcher's objects are made of. */
export interface DispatcherPlan {
  /** Where its objects are. */
  namespace: string;
  /** Serves the channels of its namespace, not the cluster's. */
  isNamespaced: boolean;
  systemNamespace: string;
  image: string;
  clusterId: string;
  clusterDomain: string;
  settings: DispatcherSettings;
  /** Is where its NATS configuration is. */
  natsSource: NatsSource;
  needs: PodNeeds;
  /** Has all of it deleted with this object. */
  owner: OwnerReference | undefined;
}

/** Is what of the NATS configuration and of channels' logins Pods have from their beginning, so that a change makes new ones. */
export interface PodNeeds {
  /** Changes with what subjects and streams are called by. */
  namingHash: string;
  gracePeriodSeconds: number;
  /** Are the Secrets and ConfigMaps of its namespace that are mounted, in order. */
  secrets: string[];
  configMaps: string[];
}

/** Selects a dispatcher's Pods; installed Deployments have it, and it cannot be changed in them. */
export const DISPATCHER_SELECTOR = {
  [CHANNEL_LABEL.key]: CHANNEL_LABEL.value,
  [ROLE_LABEL]: "dispatcher",
};

/** Is where a dispatcher's Pods take events. */
export const DISPATCHER_HTTP_PORT = 8080;

/** Gives the labels of everything that belongs to a dispatcher. */
export function dispatcherLabels(): Record<string, string> {
  return {
    ...DISPATCHER_SELECTOR,
    [MANAGED_BY_LABEL]: FIELD_MANAGERS.controller,
    "app.kubernetes.io/name": "jetstream-channel",
    "app.kubernetes.io/component": "dispatcher",
    "app.kubernetes.io/part-of": "knative-eventing",
  };
}

/** Gives the metadata of an object of a dispatcher. */
export function dispatcherMetadata(
  { namespace, owner }: Pick<DispatcherPlan, "namespace" | "owner">,
  name: string,
) {
  return {
    name,
    namespace,
    labels: dispatcherLabels(),
    ...(owner === undefined ? {} : { ownerReferences: [owner] }),
  };
}
