import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { findTool } from "../../support/tools/find-tool.ts";
import { runProgram } from "../../support/tools/run-program.ts";
import { type ChannelApi, channelApi } from "./channel-api.ts";

const cluster = inject("cluster");

let api: ChannelApi;
beforeAll(async () => {
  api = await channelApi();
});

describe("kubectl get", () => {
  beforeAll(async () => {
    await api.client.create(api.channel("shown"));
    const conditions = [{ type: "Ready", status: "False", reason: "NoStream" }];
    const status = { conditions, address: { url: "http://shown" }, stream: { name: "KN_SHOWN" } };
    await api.client.patch(api.ref("shown", "status"), { status });
  });

  it.each(["natsjsmc", "natsjetstreamchannel", "natsjetstreamchannels", "channel", "messaging"])(
    "finds a channel by the name %s",
    async (name) => {
      expect(await kubectl("get", name, "-n", api.namespace)).toMatch(/\bshown\b/);
    },
  );

  it("shows Ready, Reason, URL and Age", async () => {
    const [head = "", row = ""] = (await kubectl("get", "natsjsmc", "-n", api.namespace)).split(
      "\n",
    );
    expect(head.split(/\s+/)).toEqual(["NAME", "READY", "REASON", "URL", "AGE"]);
    expect(row).toMatch(/^shown +False +NoStream +http:\/\/shown +\d+\w$/);
  });

  it("shows the stream, too, when asked for more", async () => {
    const [head = "", row = ""] = (
      await kubectl("get", "natsjsmc", "-n", api.namespace, "-o", "wide")
    ).split("\n");
    expect(head.split(/\s+/)).toEqual(["NAME", "READY", "REASON", "URL", "AGE", "STREAM"]);
    expect(row).toMatch(/KN_SHOWN$/);
  });
});

it("kubectl explain has a sentence for every field", async () => {
  const explained = await kubectl("explain", "natsjetstreamchannel.spec.stream.config");
  expect(explained).toContain("storage");
  expect(explained).toContain("File (default) or Memory.");
  expect(explained).not.toContain("<no description>");
  const recursive = await kubectl("explain", "natsjetstreamchannel", "--recursive");
  for (const field of ["deadLetterSink", "optStartSeq", "usernamePassword", "lastTransitionTime"]) {
    expect(recursive).toContain(field);
  }
});

it("kubectl apply --dry-run=server says in one sentence what is wrong", async () => {
  const spec = { stream: { config: { storage: "Disk" } } };
  const channel = JSON.stringify(api.channel("wrong", { spec }));
  const path = join(cluster.folder, `${api.namespace}.json`);
  await writeFile(path, channel);
  await expect(kubectl("apply", "--dry-run=server", "-f", path)).rejects.toThrow(
    'The NatsJetStreamChannel "wrong" is invalid: spec.stream.config.storage: Invalid value: "Disk": "File" or "Memory" expected (in any case)',
  );
});

async function kubectl(...programArguments: string[]): Promise<string> {
  const all = [`--kubeconfig=${cluster.kubeconfigPath}`, `--cache-dir=${cluster.folder}/kubectl`];
  const path = await findTool("kubectl");
  const { exitCode, output } = await runProgram(path, [...programArguments, ...all], {
    timeoutMs: 60_000,
  });
  if (exitCode !== 0) throw new Error(output);
  return output.trim();
}
