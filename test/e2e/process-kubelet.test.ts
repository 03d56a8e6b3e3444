import type { V1Deployment, V1EndpointSlice, V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, beforeEach, expect, inject, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { serviceAddresses } from "../support/service-addresses.ts";
import { labels, startTinyNode, type TinyNode, within } from "./tiny-node.ts";

let node: TinyNode;

beforeAll(async () => {
  node = await startTinyNode(inject("cluster"));
});

beforeEach(() => node.begin());

afterAll(() => node.stop());

it("makes a Deployment available, and its Service has the Pod behind it", async () => {
  const ports = [{ port: 80, targetPort: "http" }];
  await node.apply(node.deployment(), {
    ...{ apiVersion: "v1", kind: "Service", metadata: { name: "tiny", namespace: node.namespace } },
    spec: { selector: labels, ports },
  });
  await node.available();
  const pod = node.onlyPod();
  const addresses = await eventually(
    async () => {
      const found = await serviceAddresses(
        node.client,
        node.kubelet,
        `http://tiny.${node.namespace}.svc`,
      );
      return found.length > 0 && found;
    },
    { within, what: "the Service to have an address" },
  );
  expect(addresses).toEqual([pod.addressOf("http")]);
  const [slice] = (
    await node.client.list<V1EndpointSlice>({
      ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", namespace: node.namespace },
    })
  ).items;
  expect(slice?.endpoints?.[0]).toMatchObject({
    addresses: [pod.ip],
    conditions: { ready: true },
    nodeName: node.kubelet.nodeName,
  });
});

it("replaces Pods in a rollout without a moment in which none is ready", async () => {
  await node.apply(node.deployment());
  await node.available();
  const before = node.onlyPod();
  const restartedAt = new Date().toISOString();
  const template = { metadata: { annotations: { restartedAt } } };
  await node.client.patch(node.named("Deployment", "tiny", "apps/v1"), { spec: { template } });
  let gaps = 0;
  const isReplaced = () => {
    const pods = node.kubelet.pods({ namespace: node.namespace });
    gaps += pods.some(({ isReady }) => isReady) ? 0 : 1;
    return pods.length === 1 && pods[0]?.uid !== before.uid;
  };
  await eventually(isReplaced, { within, what: "the old Pod to be replaced" });
  expect(gaps).toBe(0);
  await node.available();
  expect(before.logs.at(-1)).toEqual({ msg: "ending in order" });
});

it("starts a container again that has crashed, and one whose liveness probe fails", async () => {
  const probe = { httpGet: { path: "/healthz", port: "admin" }, periodSeconds: 1 };
  await node.apply(
    node.deployment({
      startupProbe: { ...probe, failureThreshold: 30 },
      livenessProbe: { ...probe, failureThreshold: 1 },
    }),
  );
  await node.available();
  const pod = node.onlyPod();
  pod.signal("SIGKILL");
  await eventually(() => pod.restarts === 1 && pod.isReady, {
    ...{ within, what: "the crashed container to be ready again" },
  });
  await node.ask("/unhealthy");
  await eventually(() => pod.restarts === 2 && pod.isReady, {
    ...{ within, what: "the unhealthy container to be ready again" },
  });
  const { status } = await node.client.get<V1Pod>(node.named("Pod", pod.name));
  expect(status?.containerStatuses?.[0]).toMatchObject({
    restartCount: 2,
    lastState: { terminated: { exitCode: 0, reason: "Completed" } },
  });
});

it("counts a Pod as unavailable while its readiness probe fails, and lets it run", async () => {
  const httpGet = { path: "/readyz", port: 9090 };
  const readinessProbe = { httpGet, periodSeconds: 1, failureThreshold: 1 };
  await node.apply(node.deployment({ readinessProbe }));
  await node.available();
  await node.ask("/unhealthy");
  await eventually(
    async () => {
      const { status } = await node.client.get<V1Deployment>(
        node.named("Deployment", "tiny", "apps/v1"),
      );
      expect(status?.unavailableReplicas).toBe(1);
    },
    { within, what: "the Deployment to be unavailable" },
  );
  expect(node.onlyPod().pid).toBeDefined();
});

it("ends a Pod in order, and by force when its grace period is over", async () => {
  await node.apply(node.deployment({}, { terminationGracePeriodSeconds: 1 }));
  await node.available();
  const pod = node.onlyPod();
  pod.signal("SIGSTOP");
  const began = performance.now();
  await node.client.delete(node.named("Deployment", "tiny", "apps/v1"));
  await eventually(() => node.kubelet.pods({ namespace: node.namespace }).length === 0, {
    ...{ within, what: "the Pod to be gone" },
  });
  expect(performance.now() - began).toBeGreaterThan(1_000);
  expect(await node.client.find(node.named("Pod", pod.name))).toBeUndefined();
});

it("refuses a Pod that asks for more than a process can be given", async () => {
  const initContainers = [{ name: "first", image: "tiny:1" }];
  await node.apply(node.deployment({ image: "other:1" }, { initContainers }));
  await eventually(() => expect(node.onlyPod().summary).toContain("cannot do initContainers"), {
    ...{ within, what: "the Pod to say so" },
  });
});
