import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { findAccess } from "../../../src/kube/access.ts";
import { KubeClient } from "../../../src/kube/client.ts";
import { EventRecorder } from "../../../src/kube/event-recorder.ts";
import {
  isAlreadyExists,
  isConflict,
  isForbidden,
  isInvalid,
  isNotFound,
  KubeError,
} from "../../../src/kube/kube-error.ts";
import { LeaseElector } from "../../../src/kube/lease.ts";
import { addFinalizer, removeFinalizer } from "../../../src/kube/metadata.ts";
import { type ConfigMap, RESOURCES } from "../../../src/kube/objects.ts";
import { ownAccount } from "../../../src/kube/own-account.ts";
import { Reflector } from "../../../src/kube/reflector.ts";
import { createLogger } from "../../../src/runtime/logger.ts";
import { accessOf, kubeconfigFor, makeNamespace } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";
import {
  createKubeClient,
  type KubeObject,
  type KubeClient as TestClient,
} from "../../support/kube-client.ts";

const log = createLogger({ name: "test", level: "silent" });
const within = 60_000;
const { configMaps, leases, events } = RESOURCES;
const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease" };
let admin: TestClient;
let client: KubeClient;
let namespace: string;
let folder: string;

beforeAll(async () => {
  const cluster = inject("cluster");
  admin = createKubeClient(cluster.admin);
  namespace = await makeNamespace(admin, "kube");
  folder = await mkdtemp(join(tmpdir(), "kube-"));
  const access = await findAccess({ kubeconfig: cluster.kubeconfigPath });
  client = new KubeClient({ access, userAgent: "kube-test" });
});

afterAll(async () => {
  await client.close();
  await admin.close();
  await rm(folder, { recursive: true });
});

const named = (name: string) => ({ namespace, name });
const configMap = (name: string, data: { a?: string; b?: string }): ConfigMap => ({
  metadata: named(name),
  data,
});

async function failureOf(request: Promise<unknown>): Promise<KubeError> {
  const failure = await request.catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(KubeError);
  return failure as KubeError;
}

