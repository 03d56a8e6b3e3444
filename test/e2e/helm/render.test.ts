import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "js-yaml";
import { beforeAll, describe, expect, it } from "vitest";
import { renderedManifests } from "../../../config/generate/rendered-manifests.ts";
import { parseDispatcherDefaults } from "../../../src/api/dispatcher-defaults.ts";
import { parseNatsConfig } from "../../../src/api/nats-config.ts";
import { CHART, helm, helmIsThere } from "../../support/helm.ts";
import type { KubeObject } from "../../support/kube-client.ts";
import { manifests } from "../../support/manifests.ts";
import { everything } from "./everything.ts";
import { objectsIn, rendered } from "./rendered.ts";

const config = join(import.meta.dirname, "../../../config");

const SELECTOR = (role: string) => ({
  "messaging.knative.dev/channel": "nats-jetstream-channel",
  "messaging.knative.dev/role": role,
});

beforeAll(...helmIsThere);

interface Workload {
  replicas?: number;
  selector: { matchLabels: object };
  template: { metadata: object; spec: { containers: [Container] } & Record<string, unknown> };
}

interface Container {
  image: string;
  env: { name: string; value?: string }[];
  [field: string]: unknown;
}

type Objects = ReadonlyMap<string, KubeObject>;

function controllerIn(objects: Objects): Workload {
  return objects.get("Deployment/jetstream-ch-controller")?.spec as Workload;
}

function dispatcherImageIn(objects: Objects): string | undefined {
  const { env } = controllerIn(objects).template.spec.containers[0];
  return env.find(({ name }) => name === "DISPATCHER_IMAGE")?.value;
}

function dataIn(objects: Objects, name: string): unknown {
  const { data } = objects.get(`ConfigMap/${name}`) as unknown as { data: Record<string, string> };
  return load(Object.values(data)[0] ?? "");
}

const defaultsIn = (objects: Objects) =>
  parseDispatcherDefaults(dataIn(objects, "config-ch-jetstream-defaults"));

it("has nothing that helm lint finds fault with", async () => {
  const { exitCode, output } = await helm(undefined, "lint", "--strict", CHART);
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  expect(output).not.toMatch(/WARNING|ERROR/);
});

describe("config/", () => {
  it("is what npm run generate renders", async () => {
    const files = await renderedManifests();
    expect(files.size).toBeGreaterThan(10);
    for (const [name, text] of files) {
      expect(await readFile(join(config, name), "utf8"), name).toBe(text);
    }
  });

  it("has the objects of the chart, and each is the same but for what says that it is Helm's", async () => {
    const helms =
      /^(helm\.sh\/chart|helm\.sh\/resource-policy|app\.kubernetes\.io\/(instance|managed-by|version))$/;
    const withoutHelms = (map: object = {}) =>
      Object.fromEntries(Object.entries(map).filter(([key]) => !helms.test(key)));
    const plain = ({ metadata, ...object }: KubeObject) => ({
      ...object,
      metadata: {
        ...metadata,
        labels: withoutHelms(metadata.labels),
        annotations: withoutHelms(metadata.annotations),
      },
    });
    const key = ({ kind, metadata }: KubeObject) => `${kind}/${metadata.name}`;
    const ofChart = [...(await rendered()).values()].map(plain);
    const ofConfig = manifests().map(plain);
    const inOrder = (objects: ReturnType<typeof plain>[]) =>
      objects.toSorted((a, b) => (key(a as KubeObject) < key(b as KubeObject) ? -1 : 1));
    expect(inOrder(ofChart)).toEqual(inOrder(ofConfig));
  });
});

describe("the selectors", () => {
  it("stay what they are, whatever labels are given", async () => {
    const labels = { team: "a" };
    const objects = await rendered({ global: { labels }, controller: { labels: { tier: "b" } } });
    const { selector, template } = controllerIn(objects);
    expect(selector).toEqual({ matchLabels: SELECTOR("controller") });
    expect(template.metadata).toMatchObject({
      labels: { ...SELECTOR("controller"), team: "a", tier: "b" },
    });
    const given = [...objects.values()].filter(({ metadata }) => metadata.labels?.team !== "a");
    expect(given).toEqual([]);
    expect(defaultsIn(objects).clusterDefault.labels).toEqual({ team: "a" });
  });
});

