import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { createKubeClient, type KubeClient } from "../../support/kube-client.ts";
import { manifests } from "../../support/manifests.ts";
import { SYSTEM, within } from "./control-world.ts";

const CHANNELS = "messaging.knative.dev/natsjetstreamchannels";
const CONTROLLER = `system:serviceaccount:${SYSTEM}:jetstream-ch-controller`;
const DISPATCHER = `system:serviceaccount:${SYSTEM}:jetstream-ch-dispatcher`;
const RBAC = "rbac.authorization.k8s.io";
const ADMISSION = "admissionregistration.k8s.io";
const OURS = "jetstream-ch-dispatcher";

let client: KubeClient;

beforeAll(async () => {
  client = createKubeClient(inject("cluster").admin);
  await client.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: SYSTEM } });
  const objects = [...manifests("100", "200", "201"), ...knativeRoles()];
  for (const object of objects) await client.apply(object, { force: true });
});

afterAll(async () => {
  await client?.close();
});

/** Gives Knative's aggregating roles, each bound to a user of its name. */
function knativeRoles() {
  const kinds = {
    "addressable-resolver": "addressable",
    "channelable-manipulator": "channelable",
    "crossnamespace-subscriber": "crossnamespace-subscribable",
  };
  return Object.entries(kinds).flatMap(([name, label]) => [
    {
      ...{ apiVersion: `${RBAC}/v1`, kind: "ClusterRole", metadata: { name }, rules: [] },
      aggregationRule: {
        clusterRoleSelectors: [{ matchLabels: { [`duck.knative.dev/${label}`]: "true" } }],
      },
    },
    {
      ...{ apiVersion: `${RBAC}/v1`, kind: "ClusterRoleBinding", metadata: { name } },
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name },
      subjects: [{ apiGroup: RBAC, kind: "User", name }],
    },
  ]);
}

/** Asks whether a user may: `resource` is `group/plural` or `group/plural/subresource`. */
async function may(
  user: string,
  verb: string,
  what: string,
  { name, namespace = "shop" }: { name?: string; namespace?: string } = {},
): Promise<boolean> {
  const [group, resource, subresource] = what.split("/");
  const { status } = await client.create<{ status: { allowed: boolean } }>({
    ...{ apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", metadata: {} },
    spec: {
      user,
      resourceAttributes: { namespace, verb, group, resource, subresource, name },
    },
  });
  return status.allowed;
}

it.each<[string, string, string, { name?: string; namespace?: string }, boolean]>([
  [CONTROLLER, "patch", CHANNELS, {}, true],
  [CONTROLLER, "create", CHANNELS, {}, false],
  [CONTROLLER, "delete", CHANNELS, {}, false],
  [CONTROLLER, "patch", `${CHANNELS}/status`, {}, true],
  [CONTROLLER, "get", "/secrets", { name: "a" }, false],
  [CONTROLLER, "list", "/secrets", {}, false],
  [CONTROLLER, "patch", "apps/deployments", { name: OURS }, true],
  [CONTROLLER, "patch", "apps/deployments", { name: "theirs" }, false],
  [CONTROLLER, "list", "apps/deployments", {}, false],
  [CONTROLLER, "create", "/serviceaccounts", { name: "theirs" }, false],
  [CONTROLLER, "patch", "/configmaps", { name: "jetstream-ch-dispatcher-knative" }, true],
  [CONTROLLER, "patch", "/configmaps", { name: "config-jetstream" }, false],
  [CONTROLLER, "get", "/configmaps", { name: "config-jetstream" }, true],
  [CONTROLLER, "bind", `${RBAC}/clusterroles`, { name: OURS }, true],
  [CONTROLLER, "bind", `${RBAC}/clusterroles`, { name: "admin" }, false],
  [CONTROLLER, "escalate", `${RBAC}/clusterroles`, { name: OURS }, false],
  [CONTROLLER, "create", `${RBAC}/roles`, { name: "a" }, false],
  [CONTROLLER, "create", `${RBAC}/rolebindings`, { name: "theirs" }, false],
  [CONTROLLER, "list", "/pods", {}, false],
  [CONTROLLER, "watch", `${ADMISSION}/validatingwebhookconfigurations`, {}, true],
  [CONTROLLER, "watch", `${ADMISSION}/mutatingwebhookconfigurations`, {}, true],
  [CONTROLLER, "delete", `${ADMISSION}/validatingwebhookconfigurations`, { name: "a" }, false],
  [CONTROLLER, "create", "coordination.k8s.io/leases", { namespace: SYSTEM }, true],
  [CONTROLLER, "create", "coordination.k8s.io/leases", {}, false],
  [CONTROLLER, "delete", "/namespaces", { name: "shop" }, false],
  [DISPATCHER, "patch", CHANNELS, {}, true],
  [DISPATCHER, "create", CHANNELS, {}, false],
  [DISPATCHER, "delete", CHANNELS, {}, false],
  [DISPATCHER, "patch", `${CHANNELS}/status`, {}, true],
  [DISPATCHER, "list", "messaging.knative.dev/subscriptions", {}, true],
  [DISPATCHER, "delete", "messaging.knative.dev/subscriptions", {}, false],
  [DISPATCHER, "get", "/secrets", { name: "a" }, false],
  [DISPATCHER, "get", "/configmaps", { name: "a" }, false],
  [DISPATCHER, "create", "coordination.k8s.io/leases", { namespace: SYSTEM }, true],
  [
    DISPATCHER,
    "update",
    "coordination.k8s.io/leases",
    { name: "jetstream-channel-controller", namespace: SYSTEM },
    false,
  ],
  [
    DISPATCHER,
    "update",
    "coordination.k8s.io/leases",
    { name: "jetstream-channel-dispatcher" },
    false,
  ],
  [DISPATCHER, "create", "/services", { name: "a" }, false],
])("%s may %s %s %j: %s", async (user, verb, what, where, expected) => {
  expect(await may(user, verb, what, where)).toBe(expected);
});

it.each<[string, string, string, boolean]>([
  ["addressable-resolver", "get", CHANNELS, true],
  ["addressable-resolver", "watch", `${CHANNELS}/status`, true],
  ["addressable-resolver", "patch", CHANNELS, false],
  ["channelable-manipulator", "create", CHANNELS, true],
  ["channelable-manipulator", "delete", CHANNELS, true],
  ["channelable-manipulator", "patch", `${CHANNELS}/status`, true],
  ["channelable-manipulator", "knsubscribe", CHANNELS, false],
  ["crossnamespace-subscriber", "knsubscribe", CHANNELS, true],
  ["crossnamespace-subscriber", "get", CHANNELS, false],
])("Knative's %s may %s %s: %s", async (role, verb, what, expected) => {
  const isSo = async () => (await may(role, verb, what)) === expected;
  await eventually(isSo, { within, what: "the roles to be aggregated" });
});
