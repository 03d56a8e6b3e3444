import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Line } from "../../../src/cli/diagnosis.ts";
import type { KubeObject } from "../../../src/kube/resource.ts";
import { type ApiStandIn, sendStatus } from "../../support/api-stand-in.ts";
import { runCli } from "../../support/cli.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { faulty, linesOf } from "../../support/doctor-lines.ts";
import { manifests } from "../../support/manifests.ts";
import { channelFor } from "../standalone/standalone-world.ts";
import { COLLECTIONS, put, startInstallation } from "./stand-in-installation.ts";

let dataPlane: DataPlane;
let folder: string;
const standIns: ApiStandIn[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "jetstream-channel-doctor-"));
  const limits = { stream: { config: { maxMsgs: 1000 } } };
  dataPlane = await startDataPlane({ channels: [channelFor("orders", { spec: limits })] });
});

afterEach(async () => {
  for (const standIn of standIns.splice(0)) await standIn.stop();
});

afterAll(async () => {
  await dataPlane.stop();
  await rm(folder, { recursive: true, force: true });
});

async function installation(change?: (api: ApiStandIn) => unknown, mayRead = true) {
  const { api, env } = await startInstallation({ folder, change, mayRead });
  standIns.push(api);
  return env;
}

const dispatcher = () => ["--dispatcher-url", `http://127.0.0.1:${dataPlane.dispatcher.adminPort}`];

const CRD = "natsjetstreamchannels.messaging.knative.dev";

/** Takes fields out of the CRD, as one of an older release has them not. */
function olderCrd(api: ApiStandIn): void {
  const text = JSON.stringify(manifests("300")[0]).replace('"overrideName":', '"another":');
  api.put(COLLECTIONS.crds, JSON.parse(text) as KubeObject);
}

function configMap(api: ApiStandIn, name: string, data: Record<string, string>): void {
  put(api, "configMaps", { name, data });
}

function deployment(api: ApiStandIn, role: string, replicas: number, availableReplicas: number) {
  const name = `jetstream-ch-${role}`;
  put(api, "deployments", { name, spec: { replicas }, status: { availableReplicas } });
}

/** Puts in a channel whose namespace has a dispatcher of its own. */
function scopedChannel(api: ApiStandIn, namespace: string): void {
  const annotations = { "eventing.knative.dev/scope": "namespace" };
  const collection = COLLECTIONS.channels.replace("default", namespace);
  api.put(collection, { metadata: { name: "scoped", namespace, annotations } });
}

describe("an installation that is as it should be", () => {
  it("has no line but such as are ok, and exit code 0", async () => {
    const env = await installation();
    const lines = await linesOf(dispatcher(), env);
    expect(faulty(lines)).toEqual([]);
    const checks = lines.map(({ check }) => check);
    expect([...new Set(checks)]).toEqual([
      ...["API server", "your permissions", "CRD", "Go webhooks", "configuration"],
      ...["controller", "controller Lease", "dispatcher", "dispatcher Lease"],
      ...["NATS", "JetStream", "channels", "streams"],
    ]);
  });

  it("is shown in columns", async () => {
    const env = await installation();
    const { out } = await runCli(["doctor", ...dispatcher()], { env });
    expect(out).toMatch(/^ok {4}API server {8}Kubernetes v1\.36\.3 at http:/m);
    expect(out).toMatch(/^ok {4}CRD {15}natsjetstreamchannels/m);
  });
});