describe("images", () => {
  const digest = `sha256:${"a".repeat(64)}`;

  it.each([
    [{}, "jetstream-channel-dispatcher:0.1.0"],
    [{ tag: "edge" }, "jetstream-channel-dispatcher:edge"],
    [{ digest }, `jetstream-channel-dispatcher@${digest}`],
    [{ tag: "edge", digest }, `jetstream-channel-dispatcher:edge@${digest}`],
    [{ registry: "own.example/x/", repository: "d" }, "own.example/x/d:0.1.0"],
  ])("%j is %s", async (image, name) => {
    const objects = await rendered({ dispatcher: { image } });
    expect(dispatcherImageIn(objects)).toBe(name);
  });

  it("are pulled from the registry of both, with the Secrets of both", async () => {
    const imagePullSecrets = [{ name: "login" }];
    const imageRegistry = "registry.example:5000";
    const objects = await rendered({ global: { imageRegistry, imagePullSecrets } });
    const { spec } = controllerIn(objects).template;
    expect(spec).toMatchObject({ imagePullSecrets });
    expect(spec.containers[0].image).toBe(`${imageRegistry}/jetstream-channel-controller:0.1.0`);
    expect(dispatcherImageIn(objects)).toBe(`${imageRegistry}/jetstream-channel-dispatcher:0.1.0`);
    expect(defaultsIn(objects).clusterDefault).toMatchObject({ imagePullSecrets });
  });
});

describe("what is rendered for the dispatcher", () => {
  it("is what it runs with by itself, unless values say otherwise", async () => {
    const objects = await rendered();
    expect(defaultsIn(objects)).toEqual(parseDispatcherDefaults({}));
    expect(parseNatsConfig(dataIn(objects, "config-jetstream"))).toEqual(
      parseNatsConfig({ url: "nats://nats.nats.svc.cluster.local:4222" }),
    );
  });

  it("is everything that values say, in a form that controller and dispatcher take", async () => {
    const objects = await rendered(everything);
    const { dispatcher, nats } = everything;
    const { extraEnv, extraVolumes, extraVolumeMounts, namespaceDefaults, image, ...same } =
      dispatcher;
    const { serviceAccount: _, logLevel, ...asTheyAre } = same;
    expect(defaultsIn(objects)).toEqual(
      parseDispatcherDefaults({
        clusterDefault: {
          ...asTheyAre,
          labels: { ...everything.global.labels, ...asTheyAre.labels },
          env: [{ name: "LOG_LEVEL", value: logLevel }, ...extraEnv],
          volumes: extraVolumes,
          volumeMounts: extraVolumeMounts,
          imagePullPolicy: image.pullPolicy,
          imagePullSecrets: everything.global.imagePullSecrets,
        },
        namespaceDefaults,
      }),
    );
    expect(parseNatsConfig(dataIn(objects, "config-jetstream"))).toEqual(parseNatsConfig(nats));
  });

  it("has no number of replicas beside an autoscaler's", async () => {
    const ofHpa = defaultsIn(await rendered({ autoscaling: { enabled: true, maxReplicas: 9 } }));
    expect(ofHpa.clusterDefault).toEqual({
      configName: "config-jetstream",
      autoscaling: { minReplicas: 1, maxReplicas: 9, targetCPUUtilizationPercentage: 80 },
    });
    const keda = { enabled: true, prometheusAddress: "http://prometheus", lagThreshold: 2_000_000 };
    const objects = await rendered({ autoscaling: { keda } });
    expect(defaultsIn(objects).clusterDefault).toEqual({ configName: "config-jetstream" });
    expect(objects.get("ScaledObject/jetstream-ch-dispatcher")).toMatchObject({
      spec: {
        scaleTargetRef: { name: "jetstream-ch-dispatcher" },
        triggers: [{ type: "prometheus", metadata: { threshold: "2000000" } }],
      },
    });
  });
});

describe("the type of channels", () => {
  const name = "CustomResourceDefinition/natsjetstreamchannels.messaging.knative.dev";
  const keep = { "helm.sh/resource-policy": "keep" };

  it("is there and is kept, unless values say otherwise", async () => {
    expect((await rendered()).get(name)?.metadata.annotations).toEqual(keep);
    const notKept = (await rendered({ crds: { keep: false } })).get(name);
    expect(notKept).toBeDefined();
    expect(notKept?.metadata.annotations).toBeUndefined();
    expect((await rendered({ crds: { install: false } })).has(name)).toBe(false);
  });
});

