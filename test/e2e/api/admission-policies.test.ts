import { beforeAll, describe, expect, it } from "vitest";
import { SUBSCRIBER_WRITERS } from "../../../config/generate/admission-policies.ts";
import type { KubeClient } from "../../support/kube-client.ts";
import {
  type ChannelApi,
  channelApi,
  KNATIVE,
  refusal,
  sentenceOf,
  TENANT,
} from "./channel-api.ts";

const SUBSCRIBERS = [{ uid: "a", subscriberUri: "http://a" }];
const SCOPE = "eventing.knative.dev/scope";
const NOT_YOURS = `spec.subscribers is written by Knative, not by "${TENANT}": create, change or delete a Subscription instead`;

let api: ChannelApi;
let tenant: KubeClient;
let knative: KubeClient;
beforeAll(async () => {
  api = await channelApi();
  tenant = api.client.as(TENANT);
  knative = api.client.as(KNATIVE);
});

describe("spec.subscribers", () => {
  it("cannot be given by a user who creates a channel", async () => {
    const sentence = await refusal(
      tenant,
      api.channel("orders", { spec: { subscribers: SUBSCRIBERS } }),
    );
    expect(sentence).toContain(NOT_YOURS);
  });

  it.each([
    ["added to", [...SUBSCRIBERS, { uid: "b", subscriberUri: "http://b" }]],
    ["changed", [{ uid: "a", subscriberUri: "http://elsewhere" }]],
    ["emptied", []],
    ["removed", null],
  ])("cannot be %s by a user", async (_, subscribers) => {
    await ensure("orders", SUBSCRIBERS);
    const patch = tenant.patch(api.ref("orders"), { spec: { subscribers } });
    expect(await sentenceOf(patch)).toContain(NOT_YOURS);
  });

  it("does not keep a user from all other changes of the channel", async () => {
    await ensure("orders", SUBSCRIBERS);
    const metadata = { labels: { team: "shop" }, annotations: { a: "b" }, finalizers: ["a.b/c"] };
    const patch = { metadata, spec: { delivery: { retry: 3 } } };
    expect(await sentenceOf(tenant.patch(api.ref("orders"), patch))).toBeUndefined();
    const without = { metadata: { finalizers: null } };
    expect(await sentenceOf(tenant.patch(api.ref("orders"), without))).toBeUndefined();
    const status = { status: { observedGeneration: 1 } };
    expect(await sentenceOf(tenant.patch(api.ref("orders", "status"), status))).toBeUndefined();
    const none = api.channel("none", { spec: { subscribers: [] } });
    expect(await refusal(tenant, none)).toBeUndefined();
  });

  it("is Knative's: a merge patch of the whole list without a resourceVersion", async () => {
    await ensure("orders", []);
    for (const subscribers of [SUBSCRIBERS, []]) {
      const patched = await knative.patch(api.ref("orders"), { spec: { subscribers } });
      expect(patched.spec).toMatchObject({ subscribers });
    }
    const whole = api.channel("made-by-knative", { spec: { subscribers: SUBSCRIBERS } });
    expect(await refusal(knative, whole)).toBeUndefined();
  });

  it("is open to cluster admins, however they come by their rights", async () => {
    await ensure("orders", []);
    const binding = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: `${api.namespace}-admins` },
      roleRef: {
        apiGroup: "rbac.authorization.k8s.io",
        kind: "ClusterRole",
        name: "cluster-admin",
      },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: api.namespace }],
    };
    await api.client.apply(binding);
    const admins = [api.client, api.client.as("alice", [api.namespace])];
    for (const [index, admin] of admins.entries()) {
      const subscribers = [{ uid: `admin-${index}`, subscriberUri: "http://a" }];
      const patched = await admin.patch(api.ref("orders"), { spec: { subscribers } });
      expect(patched.spec).toMatchObject({ subscribers });
    }
    await api.client.delete({ ...binding, name: binding.metadata.name });
  });

  it("is open to our controller, and names no other program", () => {
    expect(SUBSCRIBER_WRITERS).toEqual([
      KNATIVE,
      "system:serviceaccount:knative-eventing:jetstream-ch-controller",
    ]);
  });
});

describe("the scope annotation", () => {
  it.each(["cluster", "namespace"])("can be %s", async (scope) => {
    const channel = api.channel("scoped", { metadata: { annotations: { [SCOPE]: scope } } });
    expect(await refusal(tenant, channel)).toBeUndefined();
  });

  it.each(["", "Cluster", "nowhere"])("cannot be %j", async (scope) => {
    const channel = api.channel("scoped", { metadata: { annotations: { [SCOPE]: scope } } });
    expect(await refusal(tenant, channel)).toContain(
      `metadata.annotations[${SCOPE}]: "cluster" or "namespace" expected, got "${scope}"`,
    );
  });

  it.each([
    ["cluster", "namespace"],
    ["namespace", "cluster"],
    ["namespace", null],
    [undefined, "namespace"],
  ])("cannot change from %j to %j, not even by an admin", async (before, after) => {
    await api.client.delete(api.ref("fixed"));
    const annotations = before === undefined ? {} : { [SCOPE]: before };
    await api.client.create(api.channel("fixed", { metadata: { annotations } }));
    const patch = api.client.patch(api.ref("fixed"), {
      metadata: { annotations: { [SCOPE]: after } },
    });
    expect(await sentenceOf(patch)).toContain(
      `cannot change from "${before ?? "cluster"}" to "${after ?? "cluster"}"`,
    );
  });

  it("can be left out and given where it means the same", async () => {
    await api.client.create(api.channel("same", { metadata: { annotations: { a: "b" } } }));
    for (const scope of ["cluster", null]) {
      const patch = tenant.patch(api.ref("same"), {
        metadata: { annotations: { [SCOPE]: scope } },
      });
      expect(await sentenceOf(patch)).toBeUndefined();
    }
  });
});

async function ensure(name: string, subscribers: object[]): Promise<void> {
  await api.client.apply(api.channel(name), { force: true });
  await knative.patch(api.ref(name), { spec: { subscribers } });
}