describe("an installation of which a part is broken", () => {
  type Row = [string, (api: ApiStandIn) => unknown, Line["level"], string, string, string];
  const controllerLease = "jetstream-channel-controller";
  const dispatcherLease = "jetstream-channel-dispatcher";
  const old = { holderIdentity: "a", renewTime: "2020-01-01T00:00:00Z" };
  const webhooks = "validation.webhook.nats.messaging.knative.dev";
  const wrong = { "jetstream-dispatcher-config": "clusterDefault: { replicas: many }" };
  const rows: Row[] = [
    [
      "no CRD",
      (api) => api.remove(COLLECTIONS.crds, CRD),
      "fail",
      "CRD",
      "is not there",
      "helm upgrade …, or kubectl apply -f config/300-",
    ],
    [
      "an older CRD",
      olderCrd,
      "warn",
      "CRD",
      "drops spec.stream.overrideName",
      "helm upgrade …, or kubectl apply -f config/300-",
    ],
    [
      "no controller",
      (api) => api.remove(COLLECTIONS.deployments, "jetstream-ch-controller"),
      "fail",
      "controller",
      "is not there",
      "helm upgrade …, or kubectl apply -f config/ where it was installed so",
    ],
    [
      "a controller without Pods",
      (api) => deployment(api, "controller", 1, 0),
      "fail",
      "controller",
      "0 of 1 Pods available",
      "describe deployment",
    ],
    [
      "a dispatcher that lacks a Pod",
      (api) => deployment(api, "dispatcher", 2, 1),
      "warn",
      "dispatcher",
      "1 of 2 Pods available",
      "describe deployment",
    ],
    [
      "a Lease of nobody",
      (api) => put(api, "leases", { name: controllerLease, spec: {} }),
      "fail",
      "controller Lease",
      "held by nobody",
      "logs deployment/jetstream-ch-controller",
    ],
    [
      "a Lease of somebody gone",
      (api) => put(api, "leases", { name: dispatcherLease, spec: old }),
      "fail",
      "dispatcher Lease",
      "was renewed",
      "logs deployment/jetstream-ch-dispatcher",
    ],
    [
      "a wrong configuration",
      (api) => configMap(api, "config-jetstream", { "eventing-jetstream": "urls: x" }),
      "fail",
      "configuration",
      'config-jetstream: unknown key "urls"',
      "edit configmap config-jetstream",
    ],
    [
      "a configuration without its key",
      (api) => configMap(api, "config-jetstream", {}),
      "fail",
      "configuration",
      'has no key "eventing-jetstream"',
      "edit configmap",
    ],
    [
      "no configuration",
      (api) => api.remove(COLLECTIONS.configMaps, "config-jetstream"),
      "fail",
      "configuration",
      "config-jetstream is not there",
      "create ConfigMap",
    ],
    [
      "wrong defaults",
      (api) => configMap(api, "config-ch-jetstream-defaults", wrong),
      "fail",
      "configuration",
      "clusterDefault.replicas: a number expected",
      "edit configmap",
    ],
    [
      "webhooks of the Go implementation",
      (api) => put(api, "webhooks", { name: webhooks }),
      "fail",
      "Go webhooks",
      "stand in the way",
      `kubectl delete validatingwebhookconfiguration ${webhooks}`,
    ],
  ];

  it.each(rows)("is told of: %s", async (_, change, level, check, message, remedy) => {
    const env = await installation(change);
    const lines = await linesOf(dispatcher(), env);
    expect(faulty(lines)).toEqual([
      {
        level,
        check,
        message: expect.stringContaining(message),
        remedy: expect.stringContaining(remedy),
      },
    ]);
  });

  it("is told of: the configuration of the Go implementation alone", async () => {
    const env = await installation((api) => {
      api.remove(COLLECTIONS.configMaps, "config-jetstream");
      configMap(api, "config-nats", { "eventing-nats": "url: nats://a" });
    });
    const lines = await linesOf(dispatcher(), env);
    expect(faulty(lines)).toMatchObject([{ level: "warn", check: "configuration" }]);
  });

  it("is told of: an API server that does not answer, and nothing else is asked", async () => {
    const env = await installation((api) => api.stop());
    const lines = await linesOf(dispatcher(), env);
    expect(lines).toEqual([
      {
        level: "fail",
        check: "API server",
        message: expect.stringContaining("cannot get /version"),
        remedy: expect.stringContaining("kubectl version"),
      },
    ]);
  });

  it("is told of: what the person may not read", async () => {
    const env = await installation(undefined, false);
    const lines = await linesOf(dispatcher(), env);
    const [line, ...more] = faulty(lines);
    expect(line).toMatchObject({ level: "warn", check: "your permissions" });
    expect(line?.message).toContain("get pods/proxy in knative-eventing");
    expect(more).toEqual([]);
  });

  it("is told of: namespaces that the person may look into, beside one of which that is not so", async () => {
    const env = await installation((api) => {
      for (const namespace of ["a-team", "default"]) scopedChannel(api, namespace);
      const { fault } = api;
      api.fault = (request, response) => {
        if (!request.path.startsWith("/api/v1/namespaces/a-team/")) return fault(request, response);
        sendStatus(response, 403, "Forbidden");
        return true;
      };
    });
    const check = "configuration";
    const lines = await linesOf(dispatcher(), env);
    expect(lines.filter((line) => line.check === check)).toEqual([
      { level: "ok", check, message: expect.stringContaining("config-ch-jetstream-defaults") },
      { level: "ok", check, message: "knative-eventing/config-jetstream is valid" },
      {
        ...{ level: "warn", check, remedy: expect.stringContaining("docs/cli.md") },
        message: expect.stringContaining("not looked at: cannot get configmaps a-team/"),
      },
      {
        ...{ level: "fail", check, remedy: expect.stringContaining("create ConfigMap default/") },
        message: "default/config-jetstream is not there",
      },
    ]);
  });

  it("is told of: a dispatcher that cannot be asked", async () => {
    const env = await installation();
    const lines = await linesOf(["--dispatcher-url", "http://127.0.0.1:1"], env);
    expect(faulty(lines).length).toBeGreaterThan(0);
    for (const line of faulty(lines)) {
      expect(line).toMatchObject({ level: "warn", check: "dispatcher" });
      expect(line.remedy).toContain("port-forward");
    }
  });
});
