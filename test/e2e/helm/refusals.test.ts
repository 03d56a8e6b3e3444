import { beforeAll, describe, expect, it } from "vitest";
import { RESERVED_LABELS, RESERVED_VARIABLES } from "../../../src/api/pod-settings.ts";
import { helmIsThere } from "../../support/helm.ts";
import { rendered } from "./rendered.ts";

beforeAll(...helmIsThere);

describe("values that are not right are refused with a sentence", () => {
  it.concurrent.each([
    [{ natz: {} }, "additional properties 'natz' not allowed"],
    [{ nats: { urls: "nats://a" } }, "at '/nats': additional properties 'urls' not allowed"],
    [{ nats: { url: "" } }, "at '/nats/url': minLength: got 0, want 1"],
    [{ nats: { url: 4222 } }, "at '/nats/url': got number, want string"],
    [{ nats: { auth: { creds: {} } } }, "at '/nats/auth': additional properties 'creds'"],
    [{ nats: { auth: { token: {} } } }, "at '/nats/auth/token': missing property 'secret'"],
    [{ nats: { tls: { secret: "a" } } }, "at '/nats/tls': additional properties 'secret'"],
    [{ nats: { jetstream: { domain: 1 } } }, "at '/nats/jetstream/domain': got number"],
    [{ nats: { dispatch: { concurency: 1 } } }, "additional properties 'concurency' not allowed"],
    [{ nats: { dispatch: { concurrency: 0 } } }, "minimum: got 0, want 1"],
    [{ crds: { keep: "yes" } }, "at '/crds/keep': got string, want boolean"],
    [{ crds: { enabled: true } }, "at '/crds': additional properties 'enabled' not allowed"],
    [{ controller: { replicas: 0 } }, "at '/controller/replicas': minimum: got 0, want 1"],
    [{ controller: { replicas: 1.5 } }, "at '/controller/replicas': got number, want integer"],
    [{ controller: { logLevel: "loud" } }, "at '/controller/logLevel': value must be one of"],
    [{ controller: { image: { digest: "sha256:1" } } }, "at '/controller/image/digest'"],
    [{ controller: { image: { name: "a" } } }, "additional properties 'name' not allowed"],
    [{ controller: { readinessProbe: { httpGet: {} } } }, "additional properties 'httpGet'"],
    [{ controller: { tolerations: [{ keys: "a" }] } }, "additional properties 'keys' not allowed"],
    [{ controller: { resources: { limit: {} } } }, "additional properties 'limit' not allowed"],
    [{ dispatcher: { replicas: 0 } }, "at '/dispatcher/replicas': minimum: got 0, want 1"],
    [{ dispatcher: { labels: { a: 1 } } }, "at '/dispatcher/labels/a': got number, want string"],
    [{ dispatcher: { extraEnv: [{ value: "a" }] } }, "missing property 'name'"],
    [{ dispatcher: { extraVolumeMounts: [{ name: "a" }] } }, "missing property 'mountPath'"],
    [{ dispatcher: { namespaceDefaults: { a: { replica: 1 } } } }, "'replica' not allowed"],
    [{ dispatcher: { affinity: { podAfinity: {} } } }, "additional properties 'podAfinity'"],
    [{ defaultChannel: { maxAge: "1 week" } }, "at '/defaultChannel/maxAge'"],
    [{ defaultChannel: { replicas: 2 } }, "at '/defaultChannel/replicas': value must be one of"],
    [{ autoscaling: { minReplicas: 0 } }, "at '/autoscaling/minReplicas': minimum: got 0"],
    [{ autoscaling: { keda: { lagThreshold: 0 } } }, "minimum: got 0, want 1"],
    [{ podDisruptionBudget: { minAvailable: 1 } }, "additional properties 'minAvailable'"],
    [{ networkPolicy: { senders: {} } }, "at '/networkPolicy/senders': got object, want array"],
    [{ metrics: { serviceMonitor: true } }, "at '/metrics/serviceMonitor': got boolean"],
    [{ metrics: { podMonitor: { interval: "often" } } }, "at '/metrics/podMonitor/interval'"],
    [{ rbac: { create: true } }, "at '/rbac': additional properties 'create' not allowed"],
    [{ extraObjects: [1] }, "at '/extraObjects/0'"],
  ])("%j", async (values, sentence) => {
    await expect(rendered(values)).rejects.toThrow(sentence);
  });
});

