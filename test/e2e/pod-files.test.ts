import type { V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, beforeEach, expect, inject, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { createKubeClient, type KubeObject } from "../support/kube-client.ts";
import { startTinyNode, type TinyNode, within } from "./tiny-node.ts";

let node: TinyNode;

beforeAll(async () => {
  node = await startTinyNode(inject("cluster"));
});

beforeEach(() => node.begin());

afterAll(() => node.stop());

function settings(data: Record<string, string>): KubeObject {
  return node.object("ConfigMap", "settings", { data });
}

it("gives a container its volumes, variables and arguments under the paths of this machine", async () => {
  const from = (key: string) => ({ name: "settings", key });
  await node.apply(
    settings({ "a.yaml": "one", word: "hello" }),
    {
      ...{
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "login", namespace: node.namespace },
      },
      stringData: { password: "secret" },
    },
    node.deployment(
      {
        args: ["--file=x", "/etc/settings/a.yaml", "$(WORD) $(NOBODY)"],
        env: [
          { name: "WORD", valueFrom: { configMapKeyRef: from("word") } },
          { name: "GREETING", value: "$(WORD), $$(WORD)" },
          { name: "PASSWORD", valueFrom: { secretKeyRef: { name: "login", key: "password" } } },
          { name: "ABSENT", valueFrom: { configMapKeyRef: { ...from("no"), optional: true } } },
          { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          { name: "APP", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
          { name: "CONFIG", value: "/etc/settings/a.yaml" },
          { name: "LOGINS", value: "/etc/logins" },
          { name: "SCRATCH", value: "/tmp/scratch" },
          { name: "ELSEWHERE", value: "/etc/settings-of-others" },
          { name: "ABOVE", value: "/etc/all/of" },
        ],
        envFrom: [{ configMapRef: { name: "nobody", optional: true } }],
        volumeMounts: [
          { name: "settings", mountPath: "/etc/settings" },
          { name: "logins", mountPath: "/etc/logins" },
          { name: "scratch", mountPath: "/tmp/scratch" },
          { name: "none", mountPath: "/etc/none" },
          { name: "logins", mountPath: "/etc/all/of/them/logins" },
          { name: "settings", mountPath: "/etc/all/of/settings" },
        ],
      },
      {
        volumes: [
          { name: "settings", configMap: { name: "settings" } },
          {
            name: "logins",
            projected: {
              sources: [
                { secret: { name: "login", items: [{ key: "password", path: "nats/word" }] } },
                {
                  downwardAPI: {
                    items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }],
                  },
                },
              ],
            },
          },
          { name: "scratch", emptyDir: {} },
          { name: "none", secret: { secretName: "nobody", optional: true } },
        ],
      },
    ),
  );
  await node.available();
  const pod = node.onlyPod();
  const env = JSON.parse(await node.ask("/env")) as Record<string, string>;
  expect(env).toMatchObject({
    FROM_IMAGE: "yes",
    GREETING: "hello, $(WORD)",
    PASSWORD: "secret",
    POD_NAME: pod.name,
    POD_IP: pod.ip,
    APP: "tiny",
    CONFIG: pod.hostPath("/etc/settings/a.yaml"),
    SCRATCH: pod.hostPath("/tmp/scratch"),
    ELSEWHERE: "/etc/settings-of-others",
    HTTP_PORT: "0",
    ADMIN_PORT: "0",
  });
  expect(env).not.toHaveProperty("ABSENT");
  expect(JSON.parse(await node.ask("/arguments"))).toEqual([
    "--file=x",
    pod.hostPath("/etc/settings/a.yaml"),
    "hello $(NOBODY)",
  ]);
  expect(await node.ask(`/file?${env.CONFIG}`)).toBe("one");
  expect(await node.ask(`/file?${env.LOGINS}/nats/word`)).toBe("secret");
  expect(await node.ask(`/file?${env.ABOVE}/them/logins/nats/word`)).toBe("secret");
  expect(await node.ask(`/file?${env.ABOVE}/settings/a.yaml`)).toBe("one");
  expect(await node.ask(`/file?${env.LOGINS}/labels`)).toContain('app="tiny"\n');
});

it("tells a Pod where the API server is, and gives it an account that counts, with a token that is renewed", async () => {
  await node.apply(node.deployment());
  await node.available();
  const env = JSON.parse(await node.ask("/env")) as Record<string, string>;
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  expect(`https://${host}:${port}`).toBe(inject("cluster").admin.server);
  expect(env).not.toHaveProperty("KUBECONFIG");
  const mounted = (name: string) => node.ask(`/file?${env.SERVICE_ACCOUNT_PATH}/${name}`);
  expect(await mounted("namespace")).toBe(node.namespace);
  const who = async () => {
    const [token, ca] = [await mounted("token"), await mounted("ca.crt")];
    const asPod = createKubeClient({ server: `https://${host}:${port}`, ca, token });
    const { status } = await asPod.create<{ status: { userInfo: object } }>({
      ...{ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview", metadata: {} },
    });
    await asPod.close();
    return { token, userInfo: status.userInfo };
  };
  const theirs = {
    username: `system:serviceaccount:${node.namespace}:default`,
    extra: { "authentication.kubernetes.io/pod-name": [node.onlyPod().name] },
  };
  const first = await who();
  expect(first.userInfo).toMatchObject(theirs);
  await node.onlyPod().renewTokens();
  const second = await who();
  expect(second.token).not.toBe(first.token);
  expect(second.userInfo).toMatchObject(theirs);
});

it("brings an edit of a ConfigMap to the mounted file of the running program", async () => {
  const volumeMounts = [{ name: "settings", mountPath: "/etc/settings" }];
  const volumes = [{ name: "settings", configMap: { name: "settings" } }];
  await node.apply(
    settings({ a: "one", b: "stays" }),
    node.deployment({ volumeMounts }, { volumes }),
  );
  await node.available();
  const { pid } = node.onlyPod();
  await node.client.patch(node.named("ConfigMap", "settings"), {
    data: { a: "two", b: null, c: "new" },
  });
  const path = node.onlyPod().hostPath("/etc/settings");
  await eventually(async () => expect(await node.ask(`/file?${path}/c`)).toBe("new"), {
    ...{ within, what: "the new key to be a file" },
  });
  expect(await node.ask(`/file?${path}/a`)).toBe("two");
  await eventually(async () => expect(await node.ask(`/file?${path}/b`)).toContain("ENOENT"), {
    ...{ within, what: "the file of the removed key to go" },
  });
  expect(node.onlyPod().pid).toBe(pid);
});

it("says what a Pod waits for, and starts it when that comes", async () => {
  const volumeMounts = [{ name: "settings", mountPath: "/etc/settings" }];
  const volumes = [{ name: "settings", configMap: { name: "settings" } }];
  await node.apply(node.deployment({ volumeMounts }, { volumes }));
  await eventually(
    async () => {
      const pods = await node.client.list<V1Pod>({
        apiVersion: "v1",
        kind: "Pod",
        namespace: node.namespace,
      });
      const waiting = pods.items[0]?.status?.containerStatuses?.[0]?.state?.waiting;
      expect(waiting).toEqual({
        reason: "ContainerCreating",
        message: 'configmap "settings" not found',
      });
    },
    { within, what: "the Pod to say that the ConfigMap is missing" },
  );
  await node.apply(settings({ a: "one" }));
  await node.available();
});
