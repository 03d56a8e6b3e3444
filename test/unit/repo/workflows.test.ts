import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseYaml } from "../../../src/runtime/yaml.ts";

interface Workflow {
  permissions?: unknown;
  jobs: Record<string, { permissions?: Record<string, string>; steps: { uses?: string }[] }>;
}

const folder = join(import.meta.dirname, "../../../.github/workflows");

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
