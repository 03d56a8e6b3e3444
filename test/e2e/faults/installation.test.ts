/**
 * What befalls a whole installation: hands that delete its objects, a rolling update under load, an API server that goes away, two controllers,
 * and its end. On a control plane of its own; each test goes on where the one before ended.
 */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FINALIZER } from "../../../src/api/names.ts";
import { type AuditEvent, auditEvents, isWrite } from "../../support/audit-log.ts";
import { type ControlPlane, startControlPlane } from "../../support/control-plane.ts";
import { eventually } from "../../support/eventually.ts";
import { available, SYSTEM_NAMESPACE } from "../../support/installation.ts";
import type { KubeObject } from "../../support/kube-client.ts";
import type { ObjectRef } from "../../support/kube-paths.ts";
import { kubectl } from "../../support/kubectl.ts";
import {
  aChannelObject,
  channelRef,
  DISPATCHER,
  dispatcherRef,
  type OperatorWorld,
  startOperatorWorld,
  untilGone,
  untilReady,
} from "./operator-world.ts";
import { startServiceLoad } from "./service-load.ts";

const CONTROLLER = "jetstream-ch-controller";
const CONTROLLER_ACCOUNT = `system:serviceaccount:${SYSTEM_NAMESPACE}:${CONTROLLER}`;
const CONTROLLER_LEASE = "jetstream-channel-controller";
const DISPATCHER_LEASE = "jetstream-channel-dispatcher";
const RBAC = "rbac.authorization.k8s.io/v1";
/** What the operator makes or has in its manifests. */
const KINDS = {
  v1: ["ConfigMap", "Pod", "Service", "ServiceAccount"],
  "apps/v1": ["Deployment"],
  "coordination.k8s.io/v1": ["Lease"],
  "policy/v1": ["PodDisruptionBudget"],
  [RBAC]: ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
  "apiextensions.k8s.io/v1": ["CustomResourceDefinition"],
  "admissionregistration.k8s.io/v1": [
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
  ],
};
/** Longer than either program goes on without its Lease. */
const AWAY_MS = 11_000;
const within = 90_000;

let controlPlane: ControlPlane;
let world: OperatorWorld;
let namespace: string;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  world = await startOperatorWorld(controlPlane.cluster);
  namespace = await world.makeNamespace("installed");
});

afterAll(async () => {
  await world?.stop();
  await controlPlane?.stop();
});

const run = (...programArguments: string[]) =>
  kubectl(controlPlane.cluster.kubeconfigPath, ...programArguments);

async function makeChannel(name: string, scope = "cluster"): Promise<string> {
  await world.client.create(aChannelObject(namespace, name, { scope }));
  const subscribers = [{ uid: name, generation: 1, subscriberUri: `${world.sink.url}/${name}` }];
  await world.knative.patch(channelRef(namespace, name), { spec: { subscribers } });
  return await untilReady(world.client, [namespace, name]);
}

it.concurrent("makes again what somebody deletes of a namespace's dispatcher, and serves as before", async () => {
  const url = await makeChannel("handled", "namespace");
  const objects = [
    dispatcherRef("Deployment", "apps/v1", namespace),
    dispatcherRef("Service", "v1", namespace),
    dispatcherRef("PodDisruptionBudget", "policy/v1", namespace),
    dispatcherRef("ServiceAccount", "v1", namespace),
    dispatcherRef("RoleBinding", RBAC, namespace),
    { ...dispatcherRef("RoleBinding", RBAC, namespace), name: `${DISPATCHER}-leases` },
    { ...dispatcherRef("ConfigMap", "v1", namespace), name: `${DISPATCHER}-knative` },
    { apiVersion: "v1", kind: "Service", namespace, name: "handled-kn-jsm-channel" },
  ];
  const uidOf = async (ref: ObjectRef) => (await world.client.find(ref))?.metadata.uid;
  const before = await Promise.all(objects.map(uidOf));
  await Promise.all(objects.map((ref) => world.client.delete(ref)));
  const metadata = {
    finalizers: null,
    annotations: { "messaging.knative.dev/subscribable": null },
  };
  await world.client.patch(channelRef(namespace, "handled"), { metadata });
  await eventually(
    async () => {
      const after = await Promise.all(objects.map(uidOf));
      for (const [index, { kind, name }] of objects.entries()) {
        expect(after[index], `${kind} ${name}`).toEqual(expect.any(String));
        expect(after[index], `${kind} ${name}`).not.toBe(before[index]);
      }
      const channel = await world.client.get<KubeObject>(channelRef(namespace, "handled"));
      expect(channel.metadata).toMatchObject({
        finalizers: [FINALIZER],
        annotations: { "messaging.knative.dev/subscribable": "v1" },
      });
    },
    { within, what: "all of it to be there again" },
  );
  // With an account that is gone nobody could serve another channel.
  await makeChannel("handled-too", "namespace");
  await untilReady(world.client, [namespace, "handled"]);
  const load = await startServiceLoad(world, { url, receiver: "handled" });
  await load.flows();
  await load.finish();
});

it.concurrent("refuses no connection and answers nothing but 202 while two dispatchers are rolled and scaled, and the controller is replaced", async () => {
  const url = await makeChannel("loaded");
  await run("scale", "deployment", CONTROLLER, "-n", SYSTEM_NAMESPACE, "--replicas=2");
  await scaleDispatchers(2);
  const load = await startServiceLoad(world, { url, receiver: "loaded" });
  await load.flows();
  await run("rollout", "restart", `deployment/${DISPATCHER}`, "-n", SYSTEM_NAMESPACE);
  // Gives its Lease back, and the other one goes on in the middle of it.
  await run("delete", "pod", await leadingController(), "-n", SYSTEM_NAMESPACE, "--wait=false");
  await run("rollout", "status", `deployment/${DISPATCHER}`, "-n", SYSTEM_NAMESPACE);
  await load.flows();
  await scaleDispatchers(1);
  await load.flows();
  await scaleDispatchers(2);
  await load.flows();
  await load.finish();
  console.info(`rolled and scaled: ${JSON.stringify(load.ledger.summary())}`);
  expect(Object.fromEntries(load.refused)).toEqual({});
  expect(load.ledger.missing("loaded")).toEqual([]);
});

