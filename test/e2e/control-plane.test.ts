import type { V1ConfigMap, V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { auditEvents, isWrite } from "../support/audit-log.ts";
import { kubeconfigFor, makeNamespace } from "../support/cluster.ts";
import { type ControlPlane, startControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { createKubeClient, KubeError } from "../support/kube-client.ts";
import { watchObjects } from "../support/kube-watch.ts";
import { kubectl } from "../support/kubectl.ts";
import { startTinyNode } from "./tiny-node.ts";

const cluster = inject("cluster");
const client = createKubeClient(cluster.admin);

afterAll(() => client.close());

function configMap(namespace: string, name: string) {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name } };
}

it("lets a ServiceAccount do what a RoleBinding says, and nothing else", async () => {
  const namespace = await makeNamespace(client, "rbac");
  const metadata = { namespace, name: "reader" };
  await client.create({ apiVersion: "v1", kind: "ServiceAccount", metadata });
  const account = { namespace, name: "reader" };
  const kubeconfig = await kubeconfigFor(client, cluster, account);
  const ask = () => kubectl(kubeconfig, "get", "configmaps", "--output=name");
  expect((await ask()).output).toContain(
    `User "system:serviceaccount:${namespace}:reader" cannot list resource "configmaps"`,
  );
  await client.create({
    ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding", metadata },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
    subjects: [{ kind: "ServiceAccount", ...account }],
  });
  await eventually(async () => expect((await ask()).output).toBe("configmap/kube-root-ca.crt\n"), {
    within: 30_000,
    what: "the RoleBinding to have an effect",
  });
});

it("asks for the right to finalizers of an owner that its dependants block", async () => {
  const namespace = await makeNamespace(client, "owner");
  const owner = await client.create<{ metadata: { uid: string } }>({
    ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { namespace, name: "owner" } },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: "owner" } },
      template: {
        metadata: { labels: { app: "owner" } },
        spec: { containers: [{ name: "none", image: "none" }] },
      },
    },
  });
  const ownerReference = { apiVersion: "apps/v1", kind: "Deployment", name: "owner" };
  const ownerReferences = [
    { ...ownerReference, uid: owner.metadata.uid, controller: true, blockOwnerDeletion: true },
  ];
  const rules = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["create"] }];
  const metadata = { namespace, name: "maker" };
  const api = "rbac.authorization.k8s.io";
  await client.create({ apiVersion: `${api}/v1`, kind: "Role", metadata, rules });
  await client.create({
    ...{ apiVersion: `${api}/v1`, kind: "RoleBinding", metadata },
    roleRef: { apiGroup: api, kind: "Role", name: "maker" },
    subjects: [{ apiGroup: api, kind: "User", name: "maker" }],
  });
  const dependant = configMap(namespace, "dependant");
  const create = (fields: object) =>
    client.as("maker").create({ ...dependant, metadata: { ...dependant.metadata, ...fields } });
  await expect(create({ ownerReferences })).rejects.toThrow(
    "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on",
  );
  await create({});
});

it("logs each request once, with who has sent it", async () => {
  const since = new Date();
  const namespace = await makeNamespace(client, "audit");
  await client.create(configMap(namespace, "written"));
  await client.get({ ...configMap(namespace, "written"), namespace, name: "written" });
  const mine = async () =>
    (await auditEvents(cluster.auditLogPath, since)).filter(
      ({ objectRef }) => objectRef?.namespace === namespace && objectRef.name === "written",
    );
  const events = await eventually(
    async () => {
      const found = await mine();
      return found.length >= 2 && found;
    },
    { within: 10_000, what: "both requests to be in the audit log" },
  );
  expect(events.map((event) => [event.verb, event.user.username, isWrite(event)])).toEqual([
    ["create", "admin", true],
    ["get", "admin", false],
  ]);
});

describe("when the API server goes away", () => {
  let own: ControlPlane;

  beforeAll(async () => {
    own = await startControlPlane();
  });

  afterAll(() => own.stop());

  it("keeps its address and its objects, and a watch misses none", async () => {
    const seen: (string | undefined)[] = [];
    const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "default" };
    const watch = watchObjects<V1ConfigMap>(own.client, ref, {
      onChange: ({ metadata }) => void seen.push(metadata?.name),
      onDelete: () => {},
    });
    await watch.synced;
    await own.client.create(configMap("default", "before"));
    await own.stopApiServer("SIGKILL");
    const asking = own.client.get({ ...ref, name: "before" });
    await expect(asking).rejects.not.toBeInstanceOf(KubeError);
    await own.startApiServer();
    await own.client.get({ ...ref, name: "before" });
    await own.pauseApiServer();
    const creating = own.client.create(configMap("default", "after"));
    own.resumeApiServer();
    await creating;
    await eventually(() => expect(seen).toEqual(["kube-root-ca.crt", "before", "after"]), {
      ...{ within: 30_000, what: "the watch to have told of each object once" },
    });
    await watch.stop();
  });

  it("lets Pods run on, and their status catches up", async () => {
    const node = await startTinyNode(own.cluster);
    await node.begin();
    await node.apply(node.deployment());
    await node.available();
    const pod = node.onlyPod();
    await own.stopApiServer();
    pod.signal("SIGKILL");
    await eventually(() => pod.restarts === 1 && pod.isReady, {
      ...{ within: 30_000, what: "the container to be started again" },
    });
    await own.startApiServer();
    const ref = node.named("Pod", pod.name);
    await eventually(
      async () => {
        const { status } = await own.client.get<V1Pod>(ref);
        expect(status?.containerStatuses?.[0]).toMatchObject({ restartCount: 1, ready: true });
      },
      { within: 30_000, what: "the status to tell of the restart" },
    );
    await node.stop();
  });
});