describe("values that contradict each other are refused with a sentence", () => {
  const keda = { enabled: true, prometheusAddress: "http://prometheus" };
  const secret = { secretName: "a" };

  it.concurrent.each([
    [
      { autoscaling: { enabled: true, keda } },
      "autoscaling.enabled and autoscaling.keda.enabled: one of them expected",
    ],
    [
      { autoscaling: { enabled: true }, dispatcher: { replicas: 2 } },
      "dispatcher.replicas: unset expected while autoscaling is enabled",
    ],
    [{ autoscaling: { keda }, dispatcher: { replicas: 2 } }, "dispatcher.replicas: unset expected"],
    [
      {
        autoscaling: { enabled: true },
        dispatcher: { resources: { requests: { memory: "1Gi" }, limits: { memory: "1Gi" } } },
      },
      "dispatcher.resources: requests.cpu expected while autoscaling is enabled",
    ],
    [
      { autoscaling: { minReplicas: 6 } },
      "autoscaling.maxReplicas: at least autoscaling.minReplicas (6) expected, got 5",
    ],
    [
      { autoscaling: { keda: { enabled: true } } },
      "autoscaling.keda.prometheusAddress: the address of Prometheus expected",
    ],
    [
      { metrics: { serviceMonitor: { enabled: true }, podMonitor: { enabled: true } } },
      "metrics.serviceMonitor.enabled and metrics.podMonitor.enabled: one of them expected",
    ],
    [
      { nats: { auth: { token: { secret }, nKey: { secret } } } },
      "nats.auth: one way to log in expected, got nKey and token",
    ],
    [
      { nats: { url: "nats://me:secret@nats", auth: { token: { secret } } } },
      "nats.auth: one way to log in expected, got one here and another in nats.url",
    ],
    [
      { controller: { extraEnv: [{ name: "LOG_LEVEL", value: "debug" }] } },
      "controller.extraEnv: LOG_LEVEL is set by the chart",
    ],
    [
      { dispatcher: { logLevel: "info", extraEnv: [{ name: "LOG_LEVEL", value: "debug" }] } },
      "dispatcher.extraEnv: no LOG_LEVEL expected beside dispatcher.logLevel",
    ],
  ])("%j", async (values, sentence) => {
    await expect(rendered(values)).rejects.toThrow(sentence);
  });
});

describe("values that only seem to contradict each other are taken", () => {
  it.concurrent.each([
    {
      autoscaling: { enabled: true },
      dispatcher: { resources: { requests: { cpu: "1" } } },
    },
    { autoscaling: { enabled: true }, dispatcher: { resources: { limits: { cpu: 2 } } } },
    { dispatcher: { resources: { requests: { memory: "1Gi" } } } },
    { dispatcher: { extraEnv: [{ name: "LOG_LEVEL", value: "debug" }] } },
  ])("%j", async (values) => {
    expect((await rendered(values)).has("ConfigMap/config-ch-jetstream-defaults")).toBe(true);
  });
});

describe("what the controller would refuse of dispatchers is refused with a sentence", () => {
  const [label = ""] = RESERVED_LABELS;
  const labels = { team: "a", [label]: "b" };
  const env = [{ name: "TZ" }, { name: RESERVED_VARIABLES[0], value: "a" }];
  const namespaceDefault = "dispatcher.namespaceDefaults.orders";

  it.concurrent.each([
    ...RESERVED_LABELS.map((key) => [{ global: { labels: { [key]: "a" } } }, "global.labels", key]),
    [{ controller: { labels } }, "controller.labels", label],
    [{ dispatcher: { labels } }, "dispatcher.labels", label],
    [
      { dispatcher: { namespaceDefaults: { orders: { labels } } } },
      `${namespaceDefault}.labels`,
      label,
    ],
  ] as [object, string, string][])("%j", async (values, path, key) => {
    await expect(rendered(values)).rejects.toThrow(`${path}: ${key} selects Pods or says whose`);
  });

  it.concurrent.each([
    ...RESERVED_VARIABLES.map((name) => [
      { dispatcher: { extraEnv: [{ name, value: "a" }] } },
      `dispatcher.extraEnv: ${name} is set by the controller`,
    ]),
    [
      { dispatcher: { namespaceDefaults: { orders: { env } } } },
      `${namespaceDefault}.env: ${env[1]?.name} is set by the controller`,
    ],
  ] as [object, string][])("%j", async (values, sentence) => {
    await expect(rendered(values)).rejects.toThrow(sentence);
  });
});
