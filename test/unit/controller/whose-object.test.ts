import { describe, expect, it } from "vitest";
import { DISPATCHER_SELECTOR } from "../../../src/controller/resources/plan.ts";
import { dispatcherRoleBinding } from "../../../src/controller/resources/role-binding.ts";
import {
  describeForeign,
  isChannelsService,
  isDispatchersAccount,
  isDispatchersBinding,
  isDispatchersDeployment,
  isDispatchersObject,
  isOfInstallation,
  ofInstallation,
} from "../../../src/controller/whose-object.ts";

describe("an object is ours", () => {
  const labels = { "messaging.knative.dev/channel": "nats-jetstream-channel" };
  const goOwner = [
    { apiVersion: "v1", kind: "ClusterRole", name: "jetstream-ch-controller", uid: "u" },
  ];
  const owner = [{ apiVersion: "apps/v1", kind: "Deployment", name: "theirs", uid: "u" }];

  it.each([
    ["our labels", { labels }, true],
    ["the Go implementation's owner", { ownerReferences: goOwner }, true],
    ["nothing", {}, false],
    ["another owner", { ownerReferences: owner }, false],
  ])("with %s", (_, metadata, expected) => {
    expect(isDispatchersObject({ metadata })).toBe(expected);
  });

  it.each([
    ["bare, as the Go implementation made it", {}, true],
    ["ours", { labels }, true],
    ["annotated by somebody", { annotations: { "iam.example/role": "x" } }, false],
    ["somebody's", { labels: { app: "x" } }, false],
  ])("as an account that is %s", (_, metadata, expected) => {
    expect(isDispatchersAccount({ metadata })).toBe(expected);
  });

  it.each([
    [
      "the same role for the same account",
      "jetstream-ch-dispatcher",
      "jetstream-ch-dispatcher",
      true,
    ],
    ["another role", "admin", "jetstream-ch-dispatcher", false],
    ["another account", "jetstream-ch-dispatcher", "somebody", false],
  ])("as a binding of %s", (_, role, account, expected) => {
    const desired = dispatcherRoleBinding("orders", "jetstream-ch-dispatcher");
    const found = {
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
      subjects: [{ kind: "ServiceAccount", name: account, namespace: "orders" }],
    };
    expect(isDispatchersBinding(desired)(found)).toBe(expected);
  });

  it.each([
    ["our labels", DISPATCHER_SELECTOR, true],
    ["fewer labels", labels, false],
    ["other labels", { ...DISPATCHER_SELECTOR, app: "x" }, false],
  ])("as a Deployment that selects %s", (_, matchLabels, expected) => {
    const template = { spec: { containers: [] } };
    const deployment = { metadata: { labels }, spec: { selector: { matchLabels }, template } };
    expect(isDispatchersDeployment(deployment)).toBe(expected);
  });

  it.each([
    [
      "marked by this installation",
      ofInstallation({ metadata: { labels } }, "ours").metadata,
      true,
    ],
    ["marked by another one", ofInstallation({ metadata: { labels } }, "theirs").metadata, false],
    ["not marked", { labels }, false],
    ["the Go implementation's", { labels, ownerReferences: goOwner }, true],
  ])("to delete with a namespace's dispatcher, when it is %s: %#", (_, metadata, expected) => {
    expect(isOfInstallation("ours")({ ...(metadata && { metadata }) })).toBe(expected);
  });

  it("as the Service of a channel of that name, of any version and age", () => {
    const service = (name: string, kind = "NatsJetStreamChannel") => ({
      metadata: {
        ownerReferences: [{ apiVersion: "messaging.knative.dev/v1", kind, name, uid: "u" }],
      },
    });
    expect(isChannelsService("orders")(service("orders"))).toBe(true);
    expect(isChannelsService("orders")(service("bills"))).toBe(false);
    expect(isChannelsService("orders")(service("orders", "InMemoryChannel"))).toBe(false);
    expect(isChannelsService("orders")({ metadata: {} })).toBe(false);
  });

  it("or is described", () => {
    const labels = { "app.kubernetes.io/managed-by": "Helm" };
    const metadata = { namespace: "a", name: "b", labels, ownerReferences: owner };
    const words = "Service a/b (owned by Deployment theirs, managed by Helm)";
    expect(describeForeign({ kind: "Service", metadata })).toBe(words);
  });
});
