import { dirname } from "node:path";
import { load } from "js-yaml";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { parseChannel } from "../../../src/api/parse-channel.ts";
import { makeNamespace } from "../../support/cluster.ts";
import { CHART, helm, helmIsThere, valueArguments } from "../../support/helm.ts";
import { createKubeClient, type KubeClient } from "../../support/kube-client.ts";
import { findTool } from "../../support/tools/find-tool.ts";
import { runProgram } from "../../support/tools/run-program.ts";

let client: KubeClient;
let namespace: string;

beforeAll(...helmIsThere);
beforeAll(async () => {
  client = createKubeClient(inject("cluster").admin);
  namespace = await makeNamespace(client, "notes");
});

afterAll(async () => {
  await client.close();
});

/** Gives the notes of an installation: without a cluster, or with the one of the test run, as if it were installed there. */
async function notesOf(values: object, kubeconfigPath?: string): Promise<string> {
  const dryRun = kubeconfigPath === undefined ? "client" : "server";
  const given = [`--dry-run=${dryRun}`, "--take-ownership", ...valueArguments(values)];
  const all = ["install", "notes", CHART, "--namespace", "knative-eventing", ...given];
  const { exitCode, output } = await helm(kubeconfigPath, ...all);
  expect(exitCode, output).toBe(0);
  return output.slice(output.indexOf("NOTES:"));
}

const warningsIn = (notes: string) =>
  notes.split("\n").filter((line) => line.startsWith("WARNING"));

it("warns of nothing by default, says that streams without a limit grow, and how to uninstall", async () => {
  const notes = await notesOf({});
  expect(warningsIn(notes)).toEqual([]);
  expect(notes).toContain("has a stream that grows until the storage of NATS is full");
  expect(notes).toContain("\nkubectl delete natsjetstreamchannels --all --all-namespaces\n");
  expect(notes).not.toContain("default-ch-webhook");
});

describe("warns of", () => {
  const keda = { enabled: true, prometheusAddress: "http://prometheus" };

  it.concurrent.each([
    ["a type that nobody upgrades", { crds: { install: false } }, "crds.install is false"],
    ["channels that go with the release", { crds: { keep: false } }, "crds.keep is false"],
    [
      "channels that anybody may point anywhere",
      { admissionPolicy: { enabled: false } },
      "admissionPolicy.enabled is false",
    ],
    [
      "streams without a limit",
      { defaultChannel: { enabled: true, maxAge: "" } },
      "defaultChannel.maxAge is empty: streams of such channels grow",
    ],
    [
      "one replica on several servers",
      { defaultChannel: { enabled: true }, nats: { url: "nats://a,nats://b" } },
      "nats.url names several servers and defaultChannel.replicas is 1",
    ],
    ["scaling without metrics", { autoscaling: { keda } }, "autoscaling.keda.enabled without"],
    [
      "alerts without metrics",
      { metrics: { rules: { enabled: true } } },
      "metrics.rules.enabled without",
    ],
  ])("%s", async (_, values, sentence) => {
    expect(warningsIn(await notesOf(values))).toEqual([
      expect.stringMatching(`^WARNING: ${sentence}`),
    ]);
  });

  it("a Knative that is not there", async () => {
    const notes = await notesOf(
      { knativeEventing: { namespace: "nowhere" } },
      inject("cluster").kubeconfigPath,
    );
    expect(warningsIn(notes)).toEqual([expect.stringContaining("there is no namespace nowhere")]);
  });
});

it("prints commands that make the default channel, and keep what else Knative's configuration says", async () => {
  const { kubeconfigPath } = inject("cluster");
  const names = ["default-ch-webhook", "config-br-default-channel"];
  const other = { "some-namespace": { apiVersion: "v1", kind: "It's another" } };
  for (const name of names) {
    const data = { "default-ch-config": JSON.stringify({ namespaceDefaults: other }) };
    const metadata = { name, namespace };
    await client.create({ apiVersion: "v1", kind: "ConfigMap", metadata, data });
  }
  const values = {
    knativeEventing: { namespace },
    defaultChannel: { enabled: true, maxAge: "24h", replicas: 3 },
  };
  const notes = await notesOf(values, kubeconfigPath);
  const commands = notes.split("\n").filter((line) => line.startsWith("kubectl patch configmap"));
  expect(commands).toHaveLength(2);
  const PATH = dirname(await findTool("kubectl"));
  for (const command of commands) {
    const env = { PATH, HOME: "/nonexistent", KUBECONFIG: kubeconfigPath };
    const { exitCode, output } = await runProgram("/bin/sh", ["-c", command], { env });
    expect(exitCode, output).toBe(0);
  }
  const [channels, brokers] = await Promise.all(
    names.map(async (name) => {
      const ref = { apiVersion: "v1", kind: "ConfigMap", namespace, name };
      return (await client.get<{ data: Record<string, string> }>(ref)).data;
    }),
  );
  const { clusterDefault, namespaceDefaults } = load(channels?.["default-ch-config"] ?? "") as {
    clusterDefault: object;
    namespaceDefaults: object;
  };
  expect(namespaceDefaults).toEqual(other);
  expect(load(brokers?.["channel-template-spec"] ?? "")).toEqual(clusterDefault);
  const metadata = { namespace: "default", name: "made" };
  const jetstream = { subjectPrefix: "", streamPrefix: "" };
  const parsed = parseChannel({ ...clusterDefault, metadata }, { jetstream });
  expect(parsed).toMatchObject({ ok: true, refusals: [] });
  expect(clusterDefault).toMatchObject({
    spec: { stream: { config: { maxAge: "24h", replicas: 3 } } },
  });
});