describe("in another namespace than Knative's", () => {
  it("has every object of ours there, and knows Knative in its own", async () => {
    const objects = await rendered({ knativeEventing: { namespace: "eventing" } }, "channels");
    const namespaces = [...objects.values()].map(({ metadata }) => metadata.namespace);
    expect(new Set(namespaces)).toEqual(new Set([undefined, "channels"]));
    const text = JSON.stringify([...objects.values()]);
    expect(text).toContain("system:serviceaccount:eventing:eventing-controller");
    expect(text).toContain("system:serviceaccount:channels:jetstream-ch-controller");
    // What is left is the label that says what it is a part of.
    expect(text.replaceAll('part-of":"knative-eventing"', "")).not.toContain('"knative-eventing"');
    expect(text).not.toContain("serviceaccount:knative-eventing");
    const [container] = controllerIn(objects).template.spec.containers;
    expect(container.env).toContainEqual({ name: "KNATIVE_NAMESPACE", value: "eventing" });
  });
});

it("makes the optional objects only where values ask for them", async () => {
  const names = (objects: Objects) => [...objects.keys()].toSorted();
  const base = names(await rendered());
  const without = { rbac: { aggregate: false }, admissionPolicy: { enabled: false } };
  const less = names(await rendered({ ...without, crds: { install: false } }));
  expect(base.filter((name) => !less.includes(name))).toEqual([
    "ClusterRole/nats-jsm-channels-edit",
    "ClusterRole/nats-jsm-channels-view",
    "CustomResourceDefinition/natsjetstreamchannels.messaging.knative.dev",
    "ValidatingAdmissionPolicy/natsjetstreamchannels-scope.messaging.knative.dev",
    "ValidatingAdmissionPolicy/natsjetstreamchannels-subscribers.messaging.knative.dev",
    "ValidatingAdmissionPolicyBinding/natsjetstreamchannels-scope.messaging.knative.dev",
    "ValidatingAdmissionPolicyBinding/natsjetstreamchannels-subscribers.messaging.knative.dev",
  ]);
  const more = names(await rendered(everything));
  expect(more.filter((name) => !base.includes(name) && !/dashboard|Rule/.test(name))).toEqual([
    "ConfigMap/extra-object",
    "ConfigMap/extra-text",
    "NetworkPolicy/jetstream-ch-controller",
    "NetworkPolicy/jetstream-ch-dispatcher",
    "PodDisruptionBudget/jetstream-ch-controller",
    "PodMonitor/jetstream-ch-controller",
    "PodMonitor/jetstream-ch-dispatcher",
    "ScaledObject/jetstream-ch-dispatcher",
  ]);
});

it("evaluates templates in further objects", async () => {
  const objects = await rendered(everything, "channels");
  for (const name of ["ConfigMap/extra-object", "ConfigMap/extra-text"]) {
    expect(objects.get(name)).toMatchObject({ data: { namespace: "channels" } });
  }
});

describe("dashboards and rules", () => {
  it("are those of the chart's folders, as they are", async () => {
    const folder = await mkdtemp(join(tmpdir(), "chart-"));
    try {
      await cp(CHART, folder, { recursive: true });
      const dashboard = '{\n  "title": "{{channel}}"\n}\n';
      const groups = [
        {
          name: "own",
          rules: [{ annotations: { summary: "{{ $labels.channel }}", url: "docs/runbooks/A.md" } }],
        },
      ];
      for (const name of ["dashboards", "rules"])
        await mkdir(join(folder, name), { recursive: true });
      await writeFile(join(folder, "dashboards/own.json"), dashboard);
      await writeFile(join(folder, "rules/own.yaml"), JSON.stringify({ groups }));
      const enabled = { enabled: true };
      const rules = { ...enabled, runbookBase: "https://x/" };
      const values = JSON.stringify({ rules, dashboards: enabled });
      const { output } = await helm(
        ...[undefined, "template", "a", folder, "--set-json", `metrics=${values}`],
      );
      const objects = objectsIn(output);
      expect(objects.get("ConfigMap/jetstream-channel-dashboard-own")).toMatchObject({
        metadata: { labels: { grafana_dashboard: "1" } },
        data: { "own.json": dashboard },
      });
      const files = await readdir(join(folder, "dashboards"));
      const ofFiles = [...objects.keys()].filter((name) => name.includes("dashboard"));
      expect(ofFiles).toHaveLength(files.length);
      const { spec } = objects.get("PrometheusRule/jetstream-channel") as KubeObject;
      const linked = JSON.stringify(groups).replace("docs/runbooks", "https://x/docs/runbooks");
      expect(spec).toEqual({ groups: expect.arrayContaining(JSON.parse(linked)) });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