describe("the client", () => {
  it("makes, reads, replaces, patches and deletes an object", async () => {
    const made = await client.create(configMaps, configMap("verbs", { a: "1" }));
    expect(
      isAlreadyExists(await failureOf(client.create(configMaps, configMap("verbs", {})))),
    ).toBe(true);
    const replaced = await client.replace(configMaps, { ...made, data: { a: "2" } });
    expect(isConflict(await failureOf(client.replace(configMaps, { ...made, data: {} })))).toBe(
      true,
    );
    await client.mergePatch(configMaps, named("verbs"), { patch: { data: { b: "3" } } });
    await client.jsonPatch(configMaps, named("verbs"), {
      patch: [
        { op: "test", path: "/data/a", value: "2" },
        { op: "remove", path: "/data/a" },
      ],
    });
    expect((await client.get(configMaps, named("verbs"))).data).toEqual({ b: "3" });
    const wrong = { uid: "00000000-0000-0000-0000-000000000000" };
    expect(isConflict(await failureOf(client.delete(configMaps, named("verbs"), wrong)))).toBe(
      true,
    );
    await client.delete(configMaps, named("verbs"), { uid: replaced.metadata?.uid });
    const gone = await failureOf(client.get(configMaps, named("verbs")));
    expect(isNotFound(gone)).toBe(true);
    expect(gone.message).toBe(
      `cannot get configmaps ${namespace}/verbs: configmaps "verbs" not found (404 NotFound)`,
    );
  });

  it("applies as several managers, takes a field only when told to, and drops what it no longer wants", async () => {
    const one = { fieldManager: "one" };
    await client.apply(configMaps, configMap("applied", { a: "1", b: "1" }), one);
    const two = { fieldManager: "two" };
    const conflict = await failureOf(
      client.apply(configMaps, configMap("applied", { a: "2" }), two),
    );
    expect(isConflict(conflict)).toBe(true);
    await client.apply(configMaps, configMap("applied", { a: "2" }), { ...two, force: true });
    const after = await client.apply(configMaps, configMap("applied", {}), one);
    expect(after.data).toEqual({ a: "2" });
    const unchanged = await client.apply(configMaps, configMap("applied", {}), one);
    expect(unchanged.metadata?.resourceVersion).toBe(after.metadata?.resourceVersion);
  });

  it("changes nothing in a dry run, and gives the server's refusal of an object that is wrong", async () => {
    await client.create(configMaps, configMap("dry", {}), { dryRun: true });
    expect(isNotFound(await failureOf(client.get(configMaps, named("dry"))))).toBe(true);
    const refusal = await failureOf(client.create(configMaps, configMap("Not a name", {})));
    expect(isInvalid(refusal)).toBe(true);
    expect(refusal.message).toContain("metadata.name");
  });

  it("lists more than a page", async () => {
    const labels = { page: "yes" };
    const names = Array.from({ length: 501 }, (_, i) => `page-${i}`);
    const makeSome = async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        await client.create(configMaps, { metadata: { namespace, name, labels } });
      }
    };
    await Promise.all(Array.from({ length: 10 }, makeSome));
    const { items } = await client.list(configMaps, { namespace, labelSelector: "page=yes" });
    expect(items).toHaveLength(501);
    expect(items[0]).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" });
  });

  it("reads a token anew when the server refuses the old one", async () => {
    const account = async (name: string) => {
      await admin.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: named(name) });
      return await accessOf(admin, inject("cluster"), named(name));
    };
    const [old, young] = [await account("old"), await account("young")];
    await writeFile(join(folder, "ca.crt"), old.ca);
    await writeFile(join(folder, "token"), old.token ?? "");
    const { hostname: serviceHost, port: servicePort } = new URL(old.server);
    const access = await findAccess({ serviceHost, servicePort, accountFolder: folder });
    const asAccount = new KubeClient({ access, userAgent: "kube-test" });
    const refused = () => failureOf(asAccount.list(configMaps, { namespace }));
    expect((await refused()).message).toContain(`serviceaccount:${namespace}:old`);
    await admin.delete({ apiVersion: "v1", kind: "ServiceAccount", ...named("old") });
    // The server remembers for some seconds that a token was right.
    await eventually(async () => (await refused()).code === 401, { within, what: "a 401" });
    await writeFile(join(folder, "token"), young.token ?? "");
    const forbidden = await refused();
    expect(isForbidden(forbidden)).toBe(true);
    expect(forbidden.message).toContain(`serviceaccount:${namespace}:young`);
    await asAccount.close();
  });
});

