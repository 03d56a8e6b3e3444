import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli, runCliProcess } from "../../support/cli.ts";
import { cliPage, documentedFiles, documentedRuns } from "../../support/cli-page.ts";

const runs = documentedRuns.filter(({ arguments: [command] }) => command === "lint");
let cwd: string;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "jetstream-channel-docs-"));
  for (const [name, text] of documentedFiles) await writeFile(join(cwd, name), text);
});

afterAll(() => rm(cwd, { recursive: true, force: true }));

it("shows files and what lint says of them", () => {
  expect(documentedFiles.size).toBe(2);
  expect(runs.length).toBe(2);
});

it.each(runs)("prints what the page says: $arguments", async ({ arguments: given, output }) => {
  const { out, exitCode } = await runCliProcess(given, { cwd });
  expect(out).toBe(output);
  expect(exitCode).toBe(/, 0 errors/.test(output) ? 0 : 1);
});

describe.each(["status", "doctor", "peek", "lint"])("%s", (command) => {
  it("has its options in the page", async () => {
    const { out } = await runCli([command, "--help"]);
    const options = [...out.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(
      ([, option]) => option ?? "",
    );
    expect(options).toContain("--help");
    const short: Record<string, string> = {
      "--output": "-o",
      "--namespace": "-n",
      "--all-namespaces": "-A",
    };
    const missing = options.filter(
      (option) => !cliPage.includes(option) && !cliPage.includes(`\`${short[option]}`),
    );
    expect(missing).toEqual([]);
  });
});
