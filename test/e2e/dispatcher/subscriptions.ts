/** Knative's Subscriptions on the API server of a test, as far as a dispatcher looks at them: their uids. */
import { eventually } from "../../support/eventually.ts";
import type { ClusterWorld } from "./cluster-world.ts";

/** Names Knative's type. */
export const SUBSCRIPTION = { apiVersion: "messaging.knative.dev/v1", kind: "Subscription" };

/** Has the API server serve the type; where it does so already this is harmless. */
export async function serveSubscriptions({ api }: Pick<ClusterWorld, "api">): Promise<void> {
  const { client, namespace } = api;
  const [group, name] = SUBSCRIPTION.apiVersion.split("/");
  const names = { kind: "Subscription", plural: "subscriptions", singular: "subscription" };
  const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const schema = { openAPIV3Schema: { type: "object", properties: { spec: open, status: open } } };
  await client.apply(
    {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `${names.plural}.${group}` },
      spec: {
        ...{ group, scope: "Namespaced", names },
        versions: [{ name, served: true, storage: true, schema }],
      },
    },
    { force: true },
  );
  const isServed = () => client.list({ ...SUBSCRIPTION, namespace });
  await eventually(isServed, { within: 60_000, what: "Subscriptions to be served" });
}