describe("beside the real server", () => {
  it("a reflector sees what is made, changed and deleted", async () => {
    const selection = { namespace, labelSelector: "seen=yes" };
    const reflector = new Reflector({ client, resource: configMaps, selection, log });
    const told: string[] = [];
    reflector.onChange((before, after) =>
      told.push(`${before?.data?.a ?? "-"} ${after?.data?.a ?? "-"}`),
    );
    reflector.start();
    await reflector.hasSynced();
    const metadata = { ...named("seen"), labels: { seen: "yes" } };
    await client.create(configMaps, { metadata, data: { a: "1" } });
    await client.mergePatch(configMaps, named("seen"), { patch: { data: { a: "2" } } });
    await client.delete(configMaps, named("seen"));
    await eventually(() => expect(told).toEqual(["- 1", "1 2", "2 -"]), { within, what: "all" });
    await reflector.stop();
  });

  it("a Lease is taken, renewed and given back", async () => {
    let acquired = 0;
    const elector = new LeaseElector({
      ...{ client, ...named("leader"), identity: "me", log, retryMs: 200 },
      onAcquired: () => {
        acquired += 1;
      },
      onLost: () => undefined,
    });
    elector.start();
    await eventually(() => acquired === 1, { within, what: "the lease" });
    const first = await client.get(leases, named("leader"));
    expect(first.spec).toMatchObject({ holderIdentity: "me", leaseDurationSeconds: 15 });
    await eventually(
      async () =>
        (await client.get(leases, named("leader"))).spec?.renewTime !== first.spec?.renewTime,
      { within, what: "a renewal" },
    );
    await elector.stop();
    expect((await client.get(leases, named("leader"))).spec?.holderIdentity).toBeFalsy();
  });

  it("a Lease goes with the account that has made it, which may not delete it", async () => {
    const account = named("elected");
    const rbac = "rbac.authorization.k8s.io";
    await admin.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: account });
    await admin.create({
      ...{ apiVersion: `${rbac}/v1`, kind: "Role", metadata: account },
      rules: [
        {
          ...{ apiGroups: ["coordination.k8s.io"], resources: ["leases"] },
          verbs: ["create", "get", "update"],
        },
      ],
    } as KubeObject);
    await admin.create({
      ...{ apiVersion: `${rbac}/v1`, kind: "RoleBinding", metadata: account },
      roleRef: { apiGroup: rbac, kind: "Role", name: account.name },
      subjects: [{ kind: "ServiceAccount", ...account }],
    } as KubeObject);
    const kubeconfig = await kubeconfigFor(admin, inject("cluster"), account);
    const theirs = new KubeClient({ access: await findAccess({ kubeconfig }), userAgent: "test" });
    let acquired = 0;
    const elector = new LeaseElector({
      ...{ client: theirs, ...named("owned"), identity: "me", log, retryMs: 200 },
      owner: (options) => ownAccount(theirs, namespace, options),
      onAcquired: () => {
        acquired += 1;
      },
      onLost: () => undefined,
    });
    elector.start();
    await eventually(() => acquired === 1, { within, what: "the lease" });
    await elector.stop();
    await theirs.close();
    expect((await client.get(leases, named("owned"))).spec?.holderIdentity).toBeFalsy();
    await client.delete(RESOURCES.serviceAccounts, account);
    const find = () => admin.find({ ...lease, ...named("owned") });
    await eventually(async () => (await find()) === undefined, { within, what: "it to go" });
  });

  it("nobody is the owner of what a person's program makes, or one of another namespace", async () => {
    expect(await ownAccount(client, namespace)).toBeUndefined();
    const account = { namespace: "default", name: "default" };
    const kubeconfig = await kubeconfigFor(admin, inject("cluster"), account);
    const theirs = new KubeClient({ access: await findAccess({ kubeconfig }), userAgent: "test" });
    expect(await ownAccount(theirs, namespace)).toBeUndefined();
    expect(await ownAccount(theirs, "default")).toMatchObject({ name: "default" });
    await theirs.close();
  });

  it("an Event is accepted, and so is its count", async () => {
    const regarding = await client.create(configMaps, configMap("eventful", {}));
    const recorder = new EventRecorder({
      ...{ client, component: "test", instance: "one", log, countEveryMs: 100 },
    });
    const happening = { regarding, type: "Warning", reason: "Tested", action: "Test" } as const;
    recorder.record({ ...happening, note: "x".repeat(5_000) });
    recorder.record({ ...happening, note: "x".repeat(5_000) });
    await eventually(
      async () => {
        const fieldSelector = "reason=Tested";
        const { items } = await client.list(events, { namespace, fieldSelector });
        return items.length === 1 && items[0]?.series?.count === 2;
      },
      { within, what: "the Event" },
    );
    await recorder.stop();
    expect(recorder.dropped()).toBe(0);
  });

  it("a finalizer keeps an object until it is removed", async () => {
    const deps = { client, resource: configMaps };
    const finalizer = "example.dev/keep";
    const made = await client.create(configMaps, configMap("kept", {}));
    await addFinalizer(made, finalizer, deps);
    await client.delete(configMaps, named("kept"));
    const kept = await client.get(configMaps, named("kept"));
    expect(kept.metadata?.deletionTimestamp).toBeDefined();
    await removeFinalizer(kept, finalizer, deps);
    expect(isNotFound(await failureOf(client.get(configMaps, named("kept"))))).toBe(true);
  });
});
