/**
 * Brings config/'s CustomResourceDefinition and policies to the API server of the test run, and gives a test its own namespace there.
 * Applying them again is harmless: every file of tests does.
 */
import { inject } from "vitest";
import { API_VERSION, KIND } from "../../../src/api/names.ts";
import { makeNamespace } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";
import {
  createKubeClient,
  type KubeClient,
  KubeError,
  type KubeObject,
} from "../../support/kube-client.ts";
import { manifests } from "../../support/manifests.ts";

/** Is as whom Knative's Subscription controller writes. */
export const KNATIVE = "system:serviceaccount:knative-eventing:eventing-controller";

/** Is somebody who may do all with the channels of a namespace, and nothing else. */
export const TENANT = "tenant";

/** Holds what the tests of the API use. */
export interface ChannelApi {
  /** As administrator. */
  client: KubeClient;
  namespace: string;
  /** Makes a channel of this namespace out of its parts; `metadata` gets the namespace. */
  channel(name: string, parts?: object): KubeObject;
  /** Names a channel, or a subresource of it. */
  ref(name: string, subresource?: string): Parameters<KubeClient["get"]>[0];
}

/** Sees to it that channels and their policies are served, and makes a namespace. */
export async function channelApi(cluster = inject("cluster")): Promise<ChannelApi> {
  const client = createKubeClient(cluster.admin);
  for (const object of manifests("3")) await client.apply(object, { force: true });
  const namespace = await makeTenancy(client);
  const channel = (name: string, parts: object = {}): KubeObject => ({
    apiVersion: API_VERSION,
    kind: KIND,
    ...parts,
    metadata: { name, ...("metadata" in parts ? (parts.metadata as object) : {}), namespace },
  });
  const tenant = client.as(TENANT);
  await eventually(
    async () => {
      const scoped = { metadata: { annotations: { "eventing.knative.dev/scope": "nowhere" } } };
      const subscribed = { spec: { subscribers: [{ uid: "a", subscriberUri: "http://a" }] } };
      for (const parts of [scoped, subscribed]) {
        if ((await refusal(tenant, channel("probe", parts))) === undefined) return false;
      }
      return (await refusal(tenant, channel("probe"))) === undefined;
    },
    { within: 30_000, what: "the policies to be enforced" },
  );
  const ref = (name: string, subresource?: string) => ({
    apiVersion: API_VERSION,
    kind: KIND,
    namespace,
    name,
    subresource,
  });
  return { client, namespace, channel, ref };
}

/** Creates an object on trial, and gives the sentence of the refusal, or undefined. */
export async function refusal(client: KubeClient, object: KubeObject): Promise<string | undefined> {
  return await sentenceOf(
    client.create(object, undefined, { dryRun: true, fieldValidation: "Strict" }),
  );
}

/** Gives the sentence with which the API server refuses a request, or undefined. */
export async function sentenceOf(request: Promise<unknown>): Promise<string | undefined> {
  try {
    await request;
    return undefined;
  } catch (error) {
    if (error instanceof KubeError) return error.message;
    throw error;
  }
}

async function makeTenancy(client: KubeClient): Promise<string> {
  const namespace = await makeNamespace(client, "channel-api");
  const rbac = { apiGroup: "rbac.authorization.k8s.io" };
  const role = { ...rbac, kind: "Role", name: "channels" };
  const ofRole = { apiVersion: `${rbac.apiGroup}/v1`, metadata: { name: role.name, namespace } };
  const rules = [{ apiGroups: ["messaging.knative.dev"], resources: ["*"], verbs: ["*"] }];
  await client.create({ ...ofRole, kind: "Role", rules });
  const subjects = [TENANT, KNATIVE].map((name) => ({ ...rbac, kind: "User", name }));
  await client.create({ ...ofRole, kind: "RoleBinding", roleRef: role, subjects });
  return namespace;
}
