import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseYaml } from "../../../src/runtime/yaml.ts";

interface Workflow {
  permissions?: unknown;
  jobs: Record<string, { permissions?: Record<string, string>; steps: { uses?: string }[] }>;
}

const root = join(import.meta.dirname, "../../..");
const folder = join(root, ".github/workflows");

describe.each(readdirSync(folder))("workflow %s", (name) => {
  const text = readFileSync(join(folder, name), "utf8");
  const workflow = parseYaml(text)[0] as Workflow;
  const jobs = Object.entries(workflow.jobs);

  it("pins every action by a full commit, with its version beside it", () => {
    const used = jobs.flatMap(([, { steps }]) => steps.flatMap(({ uses }) => uses ?? []));
    expect(used.length).toBeGreaterThan(0);
    const pinned = text.matchAll(/uses: (\S+@[0-9a-f]{40}) # v\d+\.\d+\.\d+$/gm);
    expect([...pinned].map(([, action]) => action)).toEqual(used);
  });

  it("gives nothing by default, and each job only what it says", () => {
    expect(workflow.permissions).toEqual({});
    for (const [job, { permissions }] of jobs) {
      expect(permissions, job).toMatchObject({ contents: "read" });
    }
  });

  it("leaves no credentials in the clone", () => {
    const checkouts = text.match(/uses: actions\/checkout@.*\n\s+with: .*/g) ?? [];
    expect(checkouts).toHaveLength(jobs.length);
    for (const one of checkouts) expect(one).toContain("persist-credentials: false");
  });

  it("puts nothing into a shell that is not of the workflow itself", () => {
    const runs = text.match(/run: .*\$\{\{.*/g) ?? [];
    expect(runs.filter((one) => one !== `run: $\{{ matrix.run }}`)).toEqual([]);
  });
});

describe("the chart of a release", () => {
  const text = readFileSync(join(folder, "release.yml"), "utf8");

  it("is packaged by the Helm that the tests use", () => {
    const mod = readFileSync(join(root, "test/support/tools/helm/go.mod"), "utf8");
    const [, tested] = mod.match(/helm\.sh\/helm\/v4 (v\S+)/) ?? [];
    expect(tested).toBeDefined();
    expect(text).toContain(`with: { version: ${tested} }`);
  });

  it("has its images where the release has pushed them", () => {
    const values = join(root, "charts/jetstream-channel/values.yaml");
    const [edit = ""] = text.match(/sed -i .*(?= charts\/jetstream-channel\/values\.yaml)/) ?? [];
    const script = `registry=registry.example/team; ${edit.replace("sed -i", "sed")} "$0"`;
    const changed = execFileSync("bash", ["-euc", script, values], { encoding: "utf8" });
    expect(parseYaml(changed)[0]).toMatchObject({
      global: { imageRegistry: "registry.example/team" },
    });
  });
});