it("goes on without the API server, and catches up when it is back", async () => {
  const url = await untilReady(world.client, [namespace, "loaded"]);
  await available(world.client, CONTROLLER);
  const load = await startServiceLoad(world, { url, receiver: "loaded" });
  await load.flows();
  await controlPlane.stopApiServer("SIGKILL");
  await pause(AWAY_MS);
  await load.flows();
  const wasRefused = Object.fromEntries(load.refused);
  await controlPlane.startApiServer();
  await world.client.patch(channelRef(namespace, "loaded"), {
    spec: { stream: { config: { maxMsgs: 5_000_000 } } },
  });
  await makeChannel("afterwards");
  await untilReady(world.client, [namespace, "loaded"]);
  await available(world.client, CONTROLLER);
  await available(world.client, DISPATCHER);
  await load.finish();
  console.info(`without the API server: ${JSON.stringify(load.ledger.summary())}`);
  expect(wasRefused).toEqual({});
  expect(Object.fromEntries(load.refused)).toEqual({});
  const { config } = await world.jsm.streams.info(streamOf("loaded"));
  expect(config.max_msgs).toBe(5_000_000);
});

it("has one of two controllers write at a time: who holds the Lease", async () => {
  const writes = (await auditEvents(controlPlane.cluster.auditLogPath))
    .filter(({ user, responseStatus }) => {
      return user.username === CONTROLLER_ACCOUNT && (responseStatus?.code ?? 500) < 300;
    })
    .filter(isWrite)
    .sort((a, b) => (a.requestReceivedTimestamp < b.requestReceivedTimestamp ? -1 : 1));
  const leaders = new Set<string>();
  const writtenByOthers: string[] = [];
  let leader = "";
  for (const event of writes) {
    const { resource, name, namespace: inNamespace } = event.objectRef ?? {};
    if (resource === "leases" && name === CONTROLLER_LEASE) {
      leader = podOf(event);
      leaders.add(leader);
    } else if (podOf(event) !== leader) {
      writtenByOthers.push(`${podOf(event)}: ${event.verb} ${resource} ${inNamespace}/${name}`);
    }
  }
  expect(leaders.size).toBeGreaterThan(1);
  expect(writtenByOthers).toEqual([]);
});

it("leaves nothing behind when channels, namespaces and the manifests are deleted", async () => {
  const names = ["handled", "handled-too", "loaded", "afterwards"];
  expect(await world.jsm.streams.names().next()).toHaveLength(names.length);
  await run("delete", "natsjetstreamchannels", "--all", "-n", namespace);
  expect(await world.jsm.streams.names().next()).toEqual([]);
  await untilGone(world.client, dispatcherRef("Deployment", "apps/v1", namespace));
  const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace };
  await untilGone(world.client, { ...lease, name: DISPATCHER_LEASE });
  await run("delete", "namespace", namespace);
  const { output } = await run("delete", "-f", "config/", "--ignore-not-found");
  expect(output).toContain(`deployment.apps "${CONTROLLER}" deleted`);
  await eventually(async () => expect(await leftOvers()).toEqual([]), {
    within,
    what: "nothing to be left",
  });
});

const streamOf = (name: string): string =>
  `KN_${namespace}__${name}`.toUpperCase().replaceAll("-", "_");

/** Sets the number of the cluster's dispatchers as an administrator does, and waits until they are all there is. */
async function scaleDispatchers(replicas: number): Promise<void> {
  const defaults = {
    ...{ apiVersion: "v1", kind: "ConfigMap", namespace: SYSTEM_NAMESPACE },
    name: "config-ch-jetstream-defaults",
  };
  const text = `clusterDefault: { configName: config-jetstream, replicas: ${replicas} }\n`;
  await world.client.patch(defaults, { data: { "jetstream-dispatcher-config": text } });
  await eventually(
    () => {
      const pods = world.pods("dispatcher", SYSTEM_NAMESPACE);
      return pods.length === replicas && pods.every(({ isReady }) => isReady);
    },
    { within, what: `${replicas} dispatchers` },
  );
}

async function leadingController(): Promise<string> {
  const { spec } = await world.client.get<{ spec: { holderIdentity: string } }>({
    ...{ apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: SYSTEM_NAMESPACE },
    name: CONTROLLER_LEASE,
  });
  return spec.holderIdentity.slice(0, spec.holderIdentity.indexOf("_"));
}

/** A token of a Pod says whose it is. */
function podOf({ user }: AuditEvent): string {
  return user.extra?.["authentication.kubernetes.io/pod-name"]?.[0] ?? "";
}

/** Names what is there of the operator still. */
async function leftOvers(): Promise<string[]> {
  const found = await Promise.all(
    Object.entries(KINDS)
      .flatMap(([apiVersion, kinds]) => kinds.map((kind) => ({ apiVersion, kind })))
      .map(async (ref) => {
        const { items } = await world.client.list<KubeObject>(ref);
        return items.map(({ metadata }) => [ref.kind, metadata.namespace, metadata.name].join(" "));
      }),
  );
  return found.flat().filter((one) => /jetstream|natsjsm/.test(one));
}
